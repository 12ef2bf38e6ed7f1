//! `POST /object/{bucket}/{name}` and `PUT` of the same.

use axum::body::BodyDataStream;
use axum::extract::{self, FromRequestParts, Request};
use http::HeaderMap;
use http::request::Parts;
use serde::Serialize;
use uuid::Uuid;

use crate::body::{Json, PlainObjectPath};
use crate::caller::Caller;
use crate::error::Result;
use crate::objects::store::{Upload, drain, store};
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
pub(crate) async fn create(extract::State(state): extract::State<State>, request: Request) -> Result<Json<Uploaded>> {
    let is_upsert = is_upsert(request.headers());
    answer(&state, request, "storage.object.upload", is_upsert).await
}

/// Overwrites an object, or stores a new one where there is none.
pub(crate) async fn update(extract::State(state): extract::State<State>, request: Request) -> Result<Json<Uploaded>> {
    answer(&state, request, "storage.object.upload_update", true).await
}

async fn answer(state: &State, request: Request, operation: &'static str, is_upsert: bool) -> Result<Json<Uploaded>> {
    let (mut parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let uploaded = receive(state, &mut parts, &mut body, operation, is_upsert).await;
    if uploaded.is_err() {
        drain(state, &parts.headers, body).await;
    }
    uploaded.map(Json)
}

async fn receive(
    state: &State,
    parts: &mut Parts,
    body: &mut BodyDataStream,
    operation: &'static str,
    is_upsert: bool,
) -> Result<Uploaded> {
    let caller = Caller::from_request_parts(parts, state).await?;
    let PlainObjectPath(path) = PlainObjectPath::from_request_parts(parts, state).await?;
    let (key, owner) = (path.key(), caller.owner());
    let upload = Upload { caller, operation, path, owner, is_upsert };
    let id = store(state, upload, &parts.headers, body).await?;
    Ok(Uploaded { id, key })
}
