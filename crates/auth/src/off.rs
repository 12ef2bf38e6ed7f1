//! What Supabase's service can do and this one cannot yet. Its clients meet the answers of a service on which
//! that is switched off, which they understand.

use axum::Router;
use axum::extract::State as With;
use axum::response::Response;
use axum::routing::{any, get};
use http::StatusCode;

use crate::bearer::{Admin, Authenticated};
use crate::denial::Denial;
use crate::error::Error;
use crate::state::State;
use crate::user;

const SAML: Denial = Denial::new(StatusCode::NOT_FOUND, "saml_provider_disabled", "SAML 2.0 is disabled");
const PASSKEYS: Denial = Denial::new(StatusCode::NOT_FOUND, "passkey_disabled", "Passkeys are disabled");
const OAUTH_SERVER: Denial = Denial::new(StatusCode::NOT_FOUND, "feature_disabled", "OAuth server is disabled");
const CUSTOM_PROVIDERS: Denial =
    Denial::new(StatusCode::NOT_FOUND, "feature_disabled", "Custom OAuth providers are disabled");
const SCIM: Denial = Denial::new(StatusCode::NOT_FOUND, "feature_disabled", "SCIM server is disabled");
const PROVIDER: Denial =
    Denial::new(StatusCode::BAD_REQUEST, "validation_failed", "Unsupported provider: provider is not enabled");
const ID_TOKEN: Denial = Denial::new(
    StatusCode::BAD_REQUEST,
    "provider_disabled",
    "Provider is not enabled: signing in with an ID token is switched off",
);
const WEB3: Denial =
    Denial::new(StatusCode::UNPROCESSABLE_ENTITY, "web3_provider_disabled", "Web3 provider is disabled");

/// Adds their routes, whatever the method.
pub(crate) fn routes(router: Router<State>) -> Router<State> {
    router
        .route("/authorize", get(async || refused(PROVIDER)))
        .route("/user/identities/authorize", get(link_identity))
        .route("/sso", any(async || refused(SAML)))
        .route("/sso/{*path}", any(async || refused(SAML)))
        .route("/passkeys", any(async || refused(PASSKEYS)))
        .route("/passkeys/{*path}", any(async || refused(PASSKEYS)))
        .route("/oauth/{*path}", any(async || refused(OAUTH_SERVER)))
        .route("/user/oauth/grants", any(async |_: Authenticated| refused(OAUTH_SERVER)))
        .route("/admin/oauth/{*path}", any(async |_: Admin| refused(OAUTH_SERVER)))
        .route("/admin/custom-providers", any(async |_: Admin| refused(CUSTOM_PROVIDERS)))
        .route("/admin/custom-providers/{*path}", any(async |_: Admin| refused(CUSTOM_PROVIDERS)))
        .route("/scim/{*path}", any(async || refused(SCIM)))
}

/// `GET /user/identities/authorize`: another provider for the signed-in user.
async fn link_identity(With(state): With<State>, _caller: Authenticated) -> Result<Response, Error> {
    refused(if state.settings.manual_linking_enabled { PROVIDER } else { user::identities::DISABLED })
}

/// The grant of `POST /token` with this name, if it is one of those.
pub(crate) fn grant(name: &str) -> Option<Error> {
    match name {
        "id_token" => Some(ID_TOKEN.into()),
        "web3" => Some(WEB3.into()),
        _ => None,
    }
}

fn refused(denial: Denial) -> Result<Response, Error> {
    Err(denial.into())
}
