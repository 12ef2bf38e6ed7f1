//! Access tokens (RFC 7519): signing, and verifying a signature with the key that the token may use.
//!
//! The key decides the algorithm, never the token's header. Verified tokens are remembered by their hash,
//! since a client sends the same one with each request.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::jwk::Key;

/// How many verified tokens are remembered; at about 2 KiB each this bounds the cache to some 8 MiB.
const REMEMBERED: usize = 4096;

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

/// The keys of a project: one signs, all verify. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Keys>);

/// Verifies tokens; the name that services know the keyring by when they do not sign.
pub type Verifier = Keyring;

struct Keys {
    secret: Key,
    signing: Option<usize>,
    keys: Vec<Key>,
    remembered: Mutex<HashMap<[u8; 32], Arc<Token>>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("keys", &self.keys).field("signing", &self.signing).finish_non_exhaustive()
    }
}

impl Keyring {
    /// A keyring that signs with the first of `keys` that has a private part, else with the shared secret
    /// (HS256). The secret and every key verify.
    #[must_use]
    pub fn new(secret: &[u8], keys: Vec<Key>) -> Self {
        let signing = keys.iter().position(|key| key.encoding.is_some());
        Self(Arc::new(Keys { secret: Key::secret(secret), signing, keys, remembered: Mutex::default() }))
    }

    /// Signs claims with the project's signing key.
    ///
    /// # Panics
    /// When the signing key cannot sign, which reading it has excluded.
    #[must_use]
    pub fn sign<T: serde::Serialize>(&self, claims: &T) -> String {
        let key = self.0.signing.and_then(|index| self.0.keys.get(index)).unwrap_or(&self.0.secret);
        sign_with(key, claims)
    }

    /// Signs claims with the shared secret (HS256), as the long-lived anon and service_role keys are.
    ///
    /// # Panics
    /// Never for claims that serialise to JSON.
    #[must_use]
    pub fn sign_with_secret<T: serde::Serialize>(&self, claims: &T) -> String {
        sign_with(&self.0.secret, claims)
    }

    /// The names of the algorithms whose tokens are accepted: those of the keys, and the secret's.
    #[must_use]
    pub fn algorithms(&self) -> BTreeSet<String> {
        let keys = self.0.keys.iter().chain([&self.0.secret]);
        keys.map(|key| format!("{:?}", key.algorithm)).collect()
    }

