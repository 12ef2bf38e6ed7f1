//! Everything that can go wrong, by stage, and what a client sees of it.
//!
//! Codes, texts and statuses are those of PostgREST (its own specification pins them); they are a public contract.

mod database;
mod raise;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;

pub use database::DatabaseError;

/// An error of the data API.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is not usable.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The request names what the schema does not have.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The token is not accepted.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What the database returned breaks the contract between statement and response.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
}

/// Errors that are visible in the request alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A part of the query string does not parse.
    #[error("{message}")]
    QuerySyntax {
        /// Which part, where.
        message: String,
        /// What was found and what was expected.
        details: String,
    },
    /// Functions are called by GET, HEAD and POST only.
    #[error("Cannot use the {0} method on RPC")]
    MethodOnFunction(String),
    /// The body cannot be used; the text says why.
    #[error("{0}")]
    Body(String),
    /// The body is longer than the limit, given in bytes.
    #[error("Request body is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// The range of rows is impossible.
    #[error("Requested range not satisfiable")]
    Range(RangeError),
    /// PUT has other filters than `eq` on exactly the key.
    #[error("Filters must include all and only primary key columns with 'eq' operators")]
    PutFilters,
    /// The schema is not exposed.
    #[error("Invalid schema: {schema}")]
    Schema {
        /// What was asked for.
        schema: String,
        /// What there is.
        exposed: Vec<String>,
    },
    /// Nothing that the client accepts can be produced.
    #[error("None of these media types are available: {}", .0.join(", "))]
    MediaTypes(Vec<String>),
    /// A filter, order or range is for a resource that is not embedded.
    #[error("'{0}' is not an embedded resource in this request")]
    NotEmbedded(String),
    /// PUT has a limit or an offset.
    #[error("limit/offset querystring parameters are not allowed for PUT")]
    LimitOnPut,
    /// The method does not exist.
    #[error("Unsupported HTTP method: {0}")]
    Method(String),
    /// Order by a column of a to-many relation.
    #[error("A related order on '{to}' is not possible")]
    RelatedOrder {
        /// The relation that is ordered.
        from: String,
        /// The one it should be ordered by.
        to: String,
    },
    /// Strict handling, and these preferences are unknown.
    #[error("Invalid preferences given with handling=strict")]
    Preferences(Vec<String>),
    /// Aggregates are switched off.
    #[error("Use of aggregate functions is not allowed")]
    Aggregates,
    /// A path that is neither a relation nor a function.
    #[error("Invalid path specified in request URL")]
    Path,
    /// The root document is switched off.
    #[error("Root endpoint metadata is disabled")]
    RootDisabled,
    /// A combination that is not provided.
    #[error("Feature not implemented")]
    NotImplemented(String),
    /// `max-affected` on a function that returns a single value.
    #[error("Function must return SETOF or TABLE when max-affected preference is used with handling=strict")]
    MaxAffectedOnSingle,
}

/// Why a range cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeError {
    /// A negative limit.
    NegativeLimit,
    /// `Range: 5-2`
    Reversed,
    /// The offset is beyond the last row.
    OutOfBounds {
        /// The offset.
        offset: i64,
        /// How many rows there are.
        total: i64,
    },
}

