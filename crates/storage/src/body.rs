//! Reading requests: JSON bodies of bounded size, and the bucket and name in a path.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::names;
use crate::state::State;

/// The most bytes of a JSON body that are read.
const MAX_JSON: usize = 1024 * 1024;

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<State> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, _: &State) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let body = read(&parts.headers, body).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| Error::Malformed(format!("body: {error}")))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

async fn read(headers: &HeaderMap, body: Body) -> Result<bytes::Bytes> {
    if !is_json(headers) {
        return Err(Error::NotJson);
    }
    match Limited::new(body, MAX_JSON).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::BodyTooLarge),
        Err(_) => Err(Error::Malformed("body: the request broke off".to_owned())),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The query as a struct.
pub(crate) fn query<T: DeserializeOwned>(parts: &Parts) -> Result<T> {
    match Query::try_from_uri(&parts.uri) {
        Ok(Query(query)) => Ok(query),
        Err(error) => Err(Error::Malformed(format!("querystring: {}", error.body_text()))),
    }
}

/// The query of a route, as an extractor.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<State> for Parameters<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self> {
        query(parts).map(Self)
    }
}

/// The bucket that is the only variable part of a path.
pub(crate) struct BucketPath(pub(crate) String);

impl FromRequestParts<State> for BucketPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
        let Path(bucket) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Error::Malformed(format!("params: {}", rejection.body_text())))?;
        names::check_bucket(&bucket)?;
        Ok(Self(bucket))
    }
}

/// The object that a path with two variable parts names: `/object/public/{bucket}/{*name}`.
#[derive(Clone, Debug)]
pub(crate) struct ObjectPath {
    /// The bucket's id.
    pub(crate) bucket: String,
    /// The object's name.
    pub(crate) name: String,
}

impl ObjectPath {
    fn checked(bucket: String, name: String) -> Result<Self> {
        names::check_bucket(&bucket)?;
        names::check_object(&name)?;
        Ok(Self { bucket, name })
    }

    /// Both as one text, as clients are told it.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}", self.bucket, self.name)
    }
}

impl FromRequestParts<State> for ObjectPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
        let Path((bucket, name)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Error::Malformed(format!("params: {}", rejection.body_text())))?;
        Self::checked(bucket, name)
    }
}

/// The object that the whole path behind `/object/` names, whatever its first part is: a bucket may be called
/// `public` or `list`, and then another method's route has the same beginning.
#[derive(Clone, Debug)]
pub(crate) struct PlainObjectPath(pub(crate) ObjectPath);

impl FromRequestParts<State> for PlainObjectPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self> {
        let path = parts.uri.path();
        let rest = path.strip_prefix("/object/").unwrap_or_default();
        let (bucket, name) = rest.split_once('/').unwrap_or((rest, ""));
        ObjectPath::checked(decode(bucket)?, decode(name)?).map(Self)
    }
}

/// The same for a path that names a bucket only.
pub(crate) struct PlainBucketPath(pub(crate) String);

impl FromRequestParts<State> for PlainBucketPath {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self> {
        let bucket = decode(parts.uri.path().strip_prefix("/object/").unwrap_or_default())?;
        names::check_bucket(&bucket)?;
        Ok(Self(bucket))
    }
}

fn decode(part: &str) -> Result<String> {
    match percent_decode_str(part).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(Error::Malformed("params: the path is not UTF-8".to_owned())),
    }
}
