//! Cross-origin requests: any origin, without cookies, as in front of a Supabase project. Services stay free to
//! answer plain OPTIONS themselves and to set headers of their own.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderValue, Method, StatusCode};

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
const DAY: HeaderValue = HeaderValue::from_static("86400");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, \
     Transfer-Encoding, Range-Unit, ETag, Link, Preference-Applied, X-Total-Count, X-Supabase-Api-Version, \
     X-Request-Id, X-Sb-Error-Code, X-Vestibule-Failure, Retry-After",
);

/// The console is left out: it is for its own origin only.
fn is_for_apps(request: &Request) -> bool {
    !request.uri().path().starts_with("/dashboard")
}

/// Whether a page of some origin asks, so that the answer is to be opened to it.
pub fn is_foreign(request: &Request) -> bool {
    is_for_apps(request) && request.headers().contains_key(ORIGIN)
}

/// Opens an answer to any origin.
pub fn open(response: &mut Response) {
    let headers = response.headers_mut();
    headers.entry(ACCESS_CONTROL_ALLOW_ORIGIN).or_insert(ANY);
    headers.entry(ACCESS_CONTROL_EXPOSE_HEADERS).or_insert(EXPOSED);
}

/// The answer to a preflight, if the request is one.
pub fn preflight(request: &Request) -> Option<Response> {
    let is_one = request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !is_one || !is_for_apps(request) {
        return None;
    }
    let asked = request.headers().get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, DAY);
    headers.insert(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(ANY));
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_may_read_what_answers_tell_clients() {
        let mut response = Response::default();
        open(&mut response);
        let exposed = response.headers()[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().expect("plain").to_ascii_lowercase();
        let exposed: Vec<&str> = exposed.split(", ").collect();
        for name in ["retry-after", "x-request-id", "x-sb-error-code", "x-total-count", "x-vestibule-failure"] {
            assert!(exposed.contains(&name), "{name}");
        }
    }
}
