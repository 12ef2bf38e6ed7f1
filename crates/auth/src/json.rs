//! JSON in and out as Go does it: bodies of at most 1 MiB, `null` like absence, `<`, `>` and `&` escaped.

use axum::body::{Body as AxumBody, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;

/// The longest request body in bytes.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// How deep arrays and objects may be nested in a field of a body. What is stored is read again inside of more levels,
/// and the reader stops at 128.
const MAX_DEPTH: usize = 100;

/// A request body that is a JSON object. Fields that are `null` count as absent, unknown ones are ignored.
pub(crate) struct Body<T>(pub(crate) T);

/// Like [`Body`], and `None` when there are no bytes at all.
pub(crate) struct OptionalBody<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        parse(&read(request.into_body()).await?).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let bytes = read(request.into_body()).await?;
        if bytes.is_empty() { Ok(Self(None)) } else { parse(&bytes).map(|value| Self(Some(value))) }
    }
}

async fn read(body: AxumBody) -> Result<bytes::Bytes, Error> {
    to_bytes(body, MAX_BODY).await.map_err(|error| {
        let is_too_large = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        if is_too_large { Error::BodyTooLarge } else { Error::BadJson(error.to_string()) }
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let bad_json = |error: serde_json::Error| Error::BadJson(error.to_string());
    let fields = match serde_json::from_slice(bytes).map_err(bad_json)? {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        _ => return Err(Error::BadJson("the body is not an object".to_owned())),
    };
    if fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)) {
        return Err(Error::NulCharacter);
    }
    if fields.values().any(|value| is_deeper(value, MAX_DEPTH)) {
        return Err(Error::BadJson(format!("the body is nested more than {MAX_DEPTH} levels deep")));
    }
    let given = fields.into_iter().filter(|(_, value)| !value.is_null()).collect();
    serde_json::from_value(Value::Object(given)).map_err(bad_json)
}

/// Whether there are more levels of arrays and objects than `levels`.
fn is_deeper(value: &Value, levels: usize) -> bool {
    let Some(left) = levels.checked_sub(1) else { return value.is_array() || value.is_object() };
    match value {
        Value::Array(values) => values.iter().any(|value| is_deeper(value, left)),
        Value::Object(fields) => fields.values().any(|value| is_deeper(value, left)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether a text anywhere inside has the character that PostgreSQL cannot store.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A JSON answer with status 200.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        respond(StatusCode::OK, &self.0)
    }
}

/// A JSON answer with any status.
pub(crate) fn respond<T: Serialize>(status: StatusCode, value: &T) -> Response {
    let text = serde_json::to_string(value).expect("our answers have text keys and finite numbers");
    let mut response = Response::new(AxumBody::from(escape(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Escapes what Go's encoder escapes, so that JSON may stand inside HTML. In JSON these characters occur in
/// texts only.
fn escape(json: String) -> String {
    const SPECIAL: [char; 5] = ['<', '>', '&', '\u{2028}', '\u{2029}'];
    if !json.contains(SPECIAL) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Fields {
        email: String,
        password: Option<String>,
        data: Option<Map<String, Value>>,
    }

    #[test]
    fn null_is_like_absence_and_unknown_fields_are_ignored() {
        let read: Fields = parse(br#"{"email": null, "data": {"a": null}, "x": 1}"#).unwrap();
        assert_eq!(read.email, "");
        assert_eq!(read.data.unwrap()["a"], Value::Null);
        assert_eq!(parse::<Fields>(b"null").unwrap(), Fields::default());
    }

    #[test]
    fn what_is_not_json_of_the_right_types_is_refused() {
        for wrong in ["", " ", "{", "[]", "1", r#"{"email": 1}"#, r#"{"data": []}"#, "{\"email\": \"\u{0}\"}"] {
            assert!(matches!(parse::<Fields>(wrong.as_bytes()), Err(Error::BadJson(_))), "{wrong}");
        }
        assert!(matches!(parse::<Fields>(b"{\"email\": \"\xff\"}"), Err(Error::BadJson(_))));
        for wrong in [r#"{"email": "\u0000"}"#, r#"{"data": {"a": ["\u0000"]}}"#, r#"{"data": {"\u0000": 1}}"#] {
            assert!(matches!(parse::<Fields>(wrong.as_bytes()), Err(Error::NulCharacter)), "{wrong}");
        }
    }

    #[test]
    fn output_is_escaped_as_go_does() {
        assert_eq!(escape(r#"{"a":"<b> & c"}"#.to_owned()), r#"{"a":"\u003cb\u003e \u0026 c"}"#);
        assert_eq!(escape("\"ü\u{2028}\"".to_owned()), "\"ü\\u2028\"");
    }
}
