//! `/bucket`: making, showing, changing, emptying and deleting buckets.

use axum::extract;
use serde::{Deserialize, Deserializer, Serialize};

use crate::body::{BucketPath, Json, Parameters};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::model::buckets::{self, Bucket, Changes, Listing, NewBucket, SortColumn};
use crate::model::objects;
use crate::state::State;
use crate::{limits, names};

/// A size as clients write it.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "file_size_limit must be a number of bytes or a text such as 20MB")]
enum Size {
    Bytes(u64),
    Text(String),
}

/// What a bucket is made of.
#[derive(Deserialize)]
pub(crate) struct Creation {
    name: String,
    id: Option<String>,
    public: Option<bool>,
    #[serde(rename = "type")]
    kind: Option<Kind>,
    file_size_limit: Option<Size>,
    allowed_mime_types: Option<Vec<String>>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    Standard,
    Analytics,
}

#[derive(Serialize)]
pub(crate) struct Created {
    name: String,
}

#[derive(Serialize)]
pub(crate) struct Message {
    message: &'static str,
}

/// `POST /bucket`
pub(crate) async fn create(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Json(creation): Json<Creation>,
) -> Result<Json<Created>> {
    let Creation { name, id, public, kind, file_size_limit, allowed_mime_types } = creation;
    let id = id.filter(|id| !id.is_empty()).unwrap_or_else(|| name.clone());
    for name in [&id, &name] {
        names::check_bucket(name)?;
        if name.trim() != name {
            return Err(Error::InvalidBucketName);
        }
    }
    if kind == Some(Kind::Analytics) {
        return Err(Error::NotEnabled("analytics buckets"));
    }
    let bucket = NewBucket {
        id: &id,
        name: &name,
        owner: caller.owner(),
        is_public: public.unwrap_or_default(),
        file_size_limit: size(&state, file_size_limit)?,
        allowed_mime_types: types(allowed_mime_types)?,
    };
    buckets::create(state.db(), &caller.context("storage.bucket.create"), bucket).await?;
    Ok(Json(Created { name }))
}

fn size(state: &State, size: Option<Size>) -> Result<Option<i64>> {
    let bytes = match size {
        None => return Ok(None),
        Some(Size::Bytes(bytes)) => bytes,
        Some(Size::Text(text)) => limits::parse_size(&text)?,
    };
    if bytes > state.settings().file_size_limit {
        return Err(Error::EntityTooLarge("object"));
    }
    i64::try_from(bytes).map(Some).map_err(|_| Error::EntityTooLarge("object"))
}

fn types(types: Option<Vec<String>>) -> Result<Option<Vec<String>>> {
    let Some(mut types) = types else { return Ok(None) };
    types.retain(|mime| !mime.is_empty());
    limits::check_allowed_types(&types)?;
    Ok(Some(types))
}

/// How buckets are listed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListOptions {
    limit: Option<i64>,
    offset: Option<i64>,
    sort_column: Option<SortColumn>,
    sort_order: Option<Order>,
    search: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Order {
    Asc,
    Desc,
}

/// `GET /bucket`
pub(crate) async fn list(
    extract::State(state): extract::State<State>,
    caller: Caller,
    Parameters(options): Parameters<ListOptions>,
) -> Result<Json<Vec<Bucket>>> {
    let ListOptions { limit, offset, sort_column, sort_order, search } = options;
    if limit.is_some_and(|limit| limit < 1) {
        return Err(Error::Malformed("querystring/limit must be >= 1".to_owned()));
    }
    if offset.is_some_and(|offset| offset < 0) {
        return Err(Error::Malformed("querystring/offset must be >= 0".to_owned()));
    }
    let is_descending = sort_order == Some(Order::Desc);
    let listing = Listing { limit, offset, sort: sort_column, is_descending, search };
    Ok(Json(buckets::list(state.db(), &caller.context("storage.bucket.list"), &listing).await?))
}

/// `GET /bucket/{id}`
pub(crate) async fn show(
    extract::State(state): extract::State<State>,
    caller: Caller,
    BucketPath(id): BucketPath,
) -> Result<Json<Bucket>> {
    let found = buckets::find(state.db(), &caller.context("storage.bucket.get"), &id).await?;
    found.map(Json).ok_or(Error::NoSuchBucket)
}

/// What changes in a bucket: absent leaves a value, null removes it.
#[derive(Deserialize)]
pub(crate) struct Update {
    public: Option<bool>,
    #[serde(default, deserialize_with = "present")]
    file_size_limit: Option<Option<Size>>,
    #[serde(default, deserialize_with = "present")]
    allowed_mime_types: Option<Option<Vec<String>>>,
}

fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// `PUT /bucket/{id}`
pub(crate) async fn update(
    extract::State(state): extract::State<State>,
    caller: Caller,
    BucketPath(id): BucketPath,
    Json(update): Json<Update>,
) -> Result<Json<Message>> {
    let Update { public, file_size_limit, allowed_mime_types } = update;
    if public.is_none() && file_size_limit.is_none() && allowed_mime_types.is_none() {
        return Err(Error::Malformed("body must have one of the properties of a bucket".to_owned()));
    }
    let changes = Changes {
        is_public: public,
        file_size_limit: file_size_limit.map(|limit| size(&state, limit)).transpose()?,
        allowed_mime_types: allowed_mime_types.map(types).transpose()?,
    };
    buckets::update(state.db(), &caller.context("storage.bucket.update"), &id, changes).await?;
    Ok(Json(Message { message: "Successfully updated" }))
}

/// How many objects are deleted in one transaction.
const BATCH: i64 = 1000;

/// `POST /bucket/{id}/empty`: for the secret key only, as in the original, since it asks no policies.
pub(crate) async fn empty(
    extract::State(state): extract::State<State>,
    caller: Caller,
    BucketPath(id): BucketPath,
) -> Result<Json<Message>> {
    if !caller.is_service() {
        return Err(Error::SecretKeyOnly);
    }
    buckets::find(state.db(), &caller.context(EMPTY), &id).await?.ok_or(Error::NoSuchBucket)?;
    state.carry_through(delete_all(state.clone(), caller, id)).await?;
    // The original only begins here; clients compare its text.
    Ok(Json(Message { message: "Empty bucket has been queued. Completion may take up to an hour." }))
}

const EMPTY: &str = "storage.bucket.empty";

async fn delete_all(state: State, caller: Caller, id: String) -> Result<()> {
    loop {
        let (deleted, files) = objects::delete_some(state.db(), &caller.deleting(EMPTY), &id, BATCH).await?;
        state.remove_files(files).await;
        if deleted == 0 {
            return Ok(());
        }
    }
}

/// `DELETE /bucket/{id}`: only an empty one.
pub(crate) async fn delete(
    extract::State(state): extract::State<State>,
    caller: Caller,
    BucketPath(id): BucketPath,
) -> Result<Json<Message>> {
    let mut transaction = state.db().write(&caller.deleting("storage.bucket.delete")).await?;
    objects::as_owner(&mut transaction).await?;
    if !buckets::lock_and_check_empty(&mut transaction, &id).await? {
        return Err(Error::BucketNotEmpty);
    }
    objects::as_caller(&mut transaction, &caller).await?;
    if !buckets::delete(&mut transaction, &id).await? {
        return Err(Error::NoSuchBucket);
    }
    transaction.commit().await?;
    Ok(Json(Message { message: "Successfully deleted" }))
}
