//! Which rows are asked for: `limit`, `offset` and the `Range` header.

use http::{HeaderMap, Method, header};

use super::query::Query;
use crate::error::{RangeError, RequestError};

/// A part of the rows of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowRange {
    /// Rows skipped, never negative.
    pub offset: i64,
    /// Most rows returned.
    pub limit: Option<i64>,
}

impl RowRange {
    /// No restriction at all.
    pub fn is_everything(self) -> bool {
        self.offset == 0 && self.limit.is_none()
    }

    /// Also at most `max` rows.
    #[must_use]
    pub fn capped(self, max: Option<i64>) -> Self {
        let limit = match (self.limit, max) {
            (Some(limit), Some(max)) => Some(limit.min(max)),
            (limit, max) => limit.or(max),
        };
        Self { limit, ..self }
    }

    /// The rows that are in both.
    fn within(self, first: i64, last: Option<i64>) -> Self {
        let offset = self.offset.max(first);
        let own_last = self.limit.map(|limit| self.offset.saturating_add(limit).saturating_sub(1));
        let last = match (own_last, last) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let limit = last.map(|last| last.saturating_sub(offset).saturating_add(1));
        Self { offset, limit }
    }
}

/// Range of the top level.
///
/// # Errors
/// A `Range` header whose bounds are reversed, a negative limit, any range with PUT.
pub(super) fn top_level(method: &Method, headers: &HeaderMap, query: &Query) -> Result<RowRange, RequestError> {
    let asked = query.ranges.get(&Vec::new()).copied().unwrap_or_default();
    let range = match header_range(method, headers) {
        Some((first, Some(last))) if last < first => return Err(RequestError::Range(RangeError::Reversed)),
        Some((first, last)) => asked.within(first, last),
        None => asked,
    };
    if asked.limit != Some(0) && range.limit.is_some_and(|limit| limit <= 0) {
        return Err(RequestError::Range(RangeError::NegativeLimit));
    }
    if method == Method::PUT && !range.is_everything() {
        return Err(RequestError::LimitOnPut);
    }
    Ok(range)
}

/// `first-last` or `first-`, on GET only; anything malformed is ignored.
fn header_range(method: &Method, headers: &HeaderMap) -> Option<(i64, Option<i64>)> {
    if method != Method::GET {
        return None;
    }
    let text = headers.get(header::RANGE)?.to_str().ok()?;
    let (first, last) = text.split_once('-')?;
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if first.is_empty() || !digits(first) || !digits(last) {
        return None;
    }
    let last = if last.is_empty() { None } else { Some(last.parse().ok()?) };
    Some((first.parse().ok()?, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_intersected() {
        let limited = RowRange { offset: 2, limit: Some(5) };
        assert_eq!(limited.within(0, Some(3)), RowRange { offset: 2, limit: Some(2) });
        assert_eq!(limited.within(4, None), RowRange { offset: 4, limit: Some(3) });
        assert_eq!(RowRange::default().capped(Some(10)).limit, Some(10));
    }
}