/// Names that the schema cache does not know, or knows more than once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// No relationship between two relations.
    #[error("Could not find a relationship between '{parent}' and '{child}' in the schema cache")]
    NoRelationship {
        /// The relation that embeds.
        parent: String,
        /// What it should embed.
        child: String,
        /// The hint that was given.
        hint: Option<String>,
        /// Schema that was searched.
        schema: String,
        /// A similar name: the right one and the given one.
        suggestion: Option<Box<(String, String)>>,
    },
    /// Several relationships, described as PostgREST describes them.
    #[error("Could not embed because more than one relationship was found for '{parent}' and '{child}'")]
    AmbiguousRelationship {
        /// The relation that embeds.
        parent: String,
        /// What it should embed.
        child: String,
        /// The candidates.
        candidates: Value,
        /// `'child!hint'` for each of them.
        hints: Vec<String>,
    },
    /// No function of that name takes these arguments.
    #[error("Could not find the function {schema}.{name}{} in the schema cache", .arguments.shown)]
    NoFunction {
        /// Its schema.
        schema: String,
        /// Its name.
        name: String,
        /// What it was called with.
        arguments: Box<Searched>,
        /// A similar function.
        suggestion: Option<String>,
    },
    /// Several functions take these arguments.
    #[error("Could not choose the best candidate function between: {}", .0.join(", "))]
    AmbiguousFunction(Vec<String>),
    /// No such column.
    #[error("Could not find the '{column}' column of '{table}' in the schema cache")]
    NoColumn {
        /// The relation.
        table: String,
        /// The column.
        column: String,
    },
    /// No such relation.
    #[error("Could not find the table '{schema}.{table}' in the schema cache")]
    NoTable {
        /// Its schema.
        schema: String,
        /// Its name.
        table: String,
        /// A similar one.
        suggestion: Option<String>,
    },
    /// The cache has not been loaded yet.
    #[error("Could not query the database for the schema cache. Retrying.")]
    NotLoaded,
}

/// The arguments that a function was searched with, as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched {
    /// In the message: `(a, b)`, ` without parameters` or nothing.
    pub shown: String,
    /// In the details: ` with parameters a, b` and the like.
    pub described: String,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// `Authorization: Bearer` with nothing behind it.
    #[error("Empty JWT is sent in Authorization header")]
    Empty,
    /// Not three parts.
    #[error("Expected 3 parts in JWT; got {0}")]
    Parts(usize),
    /// No key fits it.
    #[error("No suitable key or wrong key type")]
    Key,
    /// Its algorithm is not allowed.
    #[error("Wrong or unsupported encoding algorithm")]
    Algorithm,
    /// It is not what it should be, or its signature is wrong.
    #[error("JWT cryptographic operation failed")]
    Cryptography,
    /// There is no token and no role for those who have none.
    #[error("Anonymous access is disabled")]
    Required,
    /// `exp` is past.
    #[error("JWT expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("JWT not yet valid")]
    NotYetValid,
    /// `iat` is in the future.
    #[error("JWT issued at future")]
    IssuedInFuture,
    /// `aud` names somebody else.
    #[error("JWT not in audience")]
    Audience,
    /// The named claim is not a number.
    #[error("The JWT '{0}' claim must be a number")]
    NotANumber(&'static str),
    /// `aud` is neither text nor a list of texts.
    #[error("The JWT 'aud' claim must be a string or an array of strings")]
    AudienceType,
}

/// What the statement's result says about the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// `response.headers` is malformed.
    #[error("response.headers guc must be a JSON array composed of objects with a single key and a string value")]
    ResponseHeaders,
    /// `response.status` is malformed.
    #[error("response.status guc must be a valid status code")]
    ResponseStatus,
    /// PUT's body names another row than its filters.
    #[error("Payload values do not match URL in primary key column(s)")]
    PutKey,
    /// Not exactly one row where one object is wanted.
    #[error("Cannot coerce the result to a single JSON object")]
    NotSingular(i64),
    /// More rows changed than `max-affected` allows.
    #[error("Query result exceeds max-affected preference constraint")]
    MaxAffected(i64),
    /// The result row is not what the statement promises.
    #[error("unexpected result of a generated statement: {0}")]
    Internal(String),
}

/// What a client sees.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) status: StatusCode,
    pub(crate) body: ErrorBody,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The JSON body of an error, keys in this order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ErrorBody {
    pub(crate) code: String,
    pub(crate) details: Option<Value>,
    pub(crate) hint: Option<String>,
    pub(crate) message: String,
}

impl Envelope {
    pub(crate) fn new(status: StatusCode, code: &str, message: String) -> Self {
        let body = ErrorBody { code: code.to_owned(), details: None, hint: None, message };
        Self { status, body, headers: Vec::new() }
    }

    fn details(mut self, details: impl Into<String>) -> Self {
        self.body.details = Some(Value::String(details.into()));
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }
}

