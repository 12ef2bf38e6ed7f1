//! Signed URLs: a token in the query instead of a bearer. It names one object and one action, and is signed with
//! the project's secret (HS256), with the original's claims.

use axum::body::BodyDataStream;
use axum::extract::{self, FromRequestParts, Request};
use axum::response::Response;
use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::Blob;
use crate::body::{BucketPath, Json, ObjectPath, Parameters};
use crate::caller::{self, Caller, Owner};
use crate::error::{Error, Result};
use crate::form::user_metadata_header;
use crate::model::objects::{self, NewObject};
use crate::objects::serve::{self, Options};
use crate::objects::store::{Upload, drain, store, try_out};
use crate::objects::upload::is_upsert;
use crate::state::State;

/// The most paths of one request, as in the original.
const MAX_PATHS: usize = 1000;

/// The latest expiry that JavaScript's dates can hold, in seconds.
const MAX_EXPIRY: i64 = 9_007_199_254_740;

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    Download,
    Upload,
}

#[derive(Serialize)]
struct Claims<'a> {
    url: &'a str,
    scope: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upsert: Option<bool>,
    iat: i64,
    exp: i64,
}

/// What a valid token says.
#[derive(Debug)]
struct Grant {
    expires: Timestamp,
    owner: Option<String>,
    is_upsert: bool,
}

fn sign_download(state: &State, url: &str, expires_in: i64) -> Result<String> {
    let iat = state.clock().unix_seconds();
    if expires_in < 1 || expires_in > MAX_EXPIRY - iat {
        return Err(Error::InvalidParameter("expiresIn"));
    }
    let claims =
        Claims { url, scope: Scope::Download, owner: None, upsert: None, iat, exp: iat.saturating_add(expires_in) };
    let token = state.keyring().sign_with_secret(&claims);
    Ok(format!("/object/sign/{url}?token={token}"))
}

/// Reads the token of a signed URL.
///
/// # Errors
/// [`Error::InvalidJwt`] when it is not valid or no longer, [`Error::InvalidSignature`] when it is valid for
/// another object or another action.
fn verify(state: &State, token: &str, path: &ObjectPath, scope: Scope) -> Result<Grant> {
    let token = caller::verify(state, token).map_err(|reason| Error::InvalidJwt(reason.to_owned()))?;
    let upsert = token.claims.get("upsert");
    // Tokens of older servers have no scope; those for uploads say what they do about an existing object.
    let granted = match token.text("scope") {
        Some("download") => Some(Scope::Download),
        Some("upload") => Some(Scope::Upload),
        None if upsert.is_some() => Some(Scope::Upload),
        None if token.claims.contains_key("url") => Some(Scope::Download),
        _ => None,
    };
    if granted != Some(scope) {
        return Err(Error::InvalidSignature(match scope {
            Scope::Download => "Token is not scoped for download",
            Scope::Upload => "Token is not scoped for upload",
        }));
    }
    if token.text("url") != Some(&path.key()) {
        return Err(Error::InvalidSignature("Invalid signature"));
    }
    let exp = token.claims.get("exp").and_then(Value::as_i64).and_then(|exp| Timestamp::from_second(exp).ok());
    Ok(Grant {
        expires: exp.ok_or(Error::InvalidSignature("Invalid signature"))?,
        owner: token.text("owner").map(str::to_owned),
        is_upsert: upsert.and_then(Value::as_bool).unwrap_or_default(),
    })
}

/// For how long.
#[derive(Deserialize)]
pub(crate) struct One {
    #[serde(rename = "expiresIn")]
    expires_in: i64,
}

#[derive(Serialize)]
pub(crate) struct SignedUrl {
    #[serde(rename = "signedURL")]
    signed_url: String,
}

/// `POST /object/sign/{bucket}/{name}`
pub(crate) async fn sign_one(
    extract::State(state): extract::State<State>,
    caller: Caller,
    path: ObjectPath,
    Json(One { expires_in }): Json<One>,
) -> Result<Json<SignedUrl>> {
    objects::find(state.db(), &caller.context("storage.object.sign"), &path).await?;
    Ok(Json(SignedUrl { signed_url: sign_download(&state, &path.key(), expires_in)? }))
}

/// For which objects and for how long.
#[derive(Deserialize)]
pub(crate) struct Many {
    #[serde(rename = "expiresIn")]
    expires_in: i64,
    paths: Vec<String>,
}

