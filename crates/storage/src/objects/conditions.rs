//! Which part of a file a request wants, if any: conditional and range requests (RFC 9110 §13, §14).

use std::ops::Range;

use http::HeaderMap;
use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};
use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::model::objects::Metadata;
use crate::timestamps;

/// What is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The client's copy is current.
    Nothing,
    /// The whole file.
    Whole,
    /// These bytes.
    Part(Range<u64>),
}

/// Reads the conditions of a request for a file.
///
/// # Errors
/// [`Error::InvalidRange`] for a range that the file does not have, and, as in the original, for one that is
/// malformed or has several parts.
pub(crate) fn wanted(headers: &HeaderMap, file: &Metadata) -> Result<Wanted> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_current = match text(IF_NONE_MATCH) {
        Some(tags) => is_listed(tags, &file.etag),
        None => text(IF_MODIFIED_SINCE)
            .and_then(timestamps::parse_http)
            .is_some_and(|since| is_unmodified(file.last_modified, since)),
    };
    if is_current {
        return Ok(Wanted::Nothing);
    }
    let Some(range) = text(RANGE) else { return Ok(Wanted::Whole) };
    let is_same_file = text(IF_RANGE).is_none_or(|condition| {
        condition == file.etag
            || timestamps::parse_http(condition).is_some_and(|since| is_unmodified(file.last_modified, since))
    });
    if !is_same_file {
        return Ok(Wanted::Whole);
    }
    part(range, file.size).map(Wanted::Part).ok_or(Error::InvalidRange(file.size))
}

fn is_listed(tags: &str, etag: &str) -> bool {
    tags.trim() == "*" || tags.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

/// Headers carry whole seconds.
fn is_unmodified(last_modified: Timestamp, since: Timestamp) -> bool {
    last_modified.as_second() <= since.as_second()
}

fn part(range: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    match (first, last) {
        ("", suffix) => {
            let length = number(suffix).filter(|length| *length > 0 && size > 0)?;
            Some(size.saturating_sub(length)..size)
        }
        (first, "") => number(first).filter(|first| *first < size).map(|first| first..size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last && first < size).then(|| first..size.min(last.saturating_add(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Metadata {
        Metadata {
            etag: "\"abc\"".to_owned(),
            size: 10,
            mimetype: "text/plain".to_owned(),
            cache_control: "no-cache".to_owned(),
            last_modified: "2026-11-22T20:06:18.9Z".parse().expect("a time"),
        }
    }

    fn ask(headers: &[(http::HeaderName, &str)]) -> Option<Wanted> {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), value.parse().expect("a header value"))).collect();
        wanted(&headers, &file()).ok()
    }

    #[test]
    fn ranges() {
        let range = |range| ask(&[(RANGE, range)]);
        assert_eq!(ask(&[]), Some(Wanted::Whole));
        assert_eq!(range("bytes=0-3"), Some(Wanted::Part(0..4)));
        assert_eq!(range("bytes=3-"), Some(Wanted::Part(3..10)));
        assert_eq!(range("bytes=-3"), Some(Wanted::Part(7..10)));
        assert_eq!(range("bytes=-30"), Some(Wanted::Part(0..10)));
        assert_eq!(range("bytes=8-99999999999999999"), Some(Wanted::Part(8..10)));
        for wrong in ["bytes=10-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=0-1,3-4", "lines=1-2", "bytes=+1-2"] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn conditions() {
        let at = "Sun, 22 Nov 2026 20:06:18 GMT";
        assert_eq!(ask(&[(IF_NONE_MATCH, "\"abc\"")]), Some(Wanted::Nothing));
        assert_eq!(ask(&[(IF_NONE_MATCH, "\"x\", W/\"abc\"")]), Some(Wanted::Nothing));
        assert_eq!(ask(&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, at)]), Some(Wanted::Whole));
        assert_eq!(ask(&[(IF_MODIFIED_SINCE, at)]), Some(Wanted::Nothing));
        assert_eq!(ask(&[(IF_MODIFIED_SINCE, "Sun, 22 Nov 2026 20:06:17 GMT")]), Some(Wanted::Whole));
        assert_eq!(ask(&[(RANGE, "bytes=0-1"), (IF_RANGE, "\"abc\"")]), Some(Wanted::Part(0..2)));
        assert_eq!(ask(&[(RANGE, "bytes=0-1"), (IF_RANGE, "\"old\"")]), Some(Wanted::Whole));
    }
}
