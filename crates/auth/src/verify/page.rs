//! The page that GET shows where links must not be used up by programs that look at them before people do.

use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use super::named;
use crate::error::Error;
use crate::query::Query;

/// The form goes to the address of the page itself, with the link's parameters. The page loads nothing.
const PAGE: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<meta name=\"robots\" content=\"noindex\">
<title>Please confirm</title>
</head>
<body>
<main>
<h1>One more step</h1>
<p>You have opened the link of a mail. Press the button to go on.</p>
<form method=\"post\"><button type=\"submit\" autofocus>Go on</button></form>
</main>
</body>
</html>
";

const POLICY: &str = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The page, for a link that is whole; whether it is good is not looked at.
pub(super) fn answer(query: &Query) -> Result<Response, Error> {
    named(query)?;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((StatusCode::OK, headers, PAGE).into_response())
}

/// Whether a request comes from the page.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}
