//! Errors of the database: status by SQLSTATE, the rest passed on.

use base::http::Failure;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{Envelope, ErrorBody, raise};

/// What the database answered, and whom.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct DatabaseError {
    /// The cause.
    #[source]
    pub source: pg::Error,
    /// The caller was the anonymous role, who could still sign in.
    pub is_anonymous: bool,
}

/// The parts of a PostgreSQL error that clients see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) detail: Option<&'a str>,
    pub(super) hint: Option<&'a str>,
}

impl DatabaseError {
    /// What the log and operators see.
    pub(crate) fn failure(&self) -> Failure {
        self.source.failure()
    }

    pub(super) fn envelope(&self) -> Envelope {
        let Some(error) = self.source.db() else { return connection(&self.source) };
        let report =
            Report { code: error.code().code(), message: error.message(), detail: error.detail(), hint: error.hint() };
        if report.code == "PGRST" {
            return raise::envelope(report);
        }
        let status = status(report, self.is_anonymous);
        let body = ErrorBody {
            code: report.code.to_owned(),
            details: report.detail.map(|detail| Value::String(detail.to_owned())),
            hint: report.hint.map(str::to_owned),
            message: report.message.to_owned(),
        };
        Envelope { status, body, headers: extra_headers(status) }
    }
}

fn extra_headers(status: StatusCode) -> Vec<(HeaderName, HeaderValue)> {
    match status {
        StatusCode::UNAUTHORIZED => vec![(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))],
        StatusCode::SERVICE_UNAVAILABLE => vec![(header::RETRY_AFTER, HeaderValue::from_static("1"))],
        _ => Vec::new(),
    }
}

fn connection(error: &pg::Error) -> Envelope {
    let with = |status, code, message: &str| Envelope::new(status, code, message.to_owned());
    match error {
        pg::Error::Connect(_) => {
            let mut answer = with(StatusCode::SERVICE_UNAVAILABLE, "PGRST000", "Database connection error.");
            answer.headers = extra_headers(answer.status);
            answer
        }
        pg::Error::PoolTimeout => {
            let message = "Timed out acquiring connection from connection pool.";
            with(StatusCode::GATEWAY_TIMEOUT, "PGRST003", message)
        }
        pg::Error::Query(_) => {
            let message = "Database client error. Retrying the connection.";
            let mut answer = with(StatusCode::SERVICE_UNAVAILABLE, "PGRST001", message);
            answer.headers = extra_headers(answer.status);
            answer
        }
        pg::Error::Settings(_) | pg::Error::RowCount { .. } => {
            with(StatusCode::INTERNAL_SERVER_ERROR, "PGRSTX00", "Internal error")
        }
    }
}

/// The status of a SQLSTATE; the first line that fits counts.
fn status(report: Report<'_>, is_anonymous: bool) -> StatusCode {
    use StatusCode as S;
    let class = report.code.get(..2).unwrap_or_default();
    match (class, report.code) {
        ("08", _) => S::SERVICE_UNAVAILABLE,
        ("09", _) => S::INTERNAL_SERVER_ERROR,
        ("0L" | "0P", _) => S::FORBIDDEN,
        (_, "23503" | "23505") => S::CONFLICT,
        (_, "25006") => S::METHOD_NOT_ALLOWED,
        (_, "21000") if report.message.ends_with("requires a WHERE clause") => S::BAD_REQUEST,
        (_, "21000") => S::INTERNAL_SERVER_ERROR,
        (_, "22023") if report.message.starts_with("role") && report.message.ends_with("does not exist") => {
            S::UNAUTHORIZED
        }
        ("25" | "2D" | "38" | "39" | "3B" | "40", _) => S::INTERNAL_SERVER_ERROR,
        ("28", _) => S::FORBIDDEN,
        (_, "53400") => S::INTERNAL_SERVER_ERROR,
        ("53", _) | (_, "57P01") => S::SERVICE_UNAVAILABLE,
        ("54" | "55" | "57" | "58" | "F0" | "HV" | "XX", _) => S::INTERNAL_SERVER_ERROR,
        (_, "P0001") => S::BAD_REQUEST,
        ("P0", _) => S::INTERNAL_SERVER_ERROR,
        (_, "42883") if report.message.starts_with("function xmlagg(") => S::NOT_ACCEPTABLE,
        (_, "42883" | "42P01") => S::NOT_FOUND,
        (_, "42P17") => S::INTERNAL_SERVER_ERROR,
        (_, "42501") if is_anonymous => S::UNAUTHORIZED,
        (_, "42501") => S::FORBIDDEN,
        ("PT", code) => code
            .get(2..)
            .and_then(|number| number.parse().ok())
            .and_then(|number: u16| StatusCode::from_u16(number).ok())
            .unwrap_or(S::INTERNAL_SERVER_ERROR),
        _ => S::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, message: &str, is_anonymous: bool) -> u16 {
        status(Report { code, message, detail: None, hint: None }, is_anonymous).as_u16()
    }

    #[test]
    fn statuses_follow_the_table() {
        let table = [
            ("08006", 503),
            ("0LP01", 403),
            ("23503", 409),
            ("23505", 409),
            ("23502", 400),
            ("25006", 405),
            ("25P02", 500),
            ("21000", 500),
            ("22023", 400),
            ("28000", 403),
            ("53400", 500),
            ("53300", 503),
            ("54001", 500),
            ("57P01", 503),
            ("57014", 500),
            ("P0001", 400),
            ("P0002", 500),
            ("42883", 404),
            ("42P01", 404),
            ("42P17", 500),
            ("PT402", 402),
            ("PTxyz", 500),
            ("22P02", 400),
            ("42703", 400),
        ];
        for (code, expected) in table {
            assert_eq!(of(code, "", false), expected, "{code}");
        }
        assert_eq!(of("42501", "", true), 401);
        assert_eq!(of("42501", "", false), 403);
        assert_eq!(of("22023", "role \"x\" does not exist", false), 401);
        assert_eq!(of("21000", "UPDATE requires a WHERE clause", false), 400);
    }
}
