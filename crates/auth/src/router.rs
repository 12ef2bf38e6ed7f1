//! The routes.

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};

use crate::state::State;
use crate::{answer, login, public, signup, user};

/// All routes, without the public prefix (`/auth/v1`).
pub fn router(state: State) -> Router {
    let router = Router::new()
        .route("/health", get(public::health))
        .route("/settings", get(public::settings))
        .route("/.well-known/jwks.json", get(public::jwks))
        .route("/.well-known/openid-configuration", get(public::openid_configuration))
        .route("/token", post(login::token));
    let router = with_slash(router, "/signup", post(signup::post));
    let router = with_slash(router, "/user", get(user::get));
    router
        .fallback(answer::not_found)
        .layer(middleware::from_fn_with_state(state.clone(), answer::finish))
        .with_state(state)
}

/// A route that answers with a slash at its end too.
fn with_slash(router: Router<State>, path: &str, methods: MethodRouter<State>) -> Router<State> {
    router.route(path, methods.clone()).route(&format!("{path}/"), methods)
}