#[derive(Serialize)]
pub(crate) struct PathUrl {
    error: Option<&'static str>,
    path: String,
    #[serde(rename = "signedURL")]
    signed_url: Option<String>,
}

/// `POST /object/sign/{bucket}`
pub(crate) async fn sign_many(
    extract::State(state): extract::State<State>,
    caller: Caller,
    BucketPath(bucket): BucketPath,
    Json(Many { expires_in, paths }): Json<Many>,
) -> Result<Json<Vec<PathUrl>>> {
    if paths.is_empty() || paths.len() > MAX_PATHS {
        return Err(Error::Malformed(format!("body/paths must have 1 to {MAX_PATHS} items")));
    }
    let context = caller.context("storage.object.sign_many");
    let existing = objects::existing(state.db(), &context, &bucket, &paths).await?;
    let existing: std::collections::HashSet<String> = existing.into_iter().collect();
    let sign = |path: String| {
        if !existing.contains(&path) {
            let error = Some("Either the object does not exist or you do not have access to it");
            return Ok(PathUrl { error, path, signed_url: None });
        }
        let signed_url = Some(sign_download(&state, &format!("{bucket}/{path}"), expires_in)?);
        Ok(PathUrl { error: None, path, signed_url })
    };
    paths.into_iter().map(sign).collect::<Result<_>>().map(Json)
}

/// The query of a signed URL.
#[derive(Deserialize)]
pub(crate) struct TokenQuery {
    token: String,
    download: Option<String>,
}

/// `GET /object/sign/{bucket}/{name}?token=…`
pub(crate) async fn download(
    extract::State(state): extract::State<State>,
    path: ObjectPath,
    Parameters(TokenQuery { token, download }): Parameters<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response> {
    let grant = verify(&state, &token, &path, Scope::Download)?;
    let object = objects::find(state.db(), &pg::Context::service(), &path).await?;
    serve::file(state.backend(), &headers, &object, &Options { download }, Some(grant.expires)).await
}

#[derive(Serialize)]
pub(crate) struct UploadUrl {
    url: String,
    token: String,
}

/// `POST /object/upload/sign/{bucket}/{name}`: the policies are asked now, not when the URL is used.
pub(crate) async fn sign_upload(
    extract::State(state): extract::State<State>,
    caller: Caller,
    path: ObjectPath,
    headers: HeaderMap,
) -> Result<Json<UploadUrl>> {
    let owner = caller.owner();
    let is_upsert = is_upsert(&headers);
    let row = NewObject {
        id: state.random().uuid(),
        path,
        owner: owner.clone(),
        version: Blob(state.random().uuid()),
        metadata: serde_json::json!({}),
        user_metadata: headers.get("x-metadata").map(user_metadata_header).transpose()?.flatten(),
        is_upsert,
    };
    try_out(&state, &caller, "storage.object.sign_upload_url", &row).await?;
    let (url, iat) = (row.path.key(), state.clock().unix_seconds());
    let claims = Claims {
        url: &url,
        scope: Scope::Upload,
        owner: owner.id.as_deref(),
        upsert: Some(is_upsert),
        iat,
        exp: iat.saturating_add(state.settings().signed_upload_seconds.into()),
    };
    let token = state.keyring().sign_with_secret(&claims);
    Ok(Json(UploadUrl { url: format!("/object/upload/sign/{url}?token={token}"), token }))
}

#[derive(Serialize)]
pub(crate) struct Key {
    #[serde(rename = "Key")]
    key: String,
}

/// `PUT /object/upload/sign/{bucket}/{name}?token=…`
pub(crate) async fn upload(extract::State(state): extract::State<State>, request: Request) -> Result<Json<Key>> {
    let (mut parts, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let uploaded = receive(&state, &mut parts, &mut body).await;
    if uploaded.is_err() {
        drain(&state, &parts.headers, body).await;
    }
    uploaded.map(Json)
}

async fn receive(state: &State, parts: &mut Parts, body: &mut BodyDataStream) -> Result<Key> {
    let path = ObjectPath::from_request_parts(parts, state).await?;
    let TokenQuery { token, .. } = crate::body::query(parts)?;
    let grant = verify(state, &token, &path, Scope::Upload)?;
    let key = path.key();
    let upload = Upload {
        caller: Caller::of_signed_url(parts),
        operation: "storage.object.upload_signed",
        path,
        owner: Owner::new(grant.owner.as_deref()),
        is_upsert: grant.is_upsert,
    };
    store(state, upload, &parts.headers, body).await?;
    Ok(Key { key })
}
