//! What anybody may ask: health, settings, public keys, the discovery document.

use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use serde_json::{Value, json};

use crate::error::Error;
use crate::json::Json;
use crate::state::State;

/// The name by which clients know the service.
const NAME: &str = "GoTrue";

/// Providers that `/settings` tells about, all off until there is one.
const PROVIDERS: [&str; 23] = [
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "snapchat",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "keycloak",
    "kakao",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "spotify",
    "slack",
    "slack_oidc",
    "workos",
    "twitch",
    "twitter",
    "zoom",
];

/// `GET /health`: the process answers. The database is not asked.
pub(crate) async fn health() -> Json<Value> {
    Json(json!({
        "version": concat!("v", env!("CARGO_PKG_VERSION")),
        "name": NAME,
        "description": "Vestibule's accounts: sign-up, sign-in and user management",
    }))
}

/// `GET /settings`: what a sign-in page has to know.
pub(crate) async fn settings(With(state): With<State>) -> Json<Value> {
    let mut external = json!({
        "anonymous_users": false,
        "email": state.settings.email_enabled,
        "phone": false,
    });
    for provider in PROVIDERS {
        external[provider] = json!(false);
    }
    Json(json!({
        "external": external,
        "disable_signup": state.settings.disable_signup,
        "mailer_autoconfirm": state.settings.mailer_autoconfirm,
        "phone_autoconfirm": false,
        "sms_provider": "",
        "saml_enabled": false,
        "saml_private_key_next_configured": false,
        "passkeys_enabled": false,
    }))
}

/// `GET /.well-known/jwks.json`: the public keys of access tokens.
pub(crate) async fn jwks(With(state): With<State>) -> Response {
    let mut response = Json(state.keyring.jwks()).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=600"));
    response
}

/// `GET /.well-known/openid-configuration`.
pub(crate) async fn openid_configuration(With(state): With<State>) -> Json<Value> {
    let issuer = &state.settings.jwt_issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/authorize"),
        "token_endpoint": format!("{issuer}/oauth/token"),
        "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
        "userinfo_endpoint": format!("{issuer}/oauth/userinfo"),
        "scopes_supported": ["openid", "profile", "email", "phone", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "HS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256", "plain"],
        "claims_supported": [
            "sub", "aud", "iss", "exp", "iat", "auth_time", "nonce", "email", "email_verified", "phone_number",
            "phone_number_verified", "name", "picture", "preferred_username", "updated_at",
        ],
    }))
}

/// `GET /.well-known/oauth-authorization-server`: there is no OAuth server to describe.
pub(crate) async fn oauth_authorization_server() -> Error {
    Error::FeatureDisabled("OAuth server is disabled")
}
