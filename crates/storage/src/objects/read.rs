//! Downloads: of what the caller may see, and of public buckets.

use axum::extract;
use axum::response::Response;
use http::HeaderMap;
use pg::Context;

use crate::body::{ObjectPath, Parameters, PlainObjectPath};
use crate::caller::{Caller, Visitor};
use crate::error::{Error, Result};
use crate::model::objects::Object;
use crate::model::{buckets, objects};
use crate::objects::serve::{self, Options};
use crate::state::State;

const GET: &str = "storage.object.get_authenticated";
const HEAD: &str = "object.head_authenticated_info";

/// `GET /object/{bucket}/{name}`: also serves public buckets, whatever the token is.
pub(crate) async fn get(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    PlainObjectPath(path): PlainObjectPath,
    Parameters(options): Parameters<Options>,
    headers: HeaderMap,
) -> Result<Response> {
    let object = visible(&state, &visitor, &path, GET).await?;
    serve::file(state.backend(), &headers, &object, &options, None).await
}

/// `GET /object/authenticated/{bucket}/{name}`
pub(crate) async fn get_authenticated(
    extract::State(state): extract::State<State>,
    caller: Caller,
    path: ObjectPath,
    Parameters(options): Parameters<Options>,
    headers: HeaderMap,
) -> Result<Response> {
    let object = visible(&state, &Visitor(Some(caller)), &path, GET).await?;
    serve::file(state.backend(), &headers, &object, &options, None).await
}

/// `GET /object/public/{bucket}/{name}`
pub(crate) async fn get_public(
    extract::State(state): extract::State<State>,
    path: ObjectPath,
    Parameters(options): Parameters<Options>,
    headers: HeaderMap,
) -> Result<Response> {
    let object = public(&state, &path).await?;
    serve::file(state.backend(), &headers, &object, &options, None).await
}

/// `HEAD /object/{bucket}/{name}`
pub(crate) async fn head(
    extract::State(state): extract::State<State>,
    visitor: Visitor,
    PlainObjectPath(path): PlainObjectPath,
) -> Result<Response> {
    Ok(serve::head(&visible(&state, &visitor, &path, HEAD).await?))
}

/// `HEAD /object/authenticated/{bucket}/{name}`
pub(crate) async fn head_authenticated(
    extract::State(state): extract::State<State>,
    caller: Caller,
    path: ObjectPath,
) -> Result<Response> {
    Ok(serve::head(&visible(&state, &Visitor(Some(caller)), &path, HEAD).await?))
}

/// `HEAD /object/public/{bucket}/{name}`
pub(crate) async fn head_public(extract::State(state): extract::State<State>, path: ObjectPath) -> Result<Response> {
    Ok(serve::head(&public(&state, &path).await?))
}

/// An object of a public bucket, or one that the policies let the visitor see.
///
/// # Errors
/// [`Error::NoSuchBucket`], also for a private bucket and a token that is not valid; [`Error::NoSuchKey`].
pub(crate) async fn visible(
    state: &State,
    visitor: &Visitor,
    path: &ObjectPath,
    operation: &'static str,
) -> Result<Object> {
    let rules = buckets::rules(state.db(), &path.bucket).await?;
    let context = match &visitor.0 {
        _ if rules.is_public => Context::service(),
        Some(caller) => caller.context(operation),
        None => return Err(Error::NoSuchBucket),
    };
    objects::find(state.db(), &context, path).await
}

/// An object of a public bucket.
///
/// # Errors
/// [`Error::NoSuchBucket`] when the bucket is not public, [`Error::NoSuchKey`].
pub(crate) async fn public(state: &State, path: &ObjectPath) -> Result<Object> {
    if !buckets::rules(state.db(), &path.bucket).await?.is_public {
        return Err(Error::NoSuchBucket);
    }
    objects::find(state.db(), &Context::service(), path).await
}
