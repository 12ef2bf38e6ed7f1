//! One user with sessions and owned objects.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use http::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::auth_api::Call;
use super::ownership::Owned;
use crate::error::Error;
use crate::extract::Path;
use crate::operators::sessions::Operator;
use crate::state::State;

/// The newest sessions; a user with more has an app that never signs out.
const SESSIONS: &str = "
    select coalesce(jsonb_agg(to_jsonb(session) order by session.created_at desc), '[]')
    from (
        select id, created_at, updated_at, user_agent, host(ip) as ip, aal, not_after,
               refreshed_at at time zone 'utc' as refreshed_at
        from auth.sessions where user_id = $1
        order by created_at desc limit 200
    ) session";

/// `GET /users/<id>`
pub(crate) async fn detail(
    Extract(state): Extract<State>,
    operator: Operator,
    Path(id): Path<Uuid>,
) -> Result<JsonBody<Value>, Error> {
    let call = Call { method: Method::GET, path: format!("/admin/users/{id}"), body: None };
    let user = call.send(&state, &operator).await?;
    let sessions = state.db().read(&state.reading(), SESSIONS, &[&id]).await?;
    let sessions: Value = sessions.first().map_or(json!([]), |row| row.get(0));
    let owned = Owned::count(&state, state.db(), id).await?;
    Ok(JsonBody(json!({"user": user, "sessions": sessions, "owned_objects": owned.listing()})))
}
