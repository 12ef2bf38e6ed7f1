//! The routes.

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, delete, get, post};

use crate::state::State;
use crate::{
    admin, answer, invite, login, logout, mfa, off, otp, public, reauthenticate, recover, resend, sessions, signup,
    user, verify,
};

/// All routes, without the public prefix (`/auth/v1`).
pub fn router(state: State) -> Router {
    let router = Router::new()
        .route("/health", get(public::health))
        .route("/settings", get(public::settings))
        .route("/.well-known/jwks.json", get(public::jwks))
        .route("/.well-known/openid-configuration", get(public::openid_configuration))
        .route("/.well-known/oauth-authorization-server", get(public::oauth_authorization_server))
        .route("/token", post(login::token))
        .route("/logout", post(logout::post))
        .route("/recover", post(recover::post))
        .route("/user/identities/{identity_id}", delete(user::identities::delete))
        .route("/admin/audit", get(admin::audit::list));
    let router = off::routes(codes(router));
    let router = with_slash(router, "/signup", post(signup::post));
    let verify = get(verify::get).post(verify::post);
    let router = with_slash(router, "/verify", answer::without_head(verify, "GET, POST"));
    let router = with_slash(router, "/user", get(user::get).put(user::put));
    let router = with_slash(router, "/admin/users", get(admin::list).post(admin::create));
    let one = get(admin::get).put(admin::update).delete(admin::delete);
    let router = with_slash(router, "/admin/users/{user_id}", one);
    sessions::routes(mfa::routes(router))
        .fallback(answer::not_found)
        .layer(middleware::from_fn_with_state(state.clone(), answer::finish))
        .with_state(state)
}

/// What sends links and codes.
fn codes(router: Router<State>) -> Router<State> {
    router
        .route("/otp", post(otp::post))
        .route("/magiclink", post(otp::magic_link))
        .route("/resend", post(resend::post))
        .route("/reauthenticate", answer::without_head(get(reauthenticate::get), "GET"))
        .route("/invite", post(invite::post))
        .route("/admin/generate_link", post(admin::generate_link))
}

/// A route that answers with a slash at its end too.
fn with_slash(router: Router<State>, path: &str, methods: MethodRouter<State>) -> Router<State> {
    router.route(path, methods.clone()).route(&format!("{path}/"), methods)
}
