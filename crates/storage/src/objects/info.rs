//! `GET /object/info/…`: what is known of an object, without its bytes.

use axum::extract;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::body::{Json, ObjectPath};
use crate::caller::{Caller, Visitor};
use crate::error::Result;
use crate::model::objects::Object;
use crate::objects::read;
use crate::state::State;
use crate::timestamps;

const OPERATION: &str = "object.get_authenticated_info";

/// An object as `supabase-js` reads it, which turns the keys into camel case.
#[derive(Serialize)]
pub(crate) struct Info {
    id: Uuid,
    name: String,
    version: Option<String>,
    bucket_id: String,
    size: u64,
    content_type: String,
    cache_control: String,
    etag: String,
    metadata: Option<Value>,
    last_modified: Option<String>,
    created_at: Option<String>,
}

impl From<Object> for Info {
    fn from(object: Object) -> Self {
        let file = object.file();
        Self {
            id: object.id,
            name: object.name,
            version: object.version,
            bucket_id: object.bucket,
            size: file.size,
            content_type: file.mimetype,
            cache_control: file.cache_control,
            etag: file.etag,
            metadata: object.user_metadata,
            last_modified: object.updated_at.map(timestamps::json),
            created_at: object.created_at.map(timestamps::json),
        }
    }
}

/// `GET /object/info/{bucket}/{name}`
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    path: ObjectPath,
) -> Result<Json<Info>> {
    Ok(Json(read::visible(&state, &visitor, &path, OPERATION).await?.into()))
}

/// `GET /object/info/authenticated/{bucket}/{name}`
pub(crate) async fn show_authenticated(
    extract::State(state): extract::State<State>,
    caller: Caller,
    path: ObjectPath,
) -> Result<Json<Info>> {
    Ok(Json(read::visible(&state, &Visitor(Some(caller)), &path, OPERATION).await?.into()))
}

/// `GET /object/info/public/{bucket}/{name}`
pub(crate) async fn show_public(extract::State(state): extract::State<State>, path: ObjectPath) -> Result<Json<Info>> {
    Ok(Json(read::public(&state, &path).await?.into()))
}
