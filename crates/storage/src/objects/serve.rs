//! Answering with a file, or with its headers alone.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::model::objects::{Metadata, Object};
use crate::objects::conditions::{self, Wanted};
use crate::timestamps;

/// The query of a download.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Options {
    /// Asks for a download instead of a display, under this name unless it is empty.
    pub(crate) download: Option<String>,
}

/// Files come from the same origin as the console. Were one opened as a page, an SVG say, its scripts could act
/// for whoever is signed in there; so a page of a file has neither scripts nor an origin.
const POLICY: &str = "sandbox; default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'";

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// Answers with an object's file. With `expires`, that is told instead of how long the file may be cached.
///
/// # Errors
/// [`Error::FileMissing`] when the row has no file, [`Error::InvalidRange`].
pub(crate) async fn file(
    backend: &dyn Backend,
    request: &HeaderMap,
    object: &Object,
    options: &Options,
    expires: Option<Timestamp>,
) -> Result<Response> {
    let facts = object.file();
    let wanted = conditions::wanted(request, &facts)?;
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &facts);
    if let Some(expires) = expires {
        response.headers_mut().remove(CACHE_CONTROL);
        insert(response.headers_mut(), EXPIRES, &timestamps::http(expires));
    }
    let range = match wanted {
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        Wanted::Whole => None,
        Wanted::Part(range) => {
            let content_range = format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), facts.size);
            insert(response.headers_mut(), CONTENT_RANGE, &content_range);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            Some(range)
        }
    };
    if let Some(name) = &options.download {
        insert(response.headers_mut(), CONTENT_DISPOSITION, &disposition(name));
    }
    let content = backend.read(object.blob().ok_or(Error::FileMissing)?, range).await?;
    response.headers_mut().insert(CONTENT_LENGTH, content.length.into());
    *response.body_mut() = Body::from_stream(content.bytes);
    Ok(response)
}

/// Answers with the headers that the file would have.
pub(crate) fn head(object: &Object) -> Response {
    let facts = object.file();
    let mut response = Response::new(Body::empty());
    describe(response.headers_mut(), &facts);
    response.headers_mut().insert(CONTENT_LENGTH, facts.size.into());
    response
}

fn describe(headers: &mut HeaderMap, facts: &Metadata) {
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("none"));
    insert(headers, CONTENT_TYPE, content_type(&facts.mimetype));
    insert(headers, CACHE_CONTROL, &facts.cache_control);
    insert(headers, LAST_MODIFIED, &timestamps::http(facts.last_modified));
    if !facts.etag.is_empty() {
        insert(headers, ETAG, &facts.etag);
    }
    // Browsers do not show a PDF in a sandbox, and it has no scripts of ours to run.
    if !facts.mimetype.starts_with("application/pdf") {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
}

/// Pages are shown as text, as in the original.
fn content_type(mimetype: &str) -> &str {
    if mimetype.to_ascii_lowercase().contains("text/html") { "text/plain" } else { mimetype }
}

/// Sets a header; a value from the database that no header can carry is left out.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// What JavaScript's `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

fn disposition(name: &str) -> String {
    if name.is_empty() {
        return "attachment;".to_owned();
    }
    let name = utf8_percent_encode(name, COMPONENT);
    format!("attachment; filename={name}; filename*=UTF-8''{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dispositions() {
        assert_eq!(disposition(""), "attachment;");
        assert_eq!(disposition("a b.png"), "attachment; filename=a%20b.png; filename*=UTF-8''a%20b.png");
        assert_eq!(disposition("\"\r\nä"), "attachment; filename=%22%0D%0A%C3%A4; filename*=UTF-8''%22%0D%0A%C3%A4");
    }

    #[test]
    fn pages_are_text() {
        assert_eq!(content_type("Text/HTML; charset=utf-8"), "text/plain");
        assert_eq!(content_type("image/png"), "image/png");
    }
}
