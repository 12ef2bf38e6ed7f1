//! The mailbox for people: a list, and each mail as it looks. No scripts, neither ours nor the mails'.

use axum::extract::{OriginalUri, Path, State as With};
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::api;
use crate::error::Error;
use crate::model::mailbox::{self, Mail, Search};
use crate::state::State;

/// How many mails the page shows.
const SHOWN: i64 = 100;

const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";

/// A mail may show pictures and lead elsewhere, but do nothing.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox \
    allow-top-navigation-by-user-activation; default-src 'none'; img-src * data:; style-src 'unsafe-inline'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem;border-bottom:1px solid #ccc}\
    .unread{font-weight:600}";

/// `GET /`.
pub(super) async fn list(With(state): With<State>, OriginalUri(uri): OriginalUri) -> Result<Response, Error> {
    let mails = mailbox::list(&state.db, &Search::default(), SHOWN, 0)
        .await
        .map_err(Error::database("Database error reading the mailbox"))?;
    let base = escape(uri.path().trim_end_matches('/'));
    let rows: String = mails.iter().map(|mail| row(&base, mail)).collect();
    let body = if mails.is_empty() {
        "<p>No mail yet.</p>".to_owned()
    } else {
        format!("<table><thead><tr><th>To<th>Subject<th>Sent<th></thead><tbody>{rows}</tbody></table>")
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Mailbox</title><style>{STYLE}</style>\
         <h1>Mailbox</h1>{body}</html>"
    );
    Ok(page(html, "text/html; charset=utf-8", PAGE_POLICY))
}

fn row(base: &str, mail: &Mail) -> String {
    let class = if mail.is_read { "" } else { " class=\"unread\"" };
    let (to, subject) = (escape(&mail.to.join(", ")), escape(&mail.subject));
    let (id, at) = (mail.id, mail.created_at);
    format!(
        "<tr{class}><td>{to}<td><a href=\"{base}/view/{id}.html\">{subject}</a><td>{at}\
         <td><a href=\"{base}/view/{id}.txt\">as text</a>"
    )
}

/// `GET /view/{id}.html` and `GET /view/{id}.txt`.
pub(super) async fn view(With(state): With<State>, Path(file): Path<String>) -> Result<Response, Error> {
    let (id, kind) = file.rsplit_once('.').unwrap_or((&file, ""));
    match kind {
        "html" => Ok(page(api::open(&state, id).await?.html, "text/html; charset=utf-8", MAIL_POLICY)),
        "txt" => Ok(page(api::open(&state, id).await?.plain, "text/plain; charset=utf-8", MAIL_POLICY)),
        _ => Err(Error::PathNotFound("message not found")),
    }
}

fn page(body: String, content_type: &'static str, policy: &'static str) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response.headers_mut().insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

/// Escapes text for HTML, inside and outside of attributes.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn text_stays_text_in_elements_and_in_attributes() {
        assert_eq!(escape("http://b/verify?token=1&type=\"x\""), "http://b/verify?token=1&amp;type=&#34;x&#34;");
        assert_eq!(escape("<old> 'ü'"), "&lt;old&gt; &#39;ü&#39;");
    }
}
