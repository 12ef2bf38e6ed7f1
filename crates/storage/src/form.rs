//! The file of an upload and what is said about it: a raw body with headers, or a multipart form as browsers
//! and `supabase-js` send it for blobs. The bytes are handed on as they come and are never held as a whole.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::BodyDataStream;
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::{alphabet, engine};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use multer::{Field, Multipart};
use serde_json::Value;

use crate::error::{Error, Result};

/// The most bytes that a caller may attach as metadata of its own, as in the original.
const MAX_USER_METADATA: usize = 1024 * 1024;

/// The most bytes of a form outside of the file: all fields, their headers and the boundaries.
pub(crate) const MAX_FORM_OVERHEAD: u64 = 2 * 1024 * 1024;

/// The most fields of a form besides the file, as in the original.
const MAX_FIELDS: usize = 10;

/// Base64 as JavaScript's decoder takes it: with or without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(engine::DecodePaddingMode::Indifferent),
);

/// An upload that has begun. It borrows the body, of which something may be left when the upload is refused.
pub(crate) struct Incoming<'b> {
    /// What is known about the file so far; complete when the bytes have come to their end.
    pub(crate) facts: Facts,
    source: Source<'b>,
}

/// What the client says about a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The content type.
    pub(crate) mimetype: String,
    /// The `Cache-Control` that the file is to be served with.
    pub(crate) cache_control: Option<String>,
    /// The caller's own metadata.
    pub(crate) user_metadata: Option<Value>,
    /// The request's length, of which a form's boundaries are part.
    pub(crate) declared_length: Option<u64>,
}

enum Source<'b> {
    Raw(&'b mut BodyDataStream),
    Form(Box<Form<'b>>),
}

struct Form<'b> {
    parts: Multipart<'b>,
    /// The file; `None` when it has come to its end.
    file: Option<Field<'b>>,
    budget: Budget,
    fields: usize,
}

impl<'b> Incoming<'b> {
    /// Whether a request carries a form, whose length is more than that of its file.
    pub(crate) fn is_form(headers: &HeaderMap) -> bool {
        const FORM: &[u8] = b"multipart/form-data";
        let start = headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().get(..FORM.len()));
        start.is_some_and(|start| start.eq_ignore_ascii_case(FORM))
    }

    /// Reads up to where the file begins.
    ///
    /// # Errors
    /// [`Error::NoContent`] for a form without a file or one that breaks off, [`Error::EntityTooLarge`] for too
    /// much around it.
    pub(crate) async fn open(headers: &HeaderMap, body: &'b mut BodyDataStream, name: &str) -> Result<Self> {
        let content_type = match headers.get(CONTENT_TYPE) {
            Some(value) => text(value)?.to_owned(),
            None => String::new(),
        };
        let declared_length = declared_length(headers);
        if Self::is_form(headers) {
            let mut form = Self::open_form(&content_type, body, name).await?;
            form.facts.declared_length = declared_length;
            return Ok(form);
        }
        let facts = Facts {
            mimetype: if content_type.is_empty() { OCTETS.to_owned() } else { content_type },
            cache_control: headers.get(CACHE_CONTROL).map(text).transpose()?.map(str::to_owned),
            user_metadata: headers.get("x-metadata").map(user_metadata_header).transpose()?.flatten(),
            declared_length,
        };
        Ok(Self { facts, source: Source::Raw(body) })
    }

    async fn open_form(content_type: &str, body: &'b mut BodyDataStream, name: &str) -> Result<Self> {
        let boundary = multer::parse_boundary(content_type).map_err(form_error)?;
        let budget = Budget::default();
        budget.allow(MAX_FORM_OVERHEAD);
        let stream = Paced { inner: body, budget: budget.clone(), has_yielded: false };
        let mut form = Form { parts: Multipart::new(stream, boundary), file: None, budget, fields: 0 };
        let mut facts = Facts::default();
        while let Some(field) = form.parts.next_field().await.map_err(form_error)? {
            if is_file(&field) {
                if facts.mimetype.is_empty() {
                    let said = field.headers().get(CONTENT_TYPE).map(text).transpose()?;
                    facts.mimetype = said.unwrap_or_else(|| guess(name)).to_owned();
                }
                form.budget.allow(u64::MAX);
                form.file = Some(field);
                return Ok(Self { facts, source: Source::Form(Box::new(form)) });
            }
            form.read_field(field, &mut facts).await?;
        }
        Err(Error::NoContent("the form has no file".to_owned()))
    }

    /// The next bytes of the file; `None` at its end, which then is known to be the end and not a hang-up.
    ///
    /// # Errors
    /// [`Error::NoContent`] when the client broke off.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>> {
        match &mut self.source {
            Source::Raw(body) => body.next().await.transpose().map_err(|error| Error::NoContent(error.to_string())),
            Source::Form(form) => {
                let Some(file) = &mut form.file else { return Ok(None) };
                if let Some(bytes) = file.chunk().await.map_err(form_error)? {
                    return Ok(Some(bytes));
                }
                form.file = None;
                form.read_rest(&mut self.facts).await?;
                Ok(None)
            }
        }
    }
}

