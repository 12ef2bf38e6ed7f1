//! What a verified token says, and why one is refused.

use serde_json::{Map, Value};

/// A token whose signature is right. Whether it is within its time is asked with [`Token::check_times`].
#[derive(Debug)]
pub struct Token {
    /// All claims.
    pub claims: Map<String, Value>,
    /// The claims as compact JSON text, as the database gets them.
    pub claims_json: String,
}

impl Token {
    /// A claim that is text.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// Checks `exp`, `nbf` and `iat` where present, allowing `leeway` seconds of skew.
    ///
    /// # Errors
    /// [`TimeError`] for the first claim that is not a number or is out of its time.
    pub fn check_times(&self, now: i64, leeway: i64) -> Result<(), TimeError> {
        let number = |claim: &'static str| match self.claims.get(claim) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or(TimeError::NotANumber(claim)),
        };
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit a double exactly")]
        let (now, leeway) = (now as f64, leeway as f64);
        if number("exp")?.is_some_and(|exp| exp + leeway <= now) {
            return Err(TimeError::Expired);
        }
        if number("nbf")?.is_some_and(|nbf| nbf - leeway > now) {
            return Err(TimeError::NotYetValid);
        }
        if number("iat")?.is_some_and(|iat| iat - leeway > now) {
            return Err(TimeError::IssuedInFuture);
        }
        Ok(())
    }
}

/// Why a token whose signature is right is not valid at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// `exp` is past.
    #[error("token is expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("token is not valid yet")]
    NotYetValid,
    /// `iat` is in the future.
    #[error("token was issued in the future")]
    IssuedInFuture,
    /// The named claim is not a number.
    #[error("claim `{0}` is not a number")]
    NotANumber(&'static str),
}

/// Why a token's signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not three parts separated by dots; the number of parts is given.
    #[error("token has {0} parts, expected 3")]
    Parts(usize),
    /// A part is not base64url or not JSON.
    #[error("token is malformed")]
    Malformed,
    /// The header's algorithm is not that of a key that this token may use (`none` included).
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// No key fits the header's `kid`.
    #[error("no key fits the token")]
    NoKey,
    /// The signature is wrong.
    #[error("signature is invalid")]
    Signature,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_checked_with_leeway() {
        let check = |claims: Value, leeway| {
            let claims = claims.as_object().expect("claims").clone();
            Token { claims, claims_json: String::new() }.check_times(1000, leeway)
        };
        assert_eq!(check(json!({"exp": 1001}), 0), Ok(()));
        assert_eq!(check(json!({"exp": 1000}), 0), Err(TimeError::Expired));
        assert_eq!(check(json!({"exp": 980}), 30), Ok(()));
        assert_eq!(check(json!({"nbf": 1001}), 0), Err(TimeError::NotYetValid));
        assert_eq!(check(json!({"iat": 2000}), 30), Err(TimeError::IssuedInFuture));
        assert_eq!(check(json!({"exp": "soon"}), 0), Err(TimeError::NotANumber("exp")));
        assert_eq!(check(json!({}), 0), Ok(()));
    }
}
