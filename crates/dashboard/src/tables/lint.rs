//! What is probably wrong about the rights in the schemas of the API.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use serde_json::{Value, json};

use crate::error::Error;
use crate::state::State;

/// `GET /advisors/security`
pub(crate) async fn security(Extract(state): Extract<State>) -> Result<JsonBody<Value>, Error> {
    let lints = pg::lint::security(state.db(), &state.settings().api_schemas).await?;
    Ok(JsonBody(json!({ "lints": lints })))
}
