//! Where the services are mounted, and what surrounds them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use base::Random;
use futures_util::FutureExt;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::gateway::Gateway;
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
    within(service.layer(from_fn_with_state("", observe::note_route)), surroundings, false)
}

/// Where accounts are.
const ACCOUNTS: &str = "/auth/v1";

/// Puts the keys' gate and all else around services.
fn surround(router: Router, surroundings: Surroundings) -> Router {
    within(router, surroundings, true)
}

fn within(router: Router, surroundings: Surroundings, has_gate: bool) -> Router {
    router.layer(from_fn_with_state(Arc::new((surroundings, has_gate)), pass))
}

/// Middleware: all that happens around each request, in one: every layer of its own would cost the router a clone of
/// all those inside it.
async fn pass(State(around): State<Arc<(Surroundings, bool)>>, mut request: Request, next: Next) -> Response {
    let (Surroundings { gateway, proxies, random }, has_gate) = &*around;
    let id = observe::identify(&mut request, random, proxies);
    let credentials = Gateway::credentials(&request);
    let line = observe::Line::begin(&request, &id);
    let answered = answer(has_gate.then_some(gateway), request, next);
    let mut response = AssertUnwindSafe(answered).catch_unwind().await.unwrap_or_else(|_| observe::panicked(&id));
    line.write(&response);
    failure::tell(gateway, &credentials, &mut response);
    observe::tell_id(&id, &mut response);
    response
}

/// What a browser asks first, then the gate, then the service.
async fn answer(gate: Option<&Gateway>, mut request: Request, next: Next) -> Response {
    if let Some(preflight) = cors::preflight(&request) {
        return preflight;
    }
    let is_foreign = cors::is_foreign(&request);
    let mut response = match gate.map(|gate| gate.admit(&mut request)) {
        Some(Err(refusal)) => refusal.into_response(),
        Some(Ok(())) | None => next.run(request).await,
    };
    if is_foreign {
        cors::open(&mut response);
    }
    response
}

async fn no_route() -> Response {
    let body = r#"{"message":"no Route matched with those values"}"#;
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, "application/json")], body).into_response()
}
