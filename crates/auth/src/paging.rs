//! Pages: `page` and `per_page` in, `X-Total-Count` and `Link` out.

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::error::Error;
use crate::query::Query;

const DEFAULT_PER_PAGE: u64 = 50;

/// Larger pages are cut to this, so that no request takes all memory.
const MAX_PER_PAGE: u64 = 10_000;

/// The page that a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    page: u64,
    per_page: u64,
}

impl Paging {
    /// Reads `page` (from 1) and `per_page`.
    pub(crate) fn read(query: &Query) -> Result<Self, Error> {
        let (page, per_page) = (number(query, "page", 1)?, number(query, "per_page", DEFAULT_PER_PAGE)?);
        if per_page == 0 {
            return Err(Error::validation("Bad Pagination Parameters: per_page must not be 0"));
        }
        Ok(Self { page, per_page: per_page.min(MAX_PER_PAGE) })
    }

    /// How many rows the page has at most.
    pub(crate) fn limit(self) -> i64 {
        i64::try_from(self.per_page).unwrap_or(i64::MAX)
    }

    /// How many rows come before it.
    pub(crate) fn offset(self) -> i64 {
        i64::try_from(self.page.saturating_sub(1).saturating_mul(self.per_page)).unwrap_or(i64::MAX)
    }

    /// The headers of an answer: the number of all rows, and links to the next and the last page.
    pub(crate) fn headers(self, uri: &Uri, query: &Query, total: u64) -> HeaderMap {
        let (path, pages) = (uri.path(), total.div_ceil(self.per_page));
        let to = |page: u64, rel: &str| format!("<{path}?{}>; rel=\"{rel}\"", query.with("page", &page.to_string()));
        let last = to(pages, "last");
        let link = if pages > self.page { format!("{}, {last}", to(self.page + 1, "next")) } else { last };
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("x-total-count"), HeaderValue::from(total));
        if let Ok(link) = HeaderValue::from_str(&link) {
            headers.insert(header::LINK, link);
        }
        headers
    }
}

fn number(query: &Query, name: &str, default: u64) -> Result<u64, Error> {
    match query.first(name) {
        "" => Ok(default),
        text => text
            .parse()
            .map_err(|_| Error::validation(format!("Bad Pagination Parameters: {name} {text:?} is not a number"))),
    }
}
