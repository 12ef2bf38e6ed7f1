//! Everything that can go wrong, and what clients are told: the status, code and text that Supabase's clients
//! know. The body carries the meaningful status; the response itself is mostly 400, as in the original.

use axum::Json;
use axum::response::{IntoResponse, Response};
use base::http::Failure;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::backend;

/// A result of this crate.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the storage service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    // The request
    /// Nothing answers at this method and path.
    #[error("Route {method}:{path} not found")]
    NoRoute {
        /// The method.
        method: http::Method,
        /// The path, without its query.
        path: String,
    },
    /// A body that should be JSON has another content type.
    #[error("Invalid Content-Type header")]
    NotJson,
    /// A JSON body is larger than is read.
    #[error("Request body is too large")]
    BodyTooLarge,
    /// Body, path or query are not of the form that the route takes.
    #[error("{0}")]
    Malformed(String),
    /// An upload without a file, or one that broke off.
    #[error("{0}")]
    NoContent(String),
    /// A value that is not possible.
    #[error("Invalid Parameter {0}")]
    InvalidParameter(&'static str),
    /// A bucket name with characters or a length that are not possible.
    #[error("Bucket name invalid")]
    InvalidBucketName,
    /// An object name with characters or a length that are not possible.
    #[error("Invalid key: {0}")]
    InvalidKey(String),
    /// A size such as `20 apples`.
    #[error("Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B")]
    InvalidFileSizeLimit,
    /// A content type that the bucket does not take, or that is none.
    #[error("mime type {0} is not supported")]
    InvalidMimeType(String),
    /// A range that lies outside of the file; its size is given.
    #[error("invalid range provided")]
    InvalidRange(u64),
    /// What is named is larger than allowed.
    #[error("The {0} exceeded the maximum allowed size")]
    EntityTooLarge(&'static str),

    // The token
    /// The bearer token is not valid, or its role may not do this.
    #[error("{0}")]
    AccessDenied(String),
    /// The route is for the secret key only.
    #[error("Access denied: Invalid role")]
    SecretKeyOnly,
    /// The token of a signed URL is not valid.
    #[error("{0}")]
    InvalidJwt(String),
    /// The token of a signed URL was made for something else.
    #[error("{0}")]
    InvalidSignature(&'static str),

    // What is stored
    /// There is no such bucket, or the caller may not see it.
    #[error("Bucket not found")]
    NoSuchBucket,
    /// There is no such object, or the caller may not see it.
    #[error("Object not found")]
    NoSuchKey,
    /// The object's row is there, its file is not.
    #[error("The resource was not found")]
    FileMissing,
    /// A bucket of this name exists.
    #[error("The resource already exists")]
    BucketExists,
    /// An object of this name exists.
    #[error("The resource already exists")]
    KeyExists,
    /// Only empty buckets can be deleted.
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty,
    /// Something of the original that is not offered here.
    #[error("The feature {0} is not enabled for this resource")]
    NotEnabled(&'static str),

    // Beneath
    /// The database refused or failed.
    #[error(transparent)]
    Database(#[from] pg::Error),
    /// The files could not be read or written.
    #[error(transparent)]
    Backend(backend::Error),
    /// The process is ending.
    #[error("the work was interrupted")]
    Interrupted,
}

impl From<backend::Error> for Error {
    fn from(error: backend::Error) -> Self {
        match error {
            backend::Error::NotFound(_) => Self::FileMissing,
            failed @ backend::Error::Failed(_) => Self::Backend(failed),
        }
    }
}

/// What a client gets to see.
struct Face {
    /// The response's status.
    http: u16,
    /// The status in the body.
    status: u16,
    error: &'static str,
    code: &'static str,
    message: String,
}

impl Face {
    /// The ordinary face: the response is 400 whatever the status in the body, unless that is 500.
    fn new(status: u16, error: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        let http = if status == 500 { 500 } else { 400 };
        Self { http, status, error, code, message: message.into() }
    }

    fn with_http(self, http: u16) -> Self {
        Self { http, ..self }
    }
}

#[derive(Serialize)]
struct Body {
    #[serde(rename = "statusCode")]
    status: String,
    error: &'static str,
    message: String,
    code: &'static str,
}

impl Error {
    fn face(&self) -> Face {
        let text = self.to_string();
        match self {
            Self::NoRoute { .. } => Face::new(404, "Not Found", "InvalidRequest", text).with_http(404),
            Self::NotJson => Face::new(415, "invalid_mime_type", "InvalidMimeType", text),
            Self::BodyTooLarge => Face::new(413, "Payload too large", "EntityTooLarge", text).with_http(413),
            Self::Malformed(_) => Face::new(400, "Error", "InvalidRequest", text),
            Self::NoContent(_) | Self::InvalidFileSizeLimit => Face::new(400, "InvalidRequest", "InvalidRequest", text),
            Self::InvalidParameter(_) => Face::new(400, "InvalidParameter", "InvalidParameter", text),
            Self::InvalidBucketName => Face::new(400, "Invalid Input", "InvalidBucketName", text),
            Self::InvalidKey(_) => Face::new(400, "InvalidKey", "InvalidKey", text),
            Self::InvalidMimeType(_) => Face::new(415, "invalid_mime_type", "InvalidMimeType", text),
            Self::InvalidRange(_) => Face::new(416, "invalid_range", "InvalidRange", text).with_http(416),
            Self::EntityTooLarge(_) => Face::new(413, "Payload too large", "EntityTooLarge", text),
            Self::AccessDenied(_) => Face::new(403, "Unauthorized", "AccessDenied", text),
            Self::SecretKeyOnly => Face::new(403, "Unauthorized", "AccessDenied", text).with_http(403),
            Self::InvalidJwt(_) => Face::new(400, "InvalidJWT", "InvalidJWT", text),
            Self::InvalidSignature(_) => Face::new(400, "InvalidSignature", "InvalidSignature", text),
            Self::NoSuchBucket => Face::new(404, "Bucket not found", "NoSuchBucket", text),
            Self::NoSuchKey => Face::new(404, "not_found", "NoSuchKey", text),
            Self::FileMissing => Face::new(404, "Not found", "NoSuchKey", text),
            Self::BucketExists => Face::new(409, "Duplicate", "BucketAlreadyExists", text),
            Self::KeyExists => Face::new(409, "Duplicate", "KeyAlreadyExists", text),
            Self::BucketNotEmpty => Face::new(409, "ResourceNotEmpty", "ResourceNotEmpty", text),
            Self::NotEnabled(_) => Face::new(409, "FeatureNotEnabled", "FeatureNotEnabled", text),
            Self::Database(error) => database_face(error),
            Self::Backend(_) | Self::Interrupted => {
                Face::new(500, "Internal", "InternalError", "Internal Server Error")
            }
        }
    }

    /// The real cause, where the client's text does not tell it.
    fn failure(&self) -> Option<Failure> {
        match self {
            Self::Database(error) => Some(error.failure()),
            Self::Backend(_) | Self::FileMissing | Self::Interrupted => Some(Failure::new(self.to_string())),
            Self::NoRoute { .. }
            | Self::NotJson
            | Self::BodyTooLarge
            | Self::Malformed(_)
            | Self::NoContent(_)
            | Self::InvalidParameter(_)
            | Self::InvalidBucketName
            | Self::InvalidKey(_)
            | Self::InvalidFileSizeLimit
            | Self::InvalidMimeType(_)
            | Self::InvalidRange(_)
            | Self::EntityTooLarge(_)
            | Self::AccessDenied(_)
            | Self::SecretKeyOnly
            | Self::InvalidJwt(_)
            | Self::InvalidSignature(_)
            | Self::NoSuchBucket
            | Self::NoSuchKey
            | Self::BucketExists
            | Self::KeyExists
            | Self::BucketNotEmpty
            | Self::NotEnabled(_) => None,
        }
    }
}

/// What the database says, by SQLSTATE, as the original tells it.
fn database_face(error: &pg::Error) -> Face {
    let Some(db) = error.db() else {
        if error.is_unavailable() {
            return Face::new(544, "DatabaseTimeout", "DatabaseTimeout", "The connection to the database timed out")
                .with_http(544);
        }
        return Face::new(500, "Internal", "InternalError", "Internal Server Error");
    };
    let said = db.message();
    match db.code().code() {
        "42501" if said.contains("row-level security") => {
            Face::new(403, "Unauthorized", "AccessDenied", "new row violates row-level security policy")
        }
        // 22023: the token's role does not exist.
        "42501" | "22023" => Face::new(403, "Unauthorized", "AccessDenied", said),
        "23505" => Face::new(409, "Duplicate", "ResourceAlreadyExists", "The resource already exists"),
        "23503" if db.detail().is_some_and(|detail| detail.contains("is still referenced from table")) => {
            let message = "The resource could not be updated or removed due to a foreign key constraint";
            Face::new(409, "ResourceReferenced", "ResourceReferenced", message)
        }
        "23503" => Face::new(404, "InvalidRequest", "InvalidRequest", "The related resource does not exist"),
        "55P03" => Face::new(423, "ResourceLocked", "ResourceLocked", "The resource is locked"),
        "57014" => Face::new(544, "DatabaseTimeout", "DatabaseTimeout", "The connection to the database timed out")
            .with_http(544),
        "25006" => {
            let message = "The database is currently in read-only mode. Please try again later.";
            Face::new(503, "DatabaseReadOnly", "DatabaseReadOnly", message)
        }
        "53300" => Face::new(429, "too_many_connections", "SlowDown", "Too many connections issued to the database")
            .with_http(429),
        "42P17" => {
            let message = "The database schema is invalid or incompatible.";
            Face::new(503, "DatabaseInvalidObjectDefinition", "DatabaseInvalidObjectDefinition", message)
        }
        "42703" | "42P01" => {
            let message = "There is a database schema mismatch in a trigger or RLS policy";
            Face::new(503, "DatabaseSchemaMismatch", "DatabaseSchemaMismatch", message)
        }
        // A value that PostgreSQL cannot hold: NUL in text, an escaped NUL in JSON, a number or time out of range.
        "22P02" | "22021" | "22P05" | "22003" | "22007" | "22008" => {
            Face::new(400, "InvalidParameter", "InvalidParameter", said)
        }
        code => Face::new(500, "DatabaseError", "DatabaseError", format!("database error, code: {code}")),
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let Face { http, status, error, code, message } = self.face();
        let body = Body { status: status.to_string(), error, message, code };
        let http = StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (http, Json(body)).into_response();
        if let Self::InvalidRange(size) = self {
            let range = HeaderValue::try_from(format!("bytes */{size}")).expect("digits are a header value");
            response.headers_mut().insert(header::CONTENT_RANGE, range);
        }
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(failure) = self.failure() {
            response.extensions_mut().insert(failure);
        }
        response
    }
}
