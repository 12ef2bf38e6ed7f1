//! Everything that the console refuses or fails at, and how each looks to the web app.

use axum::response::{IntoResponse, Response};
use base::http::Failure;
use http::StatusCode;
use http::header::RETRY_AFTER;
use serde::Serialize;
use serde_json::{Value, json};

use crate::access::Action;
use crate::sql::failure::SqlFailure;
use crate::users::ownership::Owned;

/// A refusal or failure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    // Session
    #[error("sign in first")]
    NotSignedIn,
    #[error("the request does not carry the session's CSRF token")]
    Csrf,
    #[error("the request comes from another site")]
    CrossSite,
    #[error("choose a password of your own first")]
    PasswordChangeRequired,
    #[error("your role does not allow to {}", .0.words())]
    NotAllowed(Action),
    #[error("wrong email address or password")]
    InvalidCredentials,
    #[error("too many attempts; try again in {0} s")]
    TooManyAttempts(u64),
    #[error("{0}")]
    WeakPassword(&'static str),

    // Request
    #[error("no such address")]
    NoRoute,
    #[error("this address does not take that method")]
    NoMethod,
    #[error("the body must be {0}")]
    MediaType(&'static str),
    #[error("the body is larger than the limit")]
    TooLarge,
    #[error("{0}")]
    Invalid(String),
    #[error("{0} not found")]
    NotFound(String),

    // Tables
    #[error("schema {0} is locked: the server itself keeps its rows consistent")]
    SchemaLocked(String),
    #[error("schema {0} is not shown in the table editor")]
    SchemaHidden(String),
    #[error("column {0} holds a secret and cannot be filtered or sorted by")]
    Masked(String),
    #[error("table {0} has no primary key, so a row of it cannot be told from another")]
    NoKey(String),
    #[error("no row has this key")]
    RowNotFound,
    #[error("{}", .0.failure().message)]
    Rejected(#[source] pg::Error),

    // SQL editor
    #[error("{}", .0.message)]
    Sql(Box<SqlFailure>),
    #[error("{0} cannot be used in read-only mode")]
    NotInReadOnly(String),
    #[error("copy between the client and the server is not possible here")]
    Copy,

    // Users
    #[error("{}", .0.message)]
    Auth(Box<AuthRefusal>),
    #[error("{}", .0.sentence())]
    UserOwnsObjects(Owned),

    // Server
    #[error("the database could not answer")]
    Database(#[from] pg::Error),
    #[error("{0}")]
    Internal(&'static str),
}

/// A refusal of the auth service's admin API.
#[derive(Debug)]
pub(crate) struct AuthRefusal {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The real cause, when the service attached one.
    pub(crate) failure: Option<Failure>,
    /// What the service itself adds, such as the reasons of a weak password.
    pub(crate) detail: Option<Value>,
}

#[derive(Serialize)]
struct Envelope {
    code: String,
    message: String,
    hint: Option<String>,
    detail: Option<Value>,
}

impl Error {
    /// Status and stable code. A new variant has to decide here.
    fn status_and_code(&self) -> (StatusCode, &str) {
        match self {
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "not_signed_in"),
            Self::Csrf => (StatusCode::FORBIDDEN, "csrf_failed"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross_site_request"),
            Self::PasswordChangeRequired => (StatusCode::FORBIDDEN, "password_change_required"),
            Self::NotAllowed(_) => (StatusCode::FORBIDDEN, "not_allowed"),
            Self::InvalidCredentials => (StatusCode::UNAUTHORIZED, "invalid_credentials"),
            Self::TooManyAttempts(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::WeakPassword(_) => (StatusCode::UNPROCESSABLE_ENTITY, "weak_password"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "not_found"),
            Self::NoMethod => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::MediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
            Self::SchemaLocked(_) => (StatusCode::FORBIDDEN, "schema_locked"),
            Self::SchemaHidden(_) => (StatusCode::FORBIDDEN, "schema_hidden"),
            Self::Masked(_) => (StatusCode::FORBIDDEN, "column_masked"),
            Self::NoKey(_) => (StatusCode::CONFLICT, "no_primary_key"),
            Self::RowNotFound => (StatusCode::NOT_FOUND, "row_not_found"),
            Self::Rejected(error) => rejection(error),
            Self::Sql(_) => (StatusCode::BAD_REQUEST, "sql_error"),
            Self::NotInReadOnly(_) => (StatusCode::BAD_REQUEST, "read_only"),
            Self::Copy => (StatusCode::BAD_REQUEST, "copy_not_supported"),
            Self::Auth(refusal) => (refusal.status, &refusal.code),
            Self::UserOwnsObjects(_) => (StatusCode::CONFLICT, "user_owns_objects"),
            Self::Database(error) if error.is_unavailable() => {
                (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable")
            }
            Self::Database(error) if is_cancelled(error) => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
            Self::Database(_) => (StatusCode::INTERNAL_SERVER_ERROR, "database_error"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }

    fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Csrf => "reload the page",
            Self::NotAllowed(_) => "ask an owner for another role",
            Self::TooManyAttempts(_) => "the right password is let in as soon as the time is over",
            Self::SchemaLocked(_) => {
                "change users on the Users page or through the API, files through the storage API; \
                 where a row must be changed by hand, the SQL editor can"
            }
            Self::SchemaHidden(_) => "read it in the SQL editor",
            Self::NoKey(_) => "add one, or use the SQL editor",
            Self::NotInReadOnly(_) => "switch read-only mode off to run it",
            Self::Copy => "use the CSV export, or psql",
            Self::Database(error) if error.is_unavailable() => "try again in a moment",
            Self::Database(error) if is_cancelled(error) => "filter by an indexed column, or use the SQL editor",
            Self::Rejected(error) => return error.failure().hint,
            Self::Sql(failure) => return failure.hint.clone(),
            Self::Auth(refusal) => return refusal.failure.as_ref().and_then(|failure| failure.hint.clone()),
            Self::UserOwnsObjects(owned) => return Some(owned.hint()),
            _ => return None,
        };
        Some(fixed.to_owned())
    }

    fn detail(&self) -> Option<Value> {
        match self {
            Self::Rejected(error) => Some(json!(error.failure())),
            Self::Sql(failure) => Some(json!(failure.detail)),
            Self::Auth(refusal) => refusal.failure.as_ref().map(|failure| json!(failure)).or(refusal.detail.clone()),
            Self::UserOwnsObjects(owned) => Some(owned.detail()),
            _ => None,
        }
    }

    /// What the log is to say, for failures that are ours.
    fn failure(&self) -> Option<Failure> {
        match self {
            Self::Database(error) => Some(error.failure()),
            Self::Internal(message) => Some(Failure::new(*message)),
            Self::Auth(refusal) => refusal.failure.clone(),
            _ => None,
        }
    }
}

/// A statement on rows that the operator chose: the database's own refusal, by its class.
fn rejection(error: &pg::Error) -> (StatusCode, &'static str) {
    match error.sqlstate().map(|state| state.code()) {
        Some("23505") => (StatusCode::CONFLICT, "unique_violation"),
        Some("23503") => (StatusCode::CONFLICT, "foreign_key_violation"),
        Some(code) if code.starts_with("23") => (StatusCode::UNPROCESSABLE_ENTITY, "constraint_violated"),
        Some(code) if code.starts_with("22") => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value"),
        _ => (StatusCode::BAD_REQUEST, "refused_by_database"),
    }
}

fn is_cancelled(error: &pg::Error) -> bool {
    error.sqlstate().is_some_and(|state| state.code() == "57014")
}

impl Error {
    /// For statements whose text or values the operator chose: what the database says about them is the
    /// operator's to see; that it is unreachable or too slow is ours.
    pub(crate) fn from_operators_input(error: pg::Error) -> Self {
        let is_ours = error.db().is_none() || error.is_unavailable() || is_cancelled(&error);
        // A value that could not even be sent, such as text with a NUL byte, is the operator's too.
        if is_ours && !error.is_about_a_value() { Self::Database(error) } else { Self::Rejected(error) }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let envelope =
            Envelope { code: code.to_owned(), message: self.to_string(), hint: self.hint(), detail: self.detail() };
        let mut response = (status, axum::Json(envelope)).into_response();
        if let Self::TooManyAttempts(seconds) = &self {
            response.headers_mut().insert(RETRY_AFTER, (*seconds).into());
        }
        if let Some(failure) = self.failure() {
            response.extensions_mut().insert(failure);
        }
        response
    }
}
