//! Moving and copying objects, within a bucket or into another.

use axum::extract;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::backend::Blob;
use crate::body::{Json, ObjectPath};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::form::user_metadata_header;
use crate::model::objects::{self, ClientObject, NewObject, Object};
use crate::names;
use crate::objects::store::{try_out, write_row};
use crate::objects::upload::is_upsert;
use crate::state::State;

/// From where to where.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    bucket_id: String,
    source_key: String,
    destination_bucket: Option<String>,
    destination_key: String,
}

impl Route {
    fn ends(self) -> Result<(ObjectPath, ObjectPath)> {
        let from = ObjectPath { bucket: self.bucket_id, name: self.source_key };
        let bucket = self.destination_bucket.unwrap_or_else(|| from.bucket.clone());
        let to = ObjectPath { bucket, name: self.destination_key };
        names::check_bucket(&from.bucket)?;
        names::check_bucket(&to.bucket)?;
        names::check_object(&to.name)?;
        Ok((from, to))
    }
}

#[derive(Serialize)]
pub(crate) struct Moved {
    message: &'static str,
}

/// `POST /object/move`: another name for the same file, so only the row changes. The owner stays.
pub(crate) async fn rename(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Json(route): Json<Route>,
) -> Result<Json<Moved>> {
    let (from, to) = route.ends()?;
    let context = caller.context("storage.object.move");
    objects::rename(state.db(), &context, &from, &to).await?;
    Ok(Json(Moved { message: "Successfully moved" }))
}

/// A copy and what becomes of the metadata.
#[derive(Deserialize)]
pub(crate) struct Copy {
    #[serde(flatten)]
    route: Route,
    /// Whether the copy gets the metadata of its source, which it does by default.
    #[serde(rename = "copyMetadata")]
    copies_metadata: Option<bool>,
    /// What it gets instead.
    metadata: Option<Replacement>,
}

#[derive(Default, Deserialize)]
struct Replacement {
    #[serde(rename = "cacheControl")]
    cache_control: Option<String>,
    mimetype: Option<String>,
}

#[derive(Serialize)]
struct Copied<'a> {
    #[serde(rename = "Id")]
    id: Uuid,
    #[serde(rename = "Key")]
    key: String,
    #[serde(flatten)]
    object: ClientObject<'a>,
}

const COPY: &str = "storage.object.copy";

/// `POST /object/copy`: a file of its own, owned by the caller.
pub(crate) async fn copy(
    extract::State(state): extract::State<State>,
    caller: Caller,
    headers: HeaderMap,
    Json(Copy { route, copies_metadata, metadata }): Json<Copy>,
) -> Result<Response> {
    let (from, to) = route.ends()?;
    let source = objects::find(state.db(), &caller.context(COPY), &from).await?;
    let mut file = source.file();
    file.last_modified = state.clock().now();
    let mut user_metadata = source.user_metadata.clone();
    if copies_metadata == Some(false) {
        let Replacement { cache_control, mimetype } = metadata.unwrap_or_default();
        file.cache_control = cache_control.unwrap_or(file.cache_control);
        file.mimetype = mimetype.unwrap_or(file.mimetype);
        user_metadata = headers.get("x-metadata").map(user_metadata_header).transpose()?.flatten();
    }
    let row = NewObject {
        id: state.random().uuid(),
        path: to,
        owner: caller.owner(),
        version: Blob(state.random().uuid()),
        metadata: file.to_json(),
        user_metadata: Some(user_metadata.unwrap_or_else(|| Value::Object(serde_json::Map::new()))),
        is_upsert: is_upsert(&headers),
    };
    try_out(&state, &caller, COPY, &row).await?;
    let copied = state.carry_through(finish(state.clone(), caller, source, row)).await?;
    let key = format!("{}/{}", copied.bucket, copied.name);
    Ok(Json(Copied { id: copied.id, key, object: copied.to_client() }).into_response())
}

async fn finish(state: State, caller: Caller, source: Object, row: NewObject) -> Result<Object> {
    let blob = source.blob().ok_or(Error::FileMissing)?;
    state.backend().copy(blob, row.version).await?;
    let id = write_row(&state, &caller, COPY, &row).await?;
    let NewObject { path, owner, version, metadata, user_metadata, .. } = row;
    let now = Some(state.clock().now());
    Ok(Object {
        id,
        name: path.name,
        bucket: path.bucket,
        owner: owner.uuid,
        owner_id: owner.id,
        version: Some(version.to_string()),
        metadata: Some(metadata),
        user_metadata,
        created_at: now,
        updated_at: now,
        last_accessed_at: now,
    })
}