impl Error {
    pub(crate) fn envelope(&self) -> Envelope {
        match self {
            Self::Request(error) => error.envelope(),
            Self::Schema(error) => error.envelope(),
            Self::Token(error) => error.envelope(),
            Self::Database(error) => error.envelope(),
            Self::Outcome(error) => error.envelope(),
        }
    }
}

impl RequestError {
    fn envelope(&self) -> Envelope {
        use StatusCode as S;
        let with = |status, code| Envelope::new(status, code, self.to_string());
        match self {
            Self::QuerySyntax { details, .. } => with(S::BAD_REQUEST, "PGRST100").details(details),
            Self::MethodOnFunction(_) => with(S::METHOD_NOT_ALLOWED, "PGRST101"),
            Self::Body(_) => with(S::BAD_REQUEST, "PGRST102"),
            Self::BodyTooLarge(_) => with(S::PAYLOAD_TOO_LARGE, "PGRST102"),
            Self::Range(error) => error.describe(with(S::RANGE_NOT_SATISFIABLE, "PGRST103")),
            Self::PutFilters => with(S::METHOD_NOT_ALLOWED, "PGRST105"),
            Self::Schema { exposed, .. } => with(S::NOT_ACCEPTABLE, "PGRST106")
                .hint(format!("Only the following schemas are exposed: {}", exposed.join(", "))),
            Self::MediaTypes(_) => with(S::NOT_ACCEPTABLE, "PGRST107"),
            Self::NotEmbedded(name) => with(S::BAD_REQUEST, "PGRST108")
                .hint(format!("Verify that '{name}' is included in the 'select' query parameter.")),
            Self::LimitOnPut => with(S::BAD_REQUEST, "PGRST114"),
            Self::Method(_) => with(S::METHOD_NOT_ALLOWED, "PGRST117"),
            Self::RelatedOrder { from, to } => with(S::BAD_REQUEST, "PGRST118")
                .details(format!("'{from}' and '{to}' do not form a many-to-one or one-to-one relationship")),
            Self::Preferences(invalid) => {
                with(S::BAD_REQUEST, "PGRST122").details(format!("Invalid preferences: {}", invalid.join(", ")))
            }
            Self::Aggregates => with(S::BAD_REQUEST, "PGRST123"),
            Self::Path => with(S::NOT_FOUND, "PGRST125"),
            Self::RootDisabled => with(S::NOT_FOUND, "PGRST126"),
            Self::NotImplemented(what) => with(S::BAD_REQUEST, "PGRST127").details(what),
            Self::MaxAffectedOnSingle => with(S::BAD_REQUEST, "PGRST128"),
        }
    }
}

impl RangeError {
    fn describe(self, answer: Envelope) -> Envelope {
        match self {
            Self::NegativeLimit => answer.details("Limit should be greater than or equal to zero."),
            Self::Reversed => answer
                .details("The lower boundary must be lower than or equal to the upper boundary in the Range header."),
            Self::OutOfBounds { offset, total } => answer
                .details(format!("An offset of {offset} was requested, but there are only {total} rows."))
                .header(header::CONTENT_RANGE, &format!("*/{total}")),
        }
    }
}

