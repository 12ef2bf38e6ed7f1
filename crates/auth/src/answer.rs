//! The one layer around all routes: the deadline of a request, what it must pass, and the bodies of errors in the
//! version that it asks for.

use authkit::hook::HookError;
use axum::body::Body;
use axum::extract::{Request, State as With};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use base::http::RequestId;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Value, json};

use crate::clean_up;
use crate::error::{Error, Raised};
use crate::json::respond;
use crate::limits::gate;
use crate::origin::Origin;
use crate::refusal::Refusal;
use crate::state::State;
use crate::waiting::Waiting;

const API_VERSION: &str = "x-supabase-api-version";
const VERSION_2024: &str = "2024-01-01";
const ERROR_CODE: &str = "x-sb-error-code";

/// The layout of error bodies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Initial,
    V2024,
}

/// Runs a request within its time and finishes its answer.
pub(crate) async fn finish(With(state): With<State>, request: Request, next: Next) -> Response {
    let version = version(request.headers());
    let request_id = request.extensions().get::<RequestId>().cloned();
    let limit = state.settings.max_request_duration;
    let origin = Origin::of(&request);
    let is_write = clean_up::is_write(request.method());
    let response = if limit.is_zero() {
        origin.scope(gate(&state, request, next)).await
    } else {
        let waiting = Waiting::default();
        let answer = waiting.scope(origin.scope(gate(&state, request, next)));
        let answered = tokio::time::timeout(limit, answer).await;
        answered.unwrap_or_else(|_| Error::Timeout(waiting.what()).into_response())
    };
    if is_write && response.status().is_success() {
        clean_up::after_write(&state);
    }
    match response.extensions().get::<Raised>().cloned() {
        Some(Raised(error)) => with_body(response, &error, version, request_id.as_ref()),
        None => response,
    }
}

/// Any path that there is not.
pub(crate) async fn not_found() -> Response {
    let mut response = (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A route without HEAD, whose GET does something: programs that look at links before people do must not use them up.
/// Answers the methods that are `allowed` to all others.
pub(crate) fn without_head(methods: MethodRouter<State>, allowed: &'static str) -> MethodRouter<State> {
    let refuse = move || async move { (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, allowed)]).into_response() };
    methods.head(refuse).fallback(refuse)
}

fn version(headers: &HeaderMap) -> Version {
    let asked = headers.get(API_VERSION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_date = asked.len() == VERSION_2024.len() && asked.parse::<Date>().is_ok();
    if is_date && asked >= VERSION_2024 { Version::V2024 } else { Version::Initial }
}

/// Replaces the empty body of an error, keeping its headers and extensions.
fn with_body(mut response: Response, error: &Error, version: Version, request_id: Option<&RequestId>) -> Response {
    let (status, body) = body(error, version, request_id);
    let (body_parts, body) = respond(status, &body).into_parts();
    *response.status_mut() = status;
    response.headers_mut().extend(body_parts.headers);
    if has_code_header(error, version)
        && let Ok(code) = HeaderValue::from_str(error.public().code)
    {
        response.headers_mut().insert(ERROR_CODE, code);
    }
    if version == Version::V2024 {
        response.headers_mut().insert(API_VERSION, HeaderValue::from_static(VERSION_2024));
    }
    response.map(|_: Body| body)
}

fn has_code_header(error: &Error, version: Version) -> bool {
    match error {
        Error::OAuth { .. } => false,
        Error::OfHook { error, .. } => has_code_header(error, version),
        // A hook that refuses names no code; what the body has then is a stand-in.
        Error::Refused(Refusal::Hook(HookError::Refused(_))) => false,
        Error::WeakPassword(_) => version == Version::Initial,
        _ => true,
    }
}

#[derive(Serialize)]
struct InitialBody<'a> {
    code: u16,
    error_code: &'a str,
    msg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weak_password: Option<Value>,
}

#[derive(Serialize)]
struct Body2024<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    weak_password: Option<Value>,
}

#[derive(Serialize)]
struct TriggerBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

fn body(error: &Error, version: Version, request_id: Option<&RequestId>) -> (StatusCode, Value) {
    let public = error.public();
    let status = public.status;
    if let Error::OAuth { error, description } = error {
        return (status, json!({"error": error, "error_description": description}));
    }
    let weak_password = match error {
        Error::WeakPassword(weakness) => Some(json!({"reasons": weakness.reasons})),
        _ => None,
    };
    if version == Version::V2024 {
        let body = Body2024 { code: public.code, message: &public.text, weak_password };
        return (status, json!(body));
    }
    if let Some((status, failure)) = error.database_answer() {
        let body = TriggerBody {
            code: failure.sqlstate.as_deref().unwrap_or_default(),
            message: &failure.message,
            hint: failure.hint.as_deref(),
            detail: failure.detail.as_deref(),
        };
        return (status, json!(body));
    }
    let error_id = request_id.filter(|_| status.is_server_error()).map(|id| &*id.0);
    let body =
        InitialBody { code: status.as_u16(), error_code: public.code, msg: &public.text, error_id, weak_password };
    (status, json!(body))
}
