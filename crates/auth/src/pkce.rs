//! Code challenges (RFC 7636): a flow that is started with one ends in a code, which only who knows the verifier
//! can exchange for a session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pg::Transaction;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::error::Error;
use crate::model::flow_states::{self, NewFlow};
use crate::state::State;
use crate::tokens::Proof;

/// How long a code challenge may be.
const LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// A code challenge of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    method: &'static str,
    challenge: String,
}

impl Challenge {
    /// Reads what a request carries: both or neither, a method that is known, a challenge of the right form.
    pub(crate) fn read(method: &str, challenge: &str) -> Result<Option<Self>, Error> {
        if challenge.is_empty() != method.is_empty() {
            return Err(Error::validation("PKCE flow requires code_challenge_method and code_challenge"));
        }
        if challenge.is_empty() {
            return Ok(None);
        }
        if !LENGTH.contains(&challenge.len()) {
            return Err(Error::validation("code challenge has to be between 43 and 128 characters"));
        }
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !challenge.bytes().all(is_allowed) {
            return Err(Error::validation(
                "code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes",
            ));
        }
        let method = match method.to_ascii_lowercase().as_str() {
            "s256" => "s256",
            "plain" => "plain",
            _ => return Err(Error::validation("code challenge method is neither s256 nor plain")),
        };
        Ok(Some(Self { method, challenge: challenge.to_owned() }))
    }

    /// Starts a flow of a user whose session will count as opened by `proof`.
    pub(crate) async fn start(
        &self,
        state: &State,
        tx: &mut Transaction,
        user_id: Uuid,
        provider_type: &str,
        proof: Proof,
    ) -> Result<(), pg::Error> {
        let flow = NewFlow {
            id: state.random.uuid(),
            user_id,
            code: state.random.uuid().to_string(),
            challenge: &self.challenge,
            challenge_method: self.method,
            provider_type,
            method: proof.name(),
            at: state.clock.now(),
        };
        flow_states::insert(tx, &flow).await
    }
}

/// Whether a verifier is the one that a challenge was made of.
pub(crate) fn is_verifier(method: &str, challenge: &str, verifier: &str) -> bool {
    let made = match method {
        "s256" => URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)),
        "plain" => verifier.to_owned(),
        _ => return false,
    };
    made.as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_needs_a_method_and_its_form() {
        assert_eq!(Challenge::read("", "").unwrap(), None);
        assert_eq!(Challenge::read("S256", &"a-._~Z9".repeat(7)).unwrap().unwrap().method, "s256");
        for (method, challenge) in [
            ("s256", ""),
            ("", "x"),
            ("s256", "short"),
            ("s256", &*"a".repeat(129)),
            ("s256", &*"ä".repeat(43)),
            ("md5", &*"a".repeat(43)),
        ] {
            assert!(Challenge::read(method, challenge).is_err(), "{method} {challenge}");
        }
    }

    // The example of RFC 7636, appendix B.
    #[test]
    fn only_the_verifier_fits_its_challenge() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(is_verifier("s256", challenge, verifier));
        assert!(!is_verifier("s256", challenge, "other"));
        assert!(is_verifier("plain", verifier, verifier));
        assert!(!is_verifier("", "", ""));
    }
}
