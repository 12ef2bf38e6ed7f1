//! What a client sees of an error: status, code, body, headers. One match per kind of error, without a catch-all.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Error, OutcomeError, RangeError, RequestError, SchemaError, TokenError};

/// What a client sees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Envelope {
    pub(super) status: StatusCode,
    pub(super) body: ErrorBody,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// The JSON body of an error, keys in this order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ErrorBody {
    pub(super) code: String,
    pub(super) details: Option<Value>,
    pub(super) hint: Option<String>,
    pub(super) message: String,
}

impl Envelope {
    pub(super) fn new(status: StatusCode, code: &str, message: String) -> Self {
        let body = ErrorBody { code: code.to_owned(), details: None, hint: None, message };
        Self { status, body, headers: Vec::new() }
    }

    pub(super) fn details(mut self, details: impl Into<String>) -> Self {
        self.body.details = Some(Value::String(details.into()));
        self
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }
}

impl Error {
    pub(super) fn envelope(&self) -> Envelope {
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
            Self::NotEmbedded { name, alias: Some(alias) } => with(S::BAD_REQUEST, "PGRST108")
                .details("Target names are not allowed in filters if they have an alias")
                .hint(format!("Change '{name}' to '{alias}' in filters, orders or limits.")),
            Self::NotEmbedded { name, alias: None } => with(S::BAD_REQUEST, "PGRST108")
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
            Self::ServiceOnly => with(S::FORBIDDEN, "42501").hint("Use the secret key."),
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

impl Error {
    /// The response, with or without details and hint.
    pub(crate) fn answer(&self, is_verbose: bool) -> Response {
        let envelope = self.envelope();
        let failure = match &self {
            Self::Database(error) => Some(error.failure()),
            Self::Outcome(error) if envelope.status.is_server_error() => {
                Some(base::http::Failure::new(error.to_string()))
            }
            Self::Request(_) | Self::Schema(_) | Self::Token(_) | Self::Outcome(_) => None,
        };
        let mut response = envelope.answer(is_verbose);
        if let Some(failure) = failure {
            response.extensions_mut().insert(failure);
        }
        response
    }
}

impl Envelope {
    fn answer(self, is_verbose: bool) -> Response {
        let body = if is_verbose {
            serde_json::to_vec(&self.body)
        } else {
            serde_json::to_vec(&json!({"code": self.body.code, "message": self.body.message}))
        };
        let body = body.expect("strings serialise");
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
