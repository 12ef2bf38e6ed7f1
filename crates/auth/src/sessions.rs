//! `/sessions`: the signed-in user's own sessions, to be seen and ended one by one. Supabase has no such routes;
//! `docs/sessions.md` describes them. All at once are ended by `POST /logout`.

use axum::Router;
use axum::extract::{Path, State as With};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::admin;
use crate::bearer::Authenticated;
use crate::client::Client;
use crate::denial::Denial;
use crate::error::Error;
use crate::json::Json;
use crate::model::audit::{self, Action, Actor};
use crate::model::session_list::{self, Listed};
use crate::model::sessions;
use crate::paging::Paging;
use crate::query::Query;
use crate::state::State;

/// A session that is not there, or not this user's.
pub(crate) const NOT_FOUND: Denial = Denial::new(StatusCode::NOT_FOUND, "session_not_found", "Session not found");

/// The routes of users and of administrators.
pub(crate) fn routes(router: Router<State>) -> Router<State> {
    router
        .route("/sessions", get(list))
        .route("/sessions/{session_id}", delete(end))
        .route("/admin/users/{user_id}/sessions", get(admin::sessions::list).delete(admin::sessions::end_all))
        .route("/admin/users/{user_id}/sessions/{session_id}", delete(admin::sessions::end))
}

/// The body of a list.
#[derive(Serialize)]
pub(crate) struct Sessions {
    pub(crate) sessions: Vec<Listed>,
}

/// `GET /sessions`.
async fn list(With(state): With<State>, caller: Authenticated, uri: Uri, query: Query) -> Result<Response, Error> {
    let paging = Paging::read(&query)?;
    let failed = Error::database("Database error finding sessions");
    let (mut sessions, total) =
        session_list::list(&state.db, caller.user.id, paging.limit(), paging.offset()).await.map_err(failed)?;
    let current = caller.session.map(|session| session.id);
    for session in &mut sessions {
        session.current = Some(Some(session.id) == current);
    }
    Ok((paging.headers(&uri, &query, total), Json(Sessions { sessions })).into_response())
}

/// `DELETE /sessions/{session_id}`.
async fn end(
    With(state): With<State>,
    caller: Authenticated,
    client: Client,
    Path(id): Path<String>,
) -> Result<StatusCode, Error> {
    let id = id_of(&id)?;
    let failed = Error::database("Error revoking session");
    let (_turns, mut tx) = state.change(caller.user.id).await.map_err(&failed)?;
    if !sessions::delete(&mut tx, caller.user.id, id).await.map_err(&failed)? {
        return Err(NOT_FOUND.into());
    }
    let entry = audit::payload(&Actor::user(&caller.user), Action::SessionRevoked, Some(traits(id)));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session that a path names.
pub(crate) fn id_of(text: &str) -> Result<Uuid, Error> {
    Uuid::parse_str(text).map_err(|_| Error::PathNotFound("session_id must be an UUID"))
}

fn traits(id: Uuid) -> Value {
    json!({"session_id": id})
}
