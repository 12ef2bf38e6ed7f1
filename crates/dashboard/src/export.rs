//! CSV downloads: a statement's whole result, streamed; memory does not grow with rows, and a client that hangs
//! up cancels the statement.

use std::pin::Pin;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use pg::Session;

/// The rest of a download, whose first part has come.
type Chunks = Pin<Box<dyn Stream<Item = Result<Bytes, pg::Error>> + Send>>;

/// Answers with a statement's result. The first part is awaited, so that a statement that fails at once gives
/// an error and not a broken file.
///
/// # Errors
/// What PostgreSQL said about the statement.
pub(crate) async fn download(session: Session, sql: &str, file: &str) -> Result<Response, pg::Error> {
    let mut chunks: Chunks = Box::pin(pg::csv::encode(session.run(sql).await?));
    let first = chunks.next().await.transpose()?;
    let body = stream::iter(first.map(Ok)).chain(chunks).map(move |chunk| {
        // The connection lives as long as the body, and is cancelled with it.
        let _session = &session;
        chunk
    });
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present"));
    headers.insert(CONTENT_DISPOSITION, disposition(file));
    Ok(response)
}

/// The file name, reduced to characters that no header or file system minds.
fn disposition(file: &str) -> HeaderValue {
    let plain: String = file
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() || "._-".contains(character) { character } else { '_' })
        .take(100)
        .collect();
    HeaderValue::try_from(format!("attachment; filename=\"{plain}.csv\"")).expect("plain ASCII is header text")
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn file_names_cannot_leave_their_quotes() {
        assert_eq!(disposition("a\"; x\r\ny/ü"), "attachment; filename=\"a___x__y__.csv\"");
    }
}