impl<'b> Form<'b> {
    /// What follows the file: `supabase-js` appends its fields to a form that the app has made. A second file is
    /// refused.
    async fn read_rest(&mut self, facts: &mut Facts) -> Result<()> {
        self.budget.allow(MAX_FORM_OVERHEAD);
        let mimetype = facts.mimetype.clone();
        while let Some(field) = self.parts.next_field().await.map_err(form_error)? {
            if is_file(&field) {
                return Err(Error::NoContent("the form has more than one file".to_owned()));
            }
            self.read_field(field, facts).await?;
        }
        // The type was checked against the bucket's rules before, so it stays.
        facts.mimetype = mimetype;
        Ok(())
    }

    async fn read_field(&mut self, field: Field<'b>, facts: &mut Facts) -> Result<()> {
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            return Err(Error::NoContent(format!("the form has more than {MAX_FIELDS} fields")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        let value = field.bytes().await.map_err(form_error)?;
        let value =
            std::str::from_utf8(&value).map_err(|_| Error::NoContent(format!("form field {name} is not UTF-8")))?;
        match name.as_str() {
            "cacheControl" if !value.is_empty() => facts.cache_control = Some(format!("max-age={value}")),
            "contentType" if !value.is_empty() => facts.mimetype = value.to_owned(),
            "metadata" => facts.user_metadata = user_metadata(value)?,
            "userMetadata" if facts.user_metadata.is_none() => facts.user_metadata = user_metadata(value)?,
            _ => {}
        }
        Ok(())
    }
}

/// The request's `Content-Length`.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

const OCTETS: &str = "application/octet-stream";

fn guess(name: &str) -> &'static str {
    mime_guess::from_path(name).first_raw().unwrap_or(OCTETS)
}

fn is_file(field: &Field<'_>) -> bool {
    field.file_name().is_some() || field.headers().get(CONTENT_TYPE).is_some_and(|mime| mime == OCTETS)
}

fn text(value: &HeaderValue) -> Result<&str> {
    value.to_str().map_err(|_| Error::Malformed("headers must be ASCII".to_owned()))
}

/// Metadata of the caller's own; what is no JSON object is ignored, as in the original.
fn user_metadata(json: &str) -> Result<Option<Value>> {
    if json.len() > MAX_USER_METADATA {
        return Err(Error::EntityTooLarge("user_metadata"));
    }
    Ok(serde_json::from_str(json).ok().filter(Value::is_object))
}

/// The same in a header, as base64.
pub(crate) fn user_metadata_header(value: &HeaderValue) -> Result<Option<Value>> {
    let decoded = LENIENT.decode(value.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.map_or(Ok(None), |json| user_metadata(&json))
}

fn form_error(error: multer::Error) -> Error {
    match error {
        multer::Error::StreamReadFailed(cause) if cause.is::<OverBudget>() => Error::EntityTooLarge("form"),
        other => Error::NoContent(other.to_string()),
    }
}

/// How many more bytes of the body the form's parser may be given: it holds a part's headers in memory until
/// they are complete, so what is not the file is bounded.
#[derive(Clone, Default)]
struct Budget(Arc<AtomicU64>);

impl Budget {
    fn allow(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    fn spend(&self, bytes: u64) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        // One chunk may reach into the file, so what counts is whether anything was left before.
        left > 0
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the form is too large")]
struct OverBudget;

/// The body, one chunk at a time: the parser otherwise takes in whatever is ready before it hands anything on.
struct Paced<'b> {
    inner: &'b mut BodyDataStream,
    budget: Budget,
    has_yielded: bool,
}

impl Stream for Paced<'_> {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.has_yielded) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.inner.poll_next_unpin(context) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.has_yielded = true;
                let is_within = self.budget.spend(bytes.len() as u64);
                Poll::Ready(Some(if is_within { Ok(bytes) } else { Err(Box::new(OverBudget)) }))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(Box::new(error)))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn headers(content_type: &str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().expect("a header value"))])
    }

    async fn read(body: &str) -> Result<(Facts, Vec<u8>)> {
        let mut body = Body::from(body.replace('\n', "\r\n")).into_data_stream();
        let mut incoming = Incoming::open(&headers("multipart/form-data; boundary=B"), &mut body, "a.png").await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = incoming.next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok((incoming.facts, bytes))
    }

    #[tokio::test]
    async fn a_form_as_supabase_js_sends_it() {
        let form = "--B\nContent-Disposition: form-data; name=\"cacheControl\"\n\n3600\n\
            --B\nContent-Disposition: form-data; name=\"metadata\"\n\n{\"a\":1}\n\
            --B\nContent-Disposition: form-data; name=\"\"; filename=\"blob\"\nContent-Type: image/png\n\nPNG\n--B--\n";
        let (facts, bytes) = read(form).await.expect("a form");
        assert_eq!(bytes, b"PNG");
        assert_eq!(facts.mimetype, "image/png");
        assert_eq!(facts.cache_control.as_deref(), Some("max-age=3600"));
        assert_eq!(facts.user_metadata, Some(serde_json::json!({"a": 1})));
    }

    #[tokio::test]
    async fn fields_behind_the_file_count_and_types_are_guessed() {
        let form = "--B\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\n\nPNG\n\
            --B\nContent-Disposition: form-data; name=\"cacheControl\"\n\n60\n--B--\n";
        let (facts, _) = read(form).await.expect("a form");
        assert_eq!(facts.cache_control.as_deref(), Some("max-age=60"));
        assert_eq!(facts.mimetype, "image/png");
    }

    #[tokio::test]
    async fn forms_that_are_none_are_refused() {
        let file = "--B\nContent-Disposition: form-data; name=\"\"; filename=\"b\"\n\nPNG";
        let fields = "--B\nContent-Disposition: form-data; name=\"f\"\n\nv\n".repeat(MAX_FIELDS + 1);
        let cut = file.to_owned();
        let two = format!("{file}\n{file}\n--B--\n");
        for wrong in ["", "no form", "--B--\n", &cut, &two, &fields, "--B\nContent-Disposition: form-data; na"] {
            assert!(matches!(read(wrong).await, Err(Error::NoContent(_))), "{wrong:?}");
        }
        let chunk = |n| Bytes::from(if n == 0 { "--B\r\nX: ".to_owned() } else { "y".repeat(65_536) });
        let endless = (0..100).map(move |n| Ok::<_, std::io::Error>(chunk(n)));
        let mut body = Body::from_stream(futures_util::stream::iter(endless)).into_data_stream();
        let opened = Incoming::open(&headers("multipart/form-data; boundary=B"), &mut body, "a").await;
        assert!(matches!(opened.map(|_| ()), Err(Error::EntityTooLarge("form"))));
    }

    #[tokio::test]
    async fn a_raw_body_is_described_by_its_headers() {
        let mut headers = headers("image/png");
        headers.insert(CACHE_CONTROL, "max-age=5".parse().expect("a header value"));
        headers.insert("x-metadata", STANDARD.encode(r#"{"a":"b"}"#).parse().expect("a header value"));
        let mut body = Body::from("x").into_data_stream();
        let mut incoming = Incoming::open(&headers, &mut body, "a").await.expect("a body");
        assert_eq!(incoming.next().await.expect("bytes").as_deref(), Some(&b"x"[..]));
        assert_eq!(incoming.next().await.expect("the end"), None);
        assert_eq!(incoming.facts.user_metadata, Some(serde_json::json!({"a": "b"})));
        assert_eq!(incoming.facts.cache_control.as_deref(), Some("max-age=5"));
    }
}
