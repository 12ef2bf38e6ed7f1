//! Where the services are mounted, and the layers around them.

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base::Random;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tower_http::catch_panic::CatchPanicLayer;

use super::gateway::{self, Gateway};
use super::observe::{self, TrustedProxies};
use super::{cors, failure};

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
}

/// What surrounds the services.
pub struct Surroundings {
    /// The keys' gate.
    pub gateway: Gateway,
    /// Whose word on client addresses counts.
    pub proxies: TrustedProxies,
    /// For request ids.
    pub random: Random,
}

/// The whole server as one router.
pub fn all(parts: Parts, surroundings: Surroundings) -> Router {
    let mut router = Router::new().route("/", get(|| async { Redirect::temporary("/dashboard/") }));
    let services = [
        (ACCOUNTS, Some(parts.auth)),
        ("/rest/v1", Some(parts.rest)),
        ("/storage/v1", Some(parts.storage)),
        ("/dashboard", Some(parts.dashboard)),
        ("/mailbox", parts.mailbox),
    ];
    for (mount, service) in services {
        if let Some(service) = service {
            // Mounted as a service and not merged, it also answers its root with a slash behind (`/rest/v1/`).
            router = router.nest_service(mount, service.layer(from_fn_with_state(mount, observe::note_route)));
        }
    }
    surround(router.fallback(no_route), surroundings)
}

/// Accounts alone, under their prefix.
pub fn accounts(service: Router, surroundings: Surroundings) -> Router {
    let service = service.layer(from_fn_with_state(ACCOUNTS, observe::note_route));
    surround(Router::new().nest_service(ACCOUNTS, service).fallback(no_route), surroundings)
}

/// Accounts alone at the root, as behind another gateway, whose business keys are.
pub fn accounts_at_root(service: Router, surroundings: Surroundings) -> Router {
    watch(service.layer(from_fn_with_state("", observe::note_route)), surroundings)
}

/// Where accounts are.
const ACCOUNTS: &str = "/auth/v1";

/// Puts the keys' gate and all else around services.
fn surround(router: Router, surroundings: Surroundings) -> Router {
    watch(router.layer(from_fn_with_state(surroundings.gateway.clone(), gateway::admit)), surroundings)
}

fn watch(router: Router, Surroundings { gateway, proxies, random }: Surroundings) -> Router {
    router
        .layer(from_fn(cors::open))
        .layer(CatchPanicLayer::custom(observe::panicked))
        .layer(from_fn(observe::log))
        .layer(from_fn_with_state(gateway, failure::tell))
        .layer(from_fn_with_state((random, proxies), observe::identify))
}

async fn no_route() -> Response {
    let body = r#"{"message":"no Route matched with those values"}"#;
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "application/json")], body).into_response()
}
