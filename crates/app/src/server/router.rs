//! Where the services are mounted, and the layers around them.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base::Random;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tower_http::catch_panic::CatchPanicLayer;

use super::cors;
use super::gateway::{self, Gateway};
use super::observe::{self, TrustedProxies};

/// What the router is made of.
pub struct Parts {
    /// Accounts, under `/auth/v1`.
    pub auth: Router,
    /// The data API, under `/rest/v1`.
    pub rest: Router,
    /// Files, under `/storage/v1`.
    pub storage: Router,
    /// The console, under `/dashboard`.
    pub dashboard: Router,
    /// The mailbox, under `/mailbox`, where it is open.
    pub mailbox: Option<Router>,
    /// The keys' gate.
    pub gateway: Gateway,
    /// Whose word on client addresses counts.
    pub proxies: TrustedProxies,
    /// For request ids.
    pub random: Random,
}

/// The whole server as one router.
pub fn router(parts: Parts) -> Router {
    let mut router = Router::new()
        .route("/", get(|| async { Redirect::temporary("/dashboard/") }))
        .nest("/auth/v1", parts.auth)
        .nest("/rest/v1", parts.rest)
        .nest("/storage/v1", parts.storage)
        .nest("/dashboard", parts.dashboard);
    if let Some(mailbox) = parts.mailbox {
        router = router.nest("/mailbox", mailbox);
    }
    router
        .fallback(no_route)
        .layer(from_fn_with_state(parts.gateway, gateway::admit))
        .layer(from_fn(cors::open))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(from_fn(observe::log))
        .layer(from_fn_with_state((parts.random, parts.proxies), observe::identify))
}

async fn no_route() -> Response {
    let body = r#"{"message":"no Route matched with those values"}"#;
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "application/json")], body).into_response()
}
