//! Deleting objects: rows under the caller's policies first, then the files.

use axum::extract;
use axum::response::{IntoResponse, Response};
use pg::Context;
use serde::{Deserialize, Serialize};

use crate::body::{Json, PlainBucketPath, PlainObjectPath};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::model::objects::{self, Object};
use crate::state::State;

/// What to delete.
#[derive(Deserialize)]
pub(crate) struct Names {
    /// Whole names, although they are called otherwise.
    prefixes: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct Message {
    message: &'static str,
}

/// `DELETE /object/{bucket}`: deletes what of the list the caller may delete, and answers with it.
pub(crate) async fn many(
    extract::State(state): extract::State<State>,
    caller: Caller,
    PlainBucketPath(bucket): PlainBucketPath,
    Json(Names { prefixes }): Json<Names>,
) -> Result<Response> {
    if prefixes.is_empty() {
        return Err(Error::Malformed("body/prefixes must NOT have fewer than 1 items".to_owned()));
    }
    let context = caller.deleting("storage.object.delete_many");
    let deleted = delete(&state, context, bucket, prefixes).await?;
    Ok(Json(deleted.iter().map(Object::to_client).collect::<Vec<_>>()).into_response())
}

/// `DELETE /object/{bucket}/{name}`
pub(crate) async fn one(
    extract::State(state): extract::State<State>,
    caller: Caller,
    PlainObjectPath(path): PlainObjectPath,
) -> Result<Json<Message>> {
    let context = caller.deleting("storage.object.delete");
    if delete(&state, context, path.bucket.clone(), vec![path.name.clone()]).await?.is_empty() {
        objects::find(state.db(), &Context::service(), &path).await?;
        return Err(Error::AccessDenied("Access denied".to_owned()));
    }
    Ok(Json(Message { message: "Successfully deleted" }))
}

async fn delete(state: &State, context: Context, bucket: String, names: Vec<String>) -> Result<Vec<Object>> {
    let work = {
        let state = state.clone();
        async move {
            let deleted = objects::delete(state.db(), &context, &bucket, &names).await?;
            state.remove_files(deleted.iter().filter_map(Object::blob)).await;
            Ok(deleted)
        }
    };
    state.carry_through(work).await
}
