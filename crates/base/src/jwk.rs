//! Signing keys as JSON Web Keys (RFC 7517): making an ES256 one, reading private ones from configuration,
//! and the public set that `/.well-known/jwks.json` serves.

use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};

use crate::Random;

/// A key that signs or verifies tokens.
#[derive(Clone)]
pub struct Key {
    /// The key's id, sent as `kid`; `None` for the plain shared secret.
    pub id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
    /// Absent for keys that only verify.
    pub(crate) encoding: Option<EncodingKey>,
    /// The public JWK; absent for shared secrets, which are never published.
    public: Option<Value>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Why a configured key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A member of the JWK is absent or not text.
    #[error("JWK {id:?}: member `{member}` is missing")]
    Missing {
        /// The key's `kid`, empty when it has none.
        id: String,
        /// The absent member.
        member: &'static str,
    },
    /// The kind or curve is not supported.
    #[error("JWK {id:?}: key type {kind:?} is not supported (use EC P-256 or oct)")]
    Unsupported {
        /// The key's `kid`.
        id: String,
        /// Its `kty` and `crv`.
        kind: String,
    },
    /// The numbers are not a key.
    #[error("JWK {id:?}: the key material is not valid")]
    Invalid {
        /// The key's `kid`.
        id: String,
    },
}

/// A new private ES256 key as a JWK with `kid`, `d` and `key_ops` `["sign","verify"]`.
///
/// # Panics
/// When the operating system gives no randomness.
#[must_use]
pub fn generate_es256(random: &Random) -> Value {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("the system gives randomness");
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().expect("a generated key has a private part");
    let point = pair.public_key().as_ref();
    json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": random.uuid().to_string(),
        "key_ops": ["sign", "verify"],
        "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..65]),
        "d": URL_SAFE_NO_PAD.encode(private.as_ref()),
    })
}

impl Key {
    /// The HS256 key of a shared secret.
    #[must_use]
    pub fn secret(secret: &[u8]) -> Self {
        Self {
            id: None,
            algorithm: Algorithm::HS256,
            decoding: DecodingKey::from_secret(secret),
            encoding: Some(EncodingKey::from_secret(secret)),
            public: None,
        }
    }

    /// Reads a private or public JWK: EC P-256, or `oct` for a shared secret.
    ///
    /// # Errors
    /// [`Error`] names the key and what is wrong with it.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        let id = jwk["kid"].as_str().unwrap_or_default().to_owned();
        let member =
            |member: &'static str| jwk[member].as_str().ok_or_else(|| Error::Missing { id: id.clone(), member });
        let invalid = || Error::Invalid { id: id.clone() };
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid());
        match (member("kty")?, jwk["crv"].as_str().unwrap_or_default()) {
            ("oct", _) => {
                let key = Self::secret(&decode(member("k")?)?);
                Ok(Self { id: Some(id), ..key })
            }
            ("EC", "P-256") => {
                let (x, y) = (member("x")?, member("y")?);
                let decoding = DecodingKey::from_ec_components(x, y).map_err(|_| invalid())?;
                let encoding = match jwk["d"].as_str() {
                    Some(d) => Some(es256_encoding_key(&decode(d)?, &decode(x)?, &decode(y)?).ok_or_else(invalid)?),
                    None => None,
                };
                let public = json!({
                    "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "key_ops": ["verify"],
                    "kid": id, "x": x, "y": y, "ext": true,
                });
                Ok(Self { id: Some(id), algorithm: Algorithm::ES256, decoding, encoding, public: Some(public) })
            }
            (kind, curve) => Err(Error::Unsupported { kind: format!("{kind} {curve}").trim_end().to_owned(), id }),
        }
    }

    /// The public part as a JWK, for keys that have one.
    #[must_use]
    pub fn public(&self) -> Option<&Value> {
        self.public.as_ref()
    }
}

fn es256_encoding_key(d: &[u8], x: &[u8], y: &[u8]) -> Option<EncodingKey> {
    let point = [&[4], x, y].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, d, &point).ok()?;
    Some(EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_reads_back_and_publishes_no_private_part() {
        let jwk = generate_es256(&Random::system());
        let key = Key::from_jwk(&jwk).expect("a generated key is valid");
        let public = key.public().expect("an EC key has a public part");
        assert_eq!(public["kid"], jwk["kid"]);
        assert_eq!(public["key_ops"], json!(["verify"]));
        assert!(public.get("d").is_none());
        assert!(!format!("{key:?}").contains(jwk["d"].as_str().expect("d is text")));
    }

    #[test]
    fn bad_keys_are_named() {
        let message = |jwk: Value| Key::from_jwk(&jwk).expect_err("a bad key").to_string();
        assert_eq!(message(json!({"kid": "a"})), r#"JWK "a": member `kty` is missing"#);
        assert_eq!(
            message(json!({"kid": "a", "kty": "OKP", "crv": "Ed25519"})),
            r#"JWK "a": key type "OKP Ed25519" is not supported (use EC P-256 or oct)"#
        );
        assert_eq!(
            message(json!({"kid": "a", "kty": "EC", "crv": "P-256", "x": "!", "y": "!"})),
            r#"JWK "a": the key material is not valid"#
        );
    }
}
