//! What the console's header shows.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use serde_json::{Value, json};

use crate::state::State;

/// `GET /project`
pub(crate) async fn project(Extract(state): Extract<State>) -> JsonBody<Value> {
    let settings = state.settings();
    JsonBody(json!({
        "name": settings.name,
        "api_url": settings.api_url,
        "version": settings.version,
        "mailbox_url": settings.mailbox_url,
        "publishable_key": settings.publishable_key,
    }))
}
