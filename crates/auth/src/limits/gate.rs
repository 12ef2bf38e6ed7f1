//! What a request must pass before its handler: the bucket of its address, then the captcha.

use axum::body::{Body as AxumBody, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base::http::ClientAddr;
use http::Method;
use serde_json::Value;

use super::{Bucket, check};
use crate::bearer;
use crate::error::Error;
use crate::json::MAX_BODY;
use crate::protection;
use crate::query::Query;
use crate::state::State;

/// Lets a request pass, or answers what it is denied.
pub(crate) async fn gate(state: &State, request: Request, next: Next) -> Response {
    match pass(state, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn pass(state: &State, request: Request) -> Result<Request, Error> {
    let (method, path) = (request.method().clone(), request.uri().path().trim_end_matches('/').to_owned());
    let Some(mut bucket) = bucket(&method, &path) else { return Ok(request) };
    let grant = Query::parse(request.uri().query().unwrap_or_default()).first("grant_type").to_owned();
    let has_captcha = state.protection.captcha.is_some() && needs_captcha(&path, &grant);
    let is_limited = state.settings.rate_limits.per_address;
    if !has_captcha && !is_limited {
        return Ok(request);
    }
    let ip = request.extensions().get::<ClientAddr>().map(|address| address.0);
    let (parts, body) = request.into_parts();
    let (body, fields) = if has_captcha || bucket == Bucket::Signups {
        // What is no JSON, or too long, is the handler's to refuse.
        let bytes = match to_bytes(body, MAX_BODY).await {
            Ok(bytes) => bytes,
            Err(_) => return Err(Error::BodyTooLarge),
        };
        let fields = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (AxumBody::from(bytes), fields)
    } else {
        (body, Value::Null)
    };
    if bucket == Bucket::Signups && is_anonymous(&fields) {
        bucket = Bucket::Anonymous;
    }
    check(state, bucket, ip).await?;
    if has_captcha && !bearer::is_admin(&parts, state) {
        protection::check_captcha(state, &fields, ip).await?;
    }
    Ok(Request::from_parts(parts, body))
}

/// The bucket of a request; `None` where nothing is counted.
fn bucket(method: &Method, path: &str) -> Option<Bucket> {
    match (method.as_str(), path) {
        ("POST", "/signup") => Some(Bucket::Signups),
        ("POST", "/recover") => Some(Bucket::Recover),
        ("POST", "/resend") => Some(Bucket::Resend),
        ("POST", "/magiclink") => Some(Bucket::MagicLink),
        ("POST", "/otp") => Some(Bucket::Otp),
        ("PUT", "/user") => Some(Bucket::User),
        ("GET" | "POST", "/verify") => Some(Bucket::Verify),
        ("POST", "/token") => Some(Bucket::Token),
        ("POST", path) if path.starts_with("/factors/") && path.ends_with("/challenge") => {
            Some(Bucket::FactorChallenge)
        }
        ("POST", path) if path.starts_with("/factors/") && path.ends_with("/verify") => Some(Bucket::FactorVerify),
        _ => None,
    }
}

fn needs_captcha(path: &str, grant: &str) -> bool {
    match path {
        "/signup" | "/recover" | "/resend" | "/magiclink" | "/otp" => true,
        "/token" => grant == "password",
        _ => false,
    }
}

fn is_anonymous(fields: &Value) -> bool {
    let is_empty = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().is_empty();
    fields.is_object() && is_empty("email") && is_empty("phone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_its_bucket() {
        for (method, path, expected) in [
            (Method::POST, "/token", Some(Bucket::Token)),
            (Method::PUT, "/user", Some(Bucket::User)),
            (Method::GET, "/user", None),
            (Method::GET, "/verify", Some(Bucket::Verify)),
            (Method::POST, "/factors/1/challenge", Some(Bucket::FactorChallenge)),
            (Method::POST, "/factors/recovery-codes/verify", Some(Bucket::FactorVerify)),
            (Method::POST, "/factors", None),
            (Method::POST, "/logout", None),
        ] {
            assert_eq!(bucket(&method, path), expected, "{method} {path}");
        }
    }
}
