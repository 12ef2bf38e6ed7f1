//! What surrounds responses of any kind: CORS, the trace header, the time that each stage took.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request};

use super::set;
use crate::Settings;

/// How long the stages of a request took.
#[derive(Debug)]
pub(crate) struct Stages {
    last: Instant,
    done: Vec<(&'static str, Duration)>,
}

impl Stages {
    pub(crate) fn begin() -> Self {
        Self { last: Instant::now(), done: Vec::new() }
    }

    /// A stage has ended, the next one begins.
    pub(crate) fn end(&mut self, stage: &'static str) {
        let now = Instant::now();
        self.done.push((stage, now - self.last));
        self.last = now;
    }

    /// The value of `Server-Timing`, in milliseconds.
    fn shown(&self) -> String {
        let shown: Vec<String> =
            self.done.iter().map(|(stage, time)| format!("{stage};dur={:.3}", time.as_secs_f64() * 1000.0)).collect();
        shown.join(", ")
    }
}

/// Adds what the settings ask for.
pub(crate) fn surrounded(mut response: Response, parts: &request::Parts, settings: &Settings) -> Response {
    let headers = response.headers_mut();
    if let Some((name, value)) = settings.trace_header.as_ref().and_then(|name| Some((name, parts.headers.get(name)?)))
    {
        headers.insert(name, value.clone());
    }
    if let Some(origins) = &settings.allowed_origins
        && let Some(allowed) = allowed(&parts.headers, origins)
    {
        allowed.give(headers);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Adds how long the stages took.
pub(crate) fn timed(mut response: Response, stages: &Stages) -> Response {
    set(response.headers_mut(), HeaderName::from_static("server-timing"), &stages.shown());
    response
}

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location, Server, \
     Transfer-Encoding, Range-Unit",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD");
const DAY: HeaderValue = HeaderValue::from_static("86400");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// The answer to a browser that asks before it sends, if this is one.
pub(crate) fn preflight(parts: &request::Parts, settings: &Settings) -> Option<Response> {
    let origins = settings.allowed_origins.as_ref()?;
    if parts.method != Method::OPTIONS || !parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let allowed = allowed(&parts.headers, origins)?;
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    allowed.give(headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, DAY);
    let asked = parts.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS).and_then(|asked| asked.to_str().ok());
    let asked = asked.into_iter().flat_map(|asked| asked.split(',')).map(str::trim);
    let names: Vec<&str> = std::iter::once("Authorization")
        .chain(asked)
        .chain(["Accept", "Accept-Language", "Content-Language"])
        .collect();
    set(headers, header::ACCESS_CONTROL_ALLOW_HEADERS, &names.join(", "));
    Some(response)
}

/// The origin that is let in, if any.
enum Allowed {
    Any,
    One(HeaderValue),
}

impl Allowed {
    fn give(self, headers: &mut HeaderMap) {
        match self {
            Self::Any => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            }
            Self::One(origin) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
                headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
    }
}

fn allowed(headers: &HeaderMap, origins: &[String]) -> Option<Allowed> {
    let origin = headers.get(header::ORIGIN)?;
    if origins.is_empty() {
        return Some(Allowed::Any);
    }
    origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| Allowed::One(origin.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_are_shown_in_milliseconds() {
        let done = vec![("jwt", Duration::from_micros(1500)), ("parse", Duration::from_millis(2))];
        assert_eq!(Stages { last: Instant::now(), done }.shown(), "jwt;dur=1.500, parse;dur=2.000");
    }

    #[test]
    fn origins_are_let_in_one_by_one_or_all() {
        let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static("http://a.example"))]);
        assert!(matches!(allowed(&headers, &[]), Some(Allowed::Any)));
        assert!(matches!(allowed(&headers, &["http://a.example".to_owned()]), Some(Allowed::One(_))));
        assert!(allowed(&headers, &["http://b.example".to_owned()]).is_none());
        assert!(allowed(&HeaderMap::new(), &[]).is_none());
    }
}
