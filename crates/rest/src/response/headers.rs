//! Values of single headers.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use crate::request::query::encoded;

/// `0-9/100`, with `*` for no rows and for an unknown total.
pub(super) fn content_range(offset: i64, page: i64, total: Option<i64>) -> String {
    let rows = match (page, total) {
        (0, _) | (_, Some(0)) => "*".to_owned(),
        (page, _) => format!("{offset}-{}", offset.saturating_add(page) - 1),
    };
    format!("{rows}/{}", shown(total))
}

/// `*/100`
pub(super) fn total_range(total: Option<i64>) -> String {
    format!("*/{}", shown(total))
}

fn shown(total: Option<i64>) -> String {
    total.map_or_else(|| "*".to_owned(), |total| total.to_string())
}

/// `/films?id=eq.1` from the key and its values as JSON pairs.
pub(super) fn location(relation: &str, key: &str) -> Option<String> {
    let pairs: Vec<(String, Option<String>)> = serde_json::from_str(key).ok()?;
    if pairs.is_empty() {
        return None;
    }
    let filter = |(name, value): &(String, Option<String>)| match value {
        Some(value) => format!("{}=eq.{}", encoded(name), encoded(value)),
        None => format!("{}=is.null", encoded(name)),
    };
    Some(format!("/{relation}?{}", pairs.iter().map(filter).collect::<Vec<_>>().join("&")))
}

/// The headers of `response.headers`: an array of objects with one member each, a string.
pub(super) fn given(text: &str) -> Option<HeaderMap> {
    let all: Vec<Map<String, Value>> = serde_json::from_str(text).ok()?;
    let mut headers = HeaderMap::new();
    for object in all {
        let mut members = object.into_iter();
        let (Some((name, Value::String(value))), None) = (members.next(), members.next()) else { return None };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    Some(headers)
}

/// The status of `response.status`.
pub(super) fn given_status(text: &str) -> Option<StatusCode> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    StatusCode::from_u16(digits.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_show_what_is_known() {
        assert_eq!(content_range(0, 10, None), "0-9/*");
        assert_eq!(content_range(5, 1, Some(20)), "5-5/20");
        assert_eq!(content_range(0, 0, Some(0)), "*/0");
        assert_eq!(total_range(Some(3)), "*/3");
    }

    #[test]
    fn locations_are_encoded() {
        let key = r#"[["id","a b"],["k",null]]"#;
        assert_eq!(location("films", key).as_deref(), Some("/films?id=eq.a%20b&k=is.null"));
    }

    #[test]
    fn given_headers_must_be_objects_with_one_string() {
        let headers = given(r#"[{"Set-Cookie": "a"}, {"Set-Cookie": "b"}]"#).expect("well formed");
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        for malformed in ["{}", r#"[{"a": 1}]"#, r#"[{"a": "b", "c": "d"}]"#, "x"] {
            assert_eq!(given(malformed), None, "{malformed}");
        }
        assert_eq!(given_status("402"), Some(StatusCode::PAYMENT_REQUIRED));
        assert_eq!(given_status("x"), None);
    }
}
