//! `RAISE SQLSTATE 'PGRST'`: a function decides the whole error response.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::database::Report;
use super::{Envelope, ErrorBody};

#[derive(Deserialize)]
struct Message {
    code: String,
    message: String,
    details: Option<String>,
    hint: Option<String>,
}

#[derive(Deserialize)]
struct Detail {
    status: u16,
    headers: BTreeMap<String, String>,
}

const MESSAGE_KEYS: &str =
    "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.";
const DETAIL_KEYS: &str =
    "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'.";

pub(super) fn envelope(report: Report<'_>) -> Envelope {
    let Ok(message) = serde_json::from_str::<Message>(report.message) else {
        return malformed(format!("Invalid JSON value for MESSAGE: '{}'", report.message), MESSAGE_KEYS);
    };
    let Some(text) = report.detail else {
        return malformed("DETAIL is missing in the RAISE statement".to_owned(), DETAIL_KEYS);
    };
    let detail = serde_json::from_str::<Detail>(text).ok();
    let Some((status, detail)) = detail.and_then(|detail| Some((StatusCode::from_u16(detail.status).ok()?, detail)))
    else {
        return malformed(format!("Invalid JSON value for DETAIL: '{text}'"), DETAIL_KEYS);
    };
    let headers = detail.headers.iter().filter_map(|(name, value)| {
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
    });
    let body = ErrorBody {
        code: message.code,
        details: message.details.map(Value::String),
        hint: message.hint,
        message: message.message,
    };
    Envelope { status, body, headers: headers.collect() }
}

fn malformed(details: String, hint: &str) -> Envelope {
    let message = "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error".to_owned();
    Envelope::new(StatusCode::INTERNAL_SERVER_ERROR, "PGRST121", message).details(details).hint(hint)
}
