//! `POST /object/{bucket}/{name}` and `PUT` of the same.

use axum::body::Body;
use axum::extract;
use http::HeaderMap;
use serde::Serialize;
use uuid::Uuid;

use crate::body::{Json, PlainObjectPath};
use crate::caller::Caller;
use crate::error::Result;
use crate::objects::store::{Upload, store};
use crate::state::State;

/// What an upload answers.
#[derive(Serialize)]
pub(crate) struct Uploaded {
    #[serde(rename = "Id")]
    id: Uuid,
    #[serde(rename = "Key")]
    key: String,
}

/// Whether the request asks to overwrite.
pub(crate) fn is_upsert(headers: &HeaderMap) -> bool {
    headers.get("x-upsert").is_some_and(|value| value == "true")
}

/// Stores a new object, or overwrites one if the request says so.
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    caller: Caller,
    PlainObjectPath(path): PlainObjectPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Uploaded>> {
    let (key, owner, is_upsert) = (path.key(), caller.owner(), is_upsert(&headers));
    let upload = Upload { caller, operation: "storage.object.upload", path, owner, is_upsert };
    let id = store(&state, upload, &headers, body).await?;
    Ok(Json(Uploaded { id, key }))
}

/// Overwrites an object, or stores a new one where there is none.
pub(crate) async fn update(
    extract::State(state): extract::State<State>,
    caller: Caller,
    PlainObjectPath(path): PlainObjectPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Uploaded>> {
    let (key, owner) = (path.key(), caller.owner());
    let upload = Upload { caller, operation: "storage.object.upload_update", path, owner, is_upsert: true };
    let id = store(&state, upload, &headers, body).await?;
    Ok(Json(Uploaded { id, key }))
}
