//! What travels with a request and a response inside the process: the request's id and client address, which
//! the gateway sets, and the [`Failure`] that a service attaches to an error response for the log.

use std::net::IpAddr;
use std::sync::Arc;

use ::http::header::AUTHORIZATION;
use ::http::{HeaderMap, HeaderValue};
use serde::Serialize;

/// The request's id, in the request's extensions and in the answer's `x-request-id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

/// Where the request came from, after trusted forwarding headers; in the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// The operator for whom the console calls a service, by address; in the extensions of requests that come from inside
/// the process, where alone they can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorName(pub Arc<str>);

/// The token of an `Authorization: Bearer` header: the scheme in any case, one space, no white space inside.
/// `None` when the header is absent or of another form.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION).and_then(bearer_of)
}

/// The token of the value of an `Authorization` header, as [`bearer`].
#[must_use]
pub fn bearer_of(value: &HeaderValue) -> Option<&str> {
    let value = value.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let is_token = !token.is_empty() && !token.contains(char::is_whitespace);
    (scheme.eq_ignore_ascii_case("bearer") && is_token).then_some(token)
}

/// Why a request failed, for operators and the log; clients get the stock text of the service instead.
///
/// A service puts it into the error response's extensions; one middleware logs it, and the console, which
/// calls the services in process, shows it. `detail` often quotes row values, so it is shown but never logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The real cause in one line.
    pub message: String,
    /// The hook that failed or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// PostgreSQL's five-character error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// The innermost database function that raised it, with its schema where PostgreSQL tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// The table concerned, with its schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The column concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The constraint that was violated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// PostgreSQL's detail line; may hold row values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether what the operator has written or set up is at fault, whatever the client is told: a warning in the log.
    #[serde(skip)]
    pub is_operators: bool,
}

impl Failure {
    /// A failure that has a message only.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header value"))])
    }

    #[test]
    fn bearer_takes_one_token_in_any_case_of_the_scheme() {
        assert_eq!(bearer(&headers("Bearer abc")), Some("abc"));
        assert_eq!(bearer(&headers("bEARER abc")), Some("abc"));
        for wrong in ["Bearer", "Bearer ", "Bearer  abc", "Bearer a b", "Basic abc", "abc"] {
            assert_eq!(bearer(&headers(wrong)), None, "{wrong:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
