//! Who calls: the role and claims of the bearer token, and what the database is told about the request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use base::http::bearer;
use base::jwt::{TimeError, Token, VerifyError};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use pg::Context;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::state::State;

/// The role that bypasses row level security.
pub(crate) const SERVICE_ROLE: &str = "service_role";

const ANONYMOUS: &str = "anon";

/// Whoever sent a request, with a valid token or with none, which makes it anonymous.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    role: Arc<str>,
    claims: Arc<str>,
    subject: Option<Arc<str>>,
    jwt: Arc<str>,
    request: Arc<RequestData>,
}

/// What policies may ask about the request through `current_setting`.
#[derive(Debug)]
struct RequestData {
    method: Arc<str>,
    path: Arc<str>,
    headers: Arc<str>,
}

/// Who owns what a caller makes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owner {
    /// The subject of the token.
    pub(crate) id: Option<String>,
    /// The same, if it is a uuid.
    pub(crate) uuid: Option<Uuid>,
}

impl Owner {
    /// The owner that a token's subject stands for.
    pub(crate) fn new(subject: Option<&str>) -> Self {
        Self { id: subject.map(str::to_owned), uuid: subject.and_then(|subject| Uuid::try_parse(subject).ok()) }
    }
}

impl Caller {
    /// The holder of a signed URL, whom its maker has given a right that no policy is asked about again.
    pub(crate) fn of_signed_url(parts: &Parts) -> Self {
        Self {
            role: SERVICE_ROLE.into(),
            claims: json!({ "role": SERVICE_ROLE }).to_string().into(),
            subject: None,
            jwt: "".into(),
            request: Arc::new(RequestData::read(parts)),
        }
    }

    fn anonymous(parts: &Parts) -> Self {
        Self {
            role: ANONYMOUS.into(),
            claims: json!({ "role": ANONYMOUS }).to_string().into(),
            subject: None,
            jwt: "".into(),
            request: Arc::new(RequestData::read(parts)),
        }
    }

    fn of_token(token: &Token, jwt: &str, parts: &Parts) -> Self {
        let role = token.text("role").filter(|role| !role.is_empty()).unwrap_or(ANONYMOUS);
        Self {
            role: role.into(),
            claims: token.claims_json.as_str().into(),
            subject: token.text("sub").map(Into::into),
            jwt: jwt.into(),
            request: Arc::new(RequestData::read(parts)),
        }
    }

    /// Whether the caller holds the secret key.
    pub(crate) fn is_service(&self) -> bool {
        &*self.role == SERVICE_ROLE
    }

    /// The role that statements run as.
    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    /// The owner of what this caller makes.
    pub(crate) fn owner(&self) -> Owner {
        Owner::new(self.subject.as_deref())
    }

    /// The settings of a transaction of this caller. `operation` is what policies read as `storage.operation()`.
    pub(crate) fn context(&self, operation: &'static str) -> Context {
        Context::caller(Arc::clone(&self.role), Arc::clone(&self.claims))
            .set("request.jwt.claim.role", Arc::clone(&self.role))
            .set("request.jwt.claim.sub", self.subject.clone().unwrap_or_default())
            .set("request.jwt", Arc::clone(&self.jwt))
            .set("request.method", Arc::clone(&self.request.method))
            .set("request.path", Arc::clone(&self.request.path))
            .set("request.headers", Arc::clone(&self.request.headers))
            .set("storage.operation", operation)
    }

    /// The same for a transaction that deletes rows, which a trigger refuses to everybody else.
    pub(crate) fn deleting(&self, operation: &'static str) -> Context {
        self.context(operation).set("storage.allow_delete_query", "true")
    }
}

impl RequestData {
    fn read(parts: &Parts) -> Self {
        let mut headers = Map::new();
        // Cookies belong to the console, which shares our origin; policies have no use for them.
        for (name, value) in parts.headers.iter().filter(|(name, _)| *name != COOKIE) {
            headers.insert(name.as_str().to_owned(), Value::String(String::from_utf8_lossy(value.as_bytes()).into()));
        }
        Self {
            method: parts.method.as_str().into(),
            path: parts.uri.path().into(),
            headers: Value::Object(headers).to_string().into(),
        }
    }
}

impl FromRequestParts<State> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self::anonymous(parts));
        }
        let jwt = bearer(&parts.headers).ok_or_else(|| Error::AccessDenied(MALFORMED.to_owned()))?;
        let token = verify(state, jwt).map_err(|reason| Error::AccessDenied(reason.to_owned()))?;
        Ok(Self::of_token(&token, jwt, parts))
    }
}

/// The caller of a route that also serves public files: `None` for a token that is not valid.
#[derive(Clone, Debug)]
pub(crate) struct Visitor(pub(crate) Option<Caller>);

impl FromRequestParts<State> for Visitor {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self> {
        Ok(Self(Caller::from_request_parts(parts, state).await.ok()))
    }
}

const MALFORMED: &str = "Invalid Compact JWS";

/// Verifies signature and times of a token; the reasons are the texts that clients of the original know.
pub(crate) fn verify(state: &State, jwt: &str) -> Result<Arc<Token>, &'static str> {
    let token = state.keyring().verify(jwt).map_err(|error| match error {
        VerifyError::Parts(_) | VerifyError::Malformed => MALFORMED,
        VerifyError::Algorithm => r#""alg" (Algorithm) Header Parameter value not allowed"#,
        VerifyError::NoKey | VerifyError::Signature => "signature verification failed",
    })?;
    match token.check_times(state.clock().unix_seconds(), 0) {
        // The original does not look at `iat`, which another machine's clock may have set.
        Ok(()) | Err(TimeError::IssuedInFuture) => Ok(token),
        Err(TimeError::Expired) => Err(r#""exp" claim timestamp check failed"#),
        Err(TimeError::NotYetValid) => Err(r#""nbf" claim timestamp check failed"#),
        Err(TimeError::NotANumber("exp")) => Err(r#""exp" claim must be a number"#),
        Err(TimeError::NotANumber("nbf")) => Err(r#""nbf" claim must be a number"#),
        Err(TimeError::NotANumber(_)) => Err(r#""iat" claim must be a number"#),
    }
}
