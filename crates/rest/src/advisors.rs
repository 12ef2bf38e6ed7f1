//! `GET /advisors/security`: what is probably wrong about the rights in the exposed schemas. For the service role.

use axum::Json;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde_json::json;

use crate::error::{DatabaseError, Error, RequestError};
use crate::identity::identify;
use crate::state::State;

/// The role of the secret key.
const SERVICE: &str = "service_role";

/// Answers with what the catalog says now.
pub(crate) async fn security(Shared(state): Shared<State>, headers: HeaderMap) -> Response {
    match report(&state, &headers).await {
        Ok(response) => response,
        Err(error) => error.answer(state.loaded().settings.verbose_errors),
    }
}

async fn report(state: &State, headers: &HeaderMap) -> Result<Response, Error> {
    let deps = state.deps();
    let identity = identify(headers, &deps.verifier, &state.loaded().settings, deps.clock.unix_seconds())?;
    if identity.role != SERVICE {
        return Err(RequestError::ServiceOnly.into());
    }
    let lints = state.lints().await.map_err(|source| DatabaseError { source, is_anonymous: false })?;
    Ok(Json(json!({ "lints": lints })).into_response())
}
