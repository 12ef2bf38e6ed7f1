//! Who is asking: role and claims, from the token or for want of one.

use base::jwt::{TimeError, Token, Verifier, VerifyError};
use http::{HeaderMap, header};
use serde_json::Value;

use crate::Settings;
use crate::error::TokenError;

/// Seconds that clocks may differ.
const LEEWAY: i64 = 30;

/// The role that a request runs as, and its claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The role.
    pub role: String,
    /// All claims and the role, as a JSON object.
    pub claims: String,
    /// The role is that of requests without a token.
    pub is_anonymous: bool,
}

/// Reads and checks the token of a request.
///
/// # Errors
/// [`TokenError`] when there is a token that does not hold, or none where one is needed.
pub(crate) fn identify(
    headers: &HeaderMap,
    verifier: &Verifier,
    settings: &Settings,
    now: i64,
) -> Result<Identity, TokenError> {
    let Some(text) = bearer(headers) else {
        let role = settings.anon_role.clone().ok_or(TokenError::Required)?;
        let claims = serde_json::json!({"role": role}).to_string();
        return Ok(Identity { role, claims, is_anonymous: true });
    };
    if text.is_empty() {
        return Err(TokenError::Empty);
    }
    let token = verifier.verify(text).map_err(refused)?;
    token.check_times(now, LEEWAY).map_err(untimely)?;
    check_audience(&token, settings.audience.as_deref())?;
    let role = match role_claim(&token, &settings.role_claim) {
        Some(role) => role,
        None => settings.anon_role.clone().ok_or(TokenError::Required)?,
    };
    let is_anonymous = settings.anon_role.as_ref() == Some(&role);
    Ok(Identity { claims: claims(&token, &role), role, is_anonymous })
}

/// What follows `Bearer`, possibly nothing; other schemes are ignored.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

fn refused(error: VerifyError) -> TokenError {
    match error {
        VerifyError::Parts(parts) => TokenError::Parts(parts),
        VerifyError::Malformed => TokenError::Cryptography,
        VerifyError::Algorithm => TokenError::Algorithm,
        VerifyError::NoKey | VerifyError::Signature => TokenError::Key,
    }
}

fn untimely(error: TimeError) -> TokenError {
    match error {
        TimeError::Expired => TokenError::Expired,
        TimeError::NotYetValid => TokenError::NotYetValid,
        TimeError::IssuedInFuture => TokenError::IssuedInFuture,
        TimeError::NotANumber(claim) => TokenError::NotANumber(claim),
    }
}

/// An absent or null `aud` and an empty list pass; without an expectation anything of the right type does.
fn check_audience(token: &Token, expected: Option<&str>) -> Result<(), TokenError> {
    let fits = |audience: &str| expected.is_none_or(|expected| expected == audience);
    match token.claims.get("aud") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(audience)) => fits(audience).then_some(()).ok_or(TokenError::Audience),
        Some(Value::Array(all)) => {
            let texts: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            let texts = texts.ok_or(TokenError::AudienceType)?;
            (texts.is_empty() || texts.into_iter().any(fits)).then_some(()).ok_or(TokenError::Audience)
        }
        Some(_) => Err(TokenError::AudienceType),
    }
}

fn role_claim(token: &Token, path: &[String]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let claim = rest.iter().try_fold(token.claims.get(first)?, |value, key| value.get(key))?;
    match claim {
        Value::Null => None,
        Value::String(role) => Some(role.clone()),
        other => Some(other.to_string()),
    }
}

/// The claims with the role among them, even if the token has it elsewhere.
fn claims(token: &Token, role: &str) -> String {
    if token.text("role") == Some(role) {
        return token.claims_json.clone();
    }
    let mut claims = token.claims.clone();
    claims.insert("role".to_owned(), Value::String(role.to_owned()));
    Value::Object(claims).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(claims: &Value) -> Result<Identity, TokenError> {
        let keyring = Verifier::new(b"a secret of at least thirty-two bytes", Vec::new());
        let mut headers = HeaderMap::new();
        let value = format!("bearer {}", keyring.sign(claims));
        headers.insert(header::AUTHORIZATION, value.parse().expect("a header value"));
        identify(&headers, &keyring, &Settings::default(), 1_000)
    }

    #[test]
    fn the_role_comes_from_the_token() {
        let identity = with(&json!({"role": "authenticated", "sub": "1"})).expect("valid");
        assert_eq!((identity.role.as_str(), identity.is_anonymous), ("authenticated", false));
        let identity = with(&json!({"sub": "1"})).expect("valid");
        assert_eq!((identity.role.as_str(), identity.is_anonymous), ("anon", true));
        assert_eq!(serde_json::from_str::<Value>(&identity.claims).expect("json"), json!({"role": "anon", "sub": "1"}));
    }

    #[test]
    fn times_and_audience_are_checked() {
        assert_eq!(with(&json!({"exp": 969})), Err(TokenError::Expired));
        assert!(with(&json!({"exp": 971})).is_ok());
        assert_eq!(with(&json!({"nbf": 1031})), Err(TokenError::NotYetValid));
        assert_eq!(with(&json!({"exp": "x"})), Err(TokenError::NotANumber("exp")));
        assert_eq!(with(&json!({"aud": 5})), Err(TokenError::AudienceType));
        assert!(with(&json!({"aud": ["a"]})).is_ok());
    }

    #[test]
    fn other_schemes_are_ignored_and_an_empty_token_is_not() {
        let keyring = Verifier::new(b"a secret of at least thirty-two bytes", Vec::new());
        let identify = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, http::HeaderValue::from_static(value))]);
            identify(&headers, &keyring, &Settings::default(), 0)
        };
        assert!(identify("Basic abc").is_ok_and(|identity| identity.is_anonymous));
        assert_eq!(identify("Bearer"), Err(TokenError::Empty));
        assert_eq!(identify("Bearer a.b"), Err(TokenError::Parts(2)));
    }
}
