//! Times as clients get them: JSON to the millisecond in UTC, HTTP headers to the second.

use jiff::Timestamp;

/// `2026-11-22T20:06:18.123Z`.
pub(crate) fn json(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `Sun, 22 Nov 2026 20:06:18 GMT`.
pub(crate) fn http(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads an HTTP date; `None` for another form, which such headers are to be ignored for.
pub(crate) fn parse_http(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let at = Timestamp::from_microsecond(1_795_377_978_000_999).expect("in range");
        assert_eq!(json(at), "2026-11-22T20:06:18.000Z");
        assert_eq!(http(at), "Sun, 22 Nov 2026 20:06:18 GMT");
        assert_eq!(parse_http(&http(at)).map(Timestamp::as_second), Some(at.as_second()));
        assert_eq!(parse_http("yesterday"), None);
    }
}
