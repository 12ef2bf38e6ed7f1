//! Whether the service can do its work.

use axum::extract;
use pg::Context;
use serde::Serialize;

use crate::body::Json;
use crate::state::State;

#[derive(Serialize)]
pub(crate) struct Health {
    healthy: bool,
}

const PROBE: &str = "select id from storage.buckets limit 1";

/// Always 200; the body tells, as in the original.
pub(crate) async fn show(extract::State(state): extract::State<State>) -> Json<Health> {
    Json(Health { healthy: state.db().read(&Context::service(), PROBE, &[]).await.is_ok() })
}
