//! Calls of the auth service's admin API in this process, with a service_role token that lives for a minute.

use axum::body::Body;
use base::http::{ClientAddr, Failure, OperatorName};
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::error::{AuthRefusal, Error};
use crate::operators::sessions::Operator;
use crate::state::State;

/// The most that one answer may hold: a user with all identities and metadata.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// How long a token lives, in seconds.
const LIFETIME: i64 = 60;

/// A call.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

impl Call {
    /// Sends it and reads the answer, which is JSON.
    ///
    /// # Errors
    /// [`Error::Auth`] with the service's own status, code and message, and the real cause where it told one.
    pub(crate) async fn send(self, state: &State, operator: &Operator) -> Result<Value, Error> {
        let request = self.request(state, operator)?;
        let answer = match state.deps().auth.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|_| Error::Internal("the auth service's answer could not be read"))?.to_bytes();
        let value: Value = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).map_err(|_| Error::Internal("the auth service's answer is no JSON"))?
        };
        if parts.status.is_success() {
            return Ok(value);
        }
        Err(Error::Auth(Box::new(refusal(parts.status, &value, parts.extensions.get::<Failure>().cloned()))))
    }

    fn request(self, state: &State, operator: &Operator) -> Result<Request<Body>, Error> {
        let now = state.deps().clock.unix_seconds();
        let token = state.deps().keyring.sign(&json!({
            "role": "service_role", "iss": "vestibule-console", "iat": now, "exp": now + LIFETIME,
        }));
        let body = self.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, "vestibule-console")
            // The form of errors that names the code as text.
            .header("x-supabase-api-version", "2024-01-01")
            .body(body)
            .map_err(|_| Error::Internal("the call of the auth service is malformed"))?;
        request.extensions_mut().insert(OperatorName(operator.email.as_str().into()));
        if let Some(address) = operator.address {
            request.extensions_mut().insert(ClientAddr(address));
        }
        Ok(request)
    }
}

/// Reads an error body in either of its forms: `{code, message}` or `{code: 422, error_code, msg}`.
fn refusal(status: StatusCode, body: &Value, failure: Option<Failure>) -> AuthRefusal {
    let text = |names: [&str; 2]| names.iter().find_map(|name| body[name].as_str()).map(str::to_owned);
    AuthRefusal {
        status,
        code: text(["code", "error_code"]).unwrap_or_else(|| "auth_error".into()),
        message: text(["message", "msg"]).unwrap_or_else(|| "the auth service refused".into()),
        failure,
        detail: body.get("weak_password").cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_errors_are_read() {
        for body in [
            json!({"code": "email_exists", "message": "taken"}),
            json!({"code": 422, "error_code": "email_exists", "msg": "taken"}),
        ] {
            let refusal = refusal(StatusCode::UNPROCESSABLE_ENTITY, &body, None);
            assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("email_exists", "taken"));
        }
        let weak = json!({"code": "weak_password", "message": "weak", "weak_password": {"reasons": ["length"]}});
        assert_eq!(refusal(StatusCode::UNPROCESSABLE_ENTITY, &weak, None).detail, Some(json!({"reasons": ["length"]})));
    }
}