impl SchemaError {
    fn envelope(&self) -> Envelope {
        let with = |status, code| Envelope::new(status, code, self.to_string());
        match self {
            Self::NoRelationship { parent, child, hint, schema, suggestion } => {
                let using = hint.as_ref().map(|hint| format!(" using the hint '{hint}'")).unwrap_or_default();
                let answer = with(StatusCode::BAD_REQUEST, "PGRST200").details(format!(
                    "Searched for a foreign key relationship between '{parent}' and '{child}'{using} in the schema \
                     '{schema}', but no matches were found."
                ));
                match suggestion {
                    Some(names) => answer.hint(format!("Perhaps you meant '{}' instead of '{}'.", names.0, names.1)),
                    None => answer,
                }
            }
            Self::AmbiguousRelationship { child, candidates, hints, .. } => {
                let mut answer = with(StatusCode::MULTIPLE_CHOICES, "PGRST201").hint(format!(
                    "Try changing '{child}' to one of the following: {}. Find the desired relationship in the \
                     'details' key.",
                    hints.join(", ")
                ));
                answer.body.details = Some(candidates.clone());
                answer
            }
            Self::NoFunction { schema, name, arguments, suggestion } => {
                let answer = with(StatusCode::NOT_FOUND, "PGRST202").details(format!(
                    "Searched for the function {schema}.{name}{}, but no matches were found in the schema cache.",
                    arguments.described
                ));
                match suggestion {
                    Some(function) => {
                        answer.hint(format!("Perhaps you meant to call the function {schema}.{function}"))
                    }
                    None => answer,
                }
            }
            Self::AmbiguousFunction(_) => with(StatusCode::MULTIPLE_CHOICES, "PGRST203").hint(
                "Try renaming the parameters or the function itself in the database so function overloading can be \
                 resolved",
            ),
            Self::NoColumn { .. } => with(StatusCode::BAD_REQUEST, "PGRST204"),
            Self::NoTable { schema, suggestion, .. } => {
                let answer = with(StatusCode::NOT_FOUND, "PGRST205");
                match suggestion {
                    Some(table) => answer.hint(format!("Perhaps you meant the table '{schema}.{table}'")),
                    None => answer,
                }
            }
            Self::NotLoaded => with(StatusCode::SERVICE_UNAVAILABLE, "PGRST002").header(header::RETRY_AFTER, "1"),
        }
    }
}

impl TokenError {
    fn envelope(&self) -> Envelope {
        let message = self.to_string();
        let code = match self {
            Self::Empty | Self::Parts(_) | Self::Key | Self::Algorithm | Self::Cryptography => "PGRST301",
            Self::Required => "PGRST302",
            Self::Expired
            | Self::NotYetValid
            | Self::IssuedInFuture
            | Self::Audience
            | Self::NotANumber(_)
            | Self::AudienceType => "PGRST303",
        };
        let challenge = match self {
            Self::Required => "Bearer".to_owned(),
            _ => format!("Bearer error=\"invalid_token\", error_description={message:?}"),
        };
        let answer =
            Envelope::new(StatusCode::UNAUTHORIZED, code, message).header(header::WWW_AUTHENTICATE, &challenge);
        match self {
            Self::Key => answer.details("None of the keys was able to decode the JWT"),
            Self::Algorithm => answer.details("JWT is unsecured but expected 'alg' was not 'none'"),
            _ => answer,
        }
    }
}

impl OutcomeError {
    fn envelope(&self) -> Envelope {
        use StatusCode as S;
        let with = |status, code| Envelope::new(status, code, self.to_string());
        match self {
            Self::ResponseHeaders => with(S::INTERNAL_SERVER_ERROR, "PGRST111"),
            Self::ResponseStatus => with(S::INTERNAL_SERVER_ERROR, "PGRST112"),
            Self::PutKey => with(S::BAD_REQUEST, "PGRST115"),
            Self::NotSingular(rows) => {
                with(S::NOT_ACCEPTABLE, "PGRST116").details(format!("The result contains {rows} rows"))
            }
            Self::MaxAffected(rows) => {
                with(S::BAD_REQUEST, "PGRST124").details(format!("The query affects {rows} rows"))
            }
            Self::Internal(_) => Envelope::new(S::INTERNAL_SERVER_ERROR, "PGRSTX00", "Internal error".to_owned()),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let envelope = self.envelope();
        let failure = match &self {
            Self::Database(error) => Some(error.failure()),
            Self::Outcome(error) if envelope.status.is_server_error() => {
                Some(base::http::Failure::new(error.to_string()))
            }
            Self::Request(_) | Self::Schema(_) | Self::Token(_) | Self::Outcome(_) => None,
        };
        let mut response = envelope.into_response();
        if let Some(failure) = failure {
            response.extensions_mut().insert(failure);
        }
        response
    }
}

impl IntoResponse for Envelope {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self.body).expect("strings serialise");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let proxy_status = format!("PostgREST; error={}", self.body.code);
        headers.extend(HeaderValue::from_str(&proxy_status).ok().map(|value| (PROXY_STATUS, value)));
        headers.extend(self.headers);
        response
    }
}

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