    /// The public keys as a JWK set; shared secrets are left out.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({"keys": self.0.keys.iter().filter_map(Key::public).collect::<Vec<_>>()})
    }

    /// Checks a token's signature. Times are not looked at: see [`Token::check_times`].
    ///
    /// # Errors
    /// [`VerifyError`] when the token is malformed, no key may be used for it, or the signature is wrong.
    pub fn verify(&self, token: &str) -> Result<Arc<Token>, VerifyError> {
        let hash: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.remembered().get(&hash) {
            return Ok(Arc::clone(known));
        }
        let verified = Arc::new(self.verify_signature(token)?);
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(hash, Arc::clone(&verified));
        Ok(verified)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Arc<Token>>> {
        self.0.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verify_signature(&self, token: &str) -> Result<Token, VerifyError> {
        let parts = token.split('.').count();
        if parts != 3 {
            return Err(VerifyError::Parts(parts));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
            ErrorKind::InvalidAlgorithmName => VerifyError::Algorithm,
            // An algorithm that the library does not know (`none`) fails to parse as JSON.
            ErrorKind::Json(_) if names_unknown_algorithm(token) => VerifyError::Algorithm,
            _ => VerifyError::Malformed,
        })?;
        let key = self.key_for(&header)?;
        let mut validation = Validation::new(key.algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let data =
            jsonwebtoken::decode::<Map<String, Value>>(token, &key.decoding, &validation).map_err(
                |error| match error.kind() {
                    ErrorKind::InvalidSignature => VerifyError::Signature,
                    ErrorKind::InvalidAlgorithm => VerifyError::Algorithm,
                    _ => VerifyError::Malformed,
                },
            )?;
        let claims_json = serde_json::to_string(&data.claims).map_err(|_| VerifyError::Malformed)?;
        Ok(Token { claims: data.claims, claims_json })
    }

    /// The key that a header may use: that of its `kid`, else the secret for HS256, else none.
    fn key_for(&self, header: &Header) -> Result<&Key, VerifyError> {
        let named = header.kid.as_ref().and_then(|kid| self.0.keys.iter().find(|key| key.id.as_ref() == Some(kid)));
        match (named, header.alg) {
            (Some(key), algorithm) if key.algorithm == algorithm => Ok(key),
            (Some(_), _) => Err(VerifyError::Algorithm),
            (None, Algorithm::HS256) => Ok(&self.0.secret),
            (None, algorithm) if self.0.keys.iter().any(|key| key.algorithm == algorithm) => Err(VerifyError::NoKey),
            (None, _) => Err(VerifyError::Algorithm),
        }
    }
}

fn sign_with<T: serde::Serialize>(key: &Key, claims: &T) -> String {
    let mut header = Header::new(key.algorithm);
    header.kid.clone_from(&key.id);
    if let Some(pair) = &key.pair {
        let part = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let header = serde_json::to_vec(&header).expect("a header serialises");
        let claims = serde_json::to_vec(claims).expect("claims serialise");
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("the system gives randomness");
        return format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    }
    let encoding = key.encoding.as_ref().expect("a keyring signs with a key that has a private part");
    jsonwebtoken::encode(&header, claims, encoding).expect("claims serialise and the key fits its algorithm")
}

fn names_unknown_algorithm(token: &str) -> bool {
    let header = token.split('.').next().unwrap_or_default();
    URL_SAFE_NO_PAD
        .decode(header)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .is_some_and(|header| header["alg"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use crate::jwk::generate_es256;

    const SECRET: &[u8] = b"a-secret-of-at-least-32-characters";

    fn keyring() -> Keyring {
        let key = Key::from_jwk(&generate_es256(&Random::system())).expect("a valid key");
        Keyring::new(SECRET, vec![key])
    }

    #[test]
    fn signs_with_es256_and_verifies_both_kinds() {
        let keys = keyring();
        let claims = json!({"sub": "u", "role": "authenticated", "exp": 100});
        for token in [keys.sign(&claims), keys.sign_with_secret(&claims)] {
            let verified = keys.verify(&token).expect("our own token");
            assert_eq!(verified.text("role"), Some("authenticated"));
            assert_eq!(verified.claims_json, r#"{"exp":100,"role":"authenticated","sub":"u"}"#);
        }
        assert_eq!(keys.jwks()["keys"].as_array().map(Vec::len), Some(1));
    }

    /// Behaviour 99: a key that nobody knows is the shared secret for HS256 and nothing for others.
    #[test]
    fn an_unknown_key_is_the_secret_for_hs256_only() {
        let keyring = keyring();
        let token = |algorithm, encoding: &jsonwebtoken::EncodingKey| {
            let header = Header { kid: Some("unknown".to_owned()), ..Header::new(algorithm) };
            jsonwebtoken::encode(&header, &json!({"sub": "x"}), encoding).expect("a token")
        };
        let secret = token(Algorithm::HS256, &jsonwebtoken::EncodingKey::from_secret(SECRET));
        assert_eq!(keyring.verify(&secret).expect("the secret's").text("sub"), Some("x"));
        let other = token(Algorithm::HS256, &jsonwebtoken::EncodingKey::from_secret(b"another"));
        assert_eq!(keyring.verify(&other).expect_err("another secret"), VerifyError::Signature);
        let key = keyring.0.keys[0].encoding.as_ref().expect("a private key");
        assert_eq!(keyring.verify(&token(Algorithm::ES256, key)).expect_err("no key"), VerifyError::NoKey);
    }

    /// Behaviour 100: one key signs; the keys that verify are published, secrets are not.
    #[test]
    fn the_first_private_key_signs_and_secrets_stay_hidden() {
        let mut standby = generate_es256(&Random::system());
        standby["key_ops"] = json!(["verify"]);
        let (first, second) = (generate_es256(&Random::system()), generate_es256(&Random::system()));
        let oct = json!({"kty": "oct", "kid": "hidden", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"});
        let keys = [&standby, &first, &second, &oct].map(|jwk| Key::from_jwk(jwk).expect("a valid key"));
        let keyring = Keyring::new(SECRET, keys.into());
        let header = jsonwebtoken::decode_header(keyring.sign(&json!({}))).expect("a header");
        assert_eq!(header.kid.as_deref(), first["kid"].as_str());
        let jwks = keyring.jwks();
        let published: Vec<_> = jwks["keys"].as_array().expect("keys").iter().map(|key| &key["kid"]).collect();
        assert_eq!(published, [&standby["kid"], &first["kid"], &second["kid"]]);
        assert!(!jwks.to_string().contains("\"d\"") && !jwks.to_string().contains("hidden"));
    }

    #[test]
    fn refuses_forged_none_and_foreign_tokens() {
        let keys = keyring();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
        assert_eq!(keys.verify(none).expect_err("alg none"), VerifyError::Algorithm);
        let foreign = Keyring::new(b"another-secret-of-32-characters-x", Vec::new()).sign(&json!({"role": "x"}));
        assert_eq!(keys.verify(&foreign).expect_err("another secret"), VerifyError::Signature);
        assert_eq!(keys.verify(&keyring().sign(&json!({}))).expect_err("unknown kid"), VerifyError::NoKey);
        assert_eq!(keys.verify("a.b").expect_err("two parts"), VerifyError::Parts(2));
        assert_eq!(keys.verify("a.b.c").expect_err("no base64"), VerifyError::Malformed);
    }

    #[test]
    fn a_public_key_used_as_a_secret_is_refused() {
        // The classic confusion attack: HS256 with the published key as the secret, under its kid.
        let keys = keyring();
        let public = keys.jwks()["keys"][0].clone();
        let mut header = Header::new(Algorithm::HS256);
        header.kid = public["kid"].as_str().map(str::to_owned);
        let key = jsonwebtoken::EncodingKey::from_secret(public.to_string().as_bytes());
        let token = jsonwebtoken::encode(&header, &json!({"role": "service_role"}), &key).expect("signs");
        assert_eq!(keys.verify(&token).expect_err("confused algorithm"), VerifyError::Algorithm);
    }

    #[test]
    fn times_are_checked_with_leeway() {
        let keys = keyring();
        let check =
            |claims: Value, leeway| keys.verify(&keys.sign(&claims)).expect("our own token").check_times(1000, leeway);
        assert_eq!(check(json!({"exp": 1001}), 0), Ok(()));
        assert_eq!(check(json!({"exp": 1000}), 0), Err(TimeError::Expired));
        assert_eq!(check(json!({"exp": 980}), 30), Ok(()));
        assert_eq!(check(json!({"nbf": 1001}), 0), Err(TimeError::NotYetValid));
        assert_eq!(check(json!({"iat": 2000}), 30), Err(TimeError::IssuedInFuture));
        assert_eq!(check(json!({"exp": "soon"}), 0), Err(TimeError::NotANumber("exp")));
        assert_eq!(check(json!({}), 0), Ok(()));
    }
}
