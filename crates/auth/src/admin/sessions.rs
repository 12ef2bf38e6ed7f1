//! `/admin/users/{id}/sessions`: a user's sessions, for administrators.

use axum::extract::{Path, State as With};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, Uri};
use uuid::Uuid;

use super::{Target, traits};
use crate::bearer::Admin;
use crate::client::Client;
use crate::error::Error;
use crate::json::Json;
use crate::model::audit::{self, Action, Actor};
use crate::model::{session_list, sessions};
use crate::paging::Paging;
use crate::query::Query;
use crate::sessions::{NOT_FOUND, Sessions, id_of};
use crate::state::State;

/// `GET`.
pub(crate) async fn list(
    With(state): With<State>,
    _: Admin,
    Target(user): Target,
    uri: Uri,
    query: Query,
) -> Result<Response, Error> {
    let paging = Paging::read(&query)?;
    let failed = Error::database("Database error finding sessions");
    let (sessions, total) =
        session_list::list(&state.db, user.id, paging.limit(), paging.offset()).await.map_err(failed)?;
    Ok((paging.headers(&uri, &query, total), Json(Sessions { sessions })).into_response())
}

/// `DELETE` of one.
pub(crate) async fn end(
    With(state): With<State>,
    admin: Admin,
    target: Target,
    client: Client,
    Path((_, id)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    let id = id_of(&id)?;
    revoke(&state, &admin, &target, &client, Some(id)).await
}

/// `DELETE` of all.
pub(crate) async fn end_all(
    With(state): With<State>,
    admin: Admin,
    target: Target,
    client: Client,
) -> Result<StatusCode, Error> {
    revoke(&state, &admin, &target, &client, None).await
}

async fn revoke(
    state: &State,
    admin: &Admin,
    Target(user): &Target,
    client: &Client,
    id: Option<Uuid>,
) -> Result<StatusCode, Error> {
    let failed = Error::database("Error revoking session");
    let (_turns, mut tx) = state.change(user.id).await.map_err(&failed)?;
    let mut traits = traits(user);
    match id {
        Some(id) => {
            if !sessions::delete(&mut tx, user.id, id).await.map_err(&failed)? {
                return Err(NOT_FOUND.into());
            }
            traits["session_id"] = id.to_string().into();
        }
        None => sessions::delete_all(&mut tx, user.id).await.map(drop).map_err(&failed)?,
    }
    let entry = audit::payload(&Actor::admin(admin), Action::SessionRevoked, Some(traits));
    audit::insert_from(&mut tx, state, client, &entry).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(StatusCode::NO_CONTENT)
}
