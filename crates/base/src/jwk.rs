//! Signing keys as JSON Web Keys (RFC 7517): making an ES256 one, reading private ones from configuration,
//! and the public set that `/.well-known/jwks.json` serves.

use std::sync::Arc;

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
    /// The private part of an ES256 key once more, ready to sign: reading and checking it takes longer than signing, and
    /// the library would do that for each token.
    pub(crate) pair: Option<Arc<EcdsaKeyPair>>,
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
    #[error("JWK {id:?}: key type {kind:?} is not supported (use EC P-256, RSA, OKP Ed25519 or oct)")]
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
            pair: None,
            public: None,
        }
    }

    /// Reads a private or public JWK: EC P-256 (ES256), RSA (RS256), OKP Ed25519 (EdDSA), or `oct` for a shared
    /// secret (HS256). A private key whose `key_ops` does not hold `sign` only verifies: it is a standby or a
    /// previous key.
    ///
    /// # Errors
    /// [`Error`] names the key and what is wrong with it.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Error> {
        let id = jwk["kid"].as_str().unwrap_or_default().to_owned();
        let member =
            |member: &'static str| jwk[member].as_str().ok_or_else(|| Error::Missing { id: id.clone(), member });
        let invalid = || Error::Invalid { id: id.clone() };
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid());
        let may_sign = jwk["key_ops"].as_array().is_none_or(|operations| operations.contains(&json!("sign")));
        let is_private = may_sign && jwk["d"].is_string();
        let kind = (member("kty")?, jwk["crv"].as_str().unwrap_or_default());
        let mut pair = None;
        let (algorithm, decoding, encoding, mut public) = match kind {
            ("oct", _) => {
                let key = Self::secret(&decode(member("k")?)?);
                return Ok(Self { encoding: key.encoding.filter(|_| may_sign), id: Some(id), ..key });
            }
            ("EC", "P-256") => {
                let (x, y) = (member("x")?, member("y")?);
                let decoding = DecodingKey::from_ec_components(x, y).map_err(|_| invalid())?;
                if is_private {
                    pair = Some(es256_pair(&decode(member("d")?)?, &decode(x)?, &decode(y)?).ok_or_else(invalid)?);
                }
                let encoding = pair.as_ref().map(|pair| es256_key(pair).ok_or_else(invalid)).transpose()?;
                (
                    Algorithm::ES256,
                    decoding,
                    encoding,
                    json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y}),
                )
            }
            ("RSA", _) => {
                let (n, e) = (member("n")?, member("e")?);
                let decoding = DecodingKey::from_rsa_components(n, e).map_err(|_| invalid())?;
                let encoding = match is_private {
                    true => {
                        let members = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
                        let numbers = members.map(|name| member(name).and_then(decode));
                        let numbers = numbers.into_iter().collect::<Result<Vec<_>, _>>()?;
                        Some(EncodingKey::from_rsa_der(&rsa_private_key(&numbers)))
                    }
                    false => None,
                };
                (Algorithm::RS256, decoding, encoding, json!({"kty": "RSA", "alg": "RS256", "n": n, "e": e}))
            }
            ("OKP", "Ed25519") => {
                let x = member("x")?;
                let decoding = DecodingKey::from_ed_components(x).map_err(|_| invalid())?;
                let encoding = match is_private {
                    true => Some(ed25519_key(&decode(member("d")?)?).ok_or_else(invalid)?),
                    false => None,
                };
                (Algorithm::EdDSA, decoding, encoding, json!({"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": x}))
            }
            (kind, curve) => {
                return Err(Error::Unsupported { kind: format!("{kind} {curve}").trim_end().to_owned(), id });
            }
        };
        public["kid"] = json!(id);
        public["use"] = json!("sig");
        public["key_ops"] = json!(["verify"]);
        public["ext"] = json!(true);
        let pair = pair.map(Arc::new);
        let key = Self { id: Some(id), algorithm, decoding, encoding, pair, public: Some(public) };
        key.proves_itself()
            .then_some(key)
            .ok_or_else(|| Error::Invalid { id: jwk["kid"].as_str().unwrap_or_default().to_owned() })
    }

    /// Whether what the private part signs, the public part verifies.
    fn proves_itself(&self) -> bool {
        let Some(encoding) = &self.encoding else { return true };
        let signed = jsonwebtoken::crypto::sign(b"proof", encoding, self.algorithm);
        signed.is_ok_and(|signature| {
            jsonwebtoken::crypto::verify(&signature, b"proof", &self.decoding, self.algorithm).unwrap_or(false)
        })
    }

    /// The public part as a JWK, for keys that have one.
    #[must_use]
    pub fn public(&self) -> Option<&Value> {
        self.public.as_ref()
    }
}

fn es256_pair(d: &[u8], x: &[u8], y: &[u8]) -> Option<EcdsaKeyPair> {
    let point = [&[4], x, y].concat();
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, d, &point).ok()
}

fn es256_key(pair: &EcdsaKeyPair) -> Option<EncodingKey> {
    Some(EncodingKey::from_ec_der(pair.to_pkcs8v1().ok()?.as_ref()))
}

/// An RSA private key in PKCS #1 form (RFC 8017, A.1.2) from its eight numbers, in the order of that form.
fn rsa_private_key(numbers: &[Vec<u8>]) -> Vec<u8> {
    let version = integer(&[0]);
    let body = numbers.iter().map(|number| integer(number)).fold(version, |body, number| [body, number].concat());
    tagged(0x30, &body)
}

/// A DER integer; a leading zero keeps a number with its high bit set positive.
fn integer(number: &[u8]) -> Vec<u8> {
    let is_negative = number.first().is_some_and(|byte| byte & 0x80 != 0);
    if is_negative { tagged(0x02, &[&[0], number].concat()) } else { tagged(0x02, number) }
}

fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let head = match u8::try_from(body.len()) {
        Ok(short @ 0..0x80) => vec![tag, short],
        // The length of the length is at most eight.
        _ => [&[tag, 0x80 | u8::try_from(significant.len()).unwrap_or(8)], significant].concat(),
    };
    [head.as_slice(), body].concat()
}

/// An Ed25519 private key in PKCS #8 form (RFC 8410, 7) from its 32 bytes.
fn ed25519_key(seed: &[u8]) -> Option<EncodingKey> {
    const HEAD: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    (seed.len() == 32).then(|| EncodingKey::from_ed_der(&[&HEAD, seed].concat()))
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
            message(json!({"kid": "a", "kty": "EC", "crv": "P-521"})),
            r#"JWK "a": key type "EC P-521" is not supported (use EC P-256, RSA, OKP Ed25519 or oct)"#
        );
        assert_eq!(
            message(json!({"kid": "a", "kty": "EC", "crv": "P-256", "x": "!", "y": "!"})),
            r#"JWK "a": the key material is not valid"#
        );
    }

    #[test]
    fn rsa_and_ed25519_keys_sign_and_verify() {
        for (file, algorithm) in [
            (include_str!("../testdata/rsa.jwk.json"), Algorithm::RS256),
            (include_str!("../testdata/ed25519.jwk.json"), Algorithm::EdDSA),
        ] {
            let jwk: Value = serde_json::from_str(file).expect("a JWK");
            let key = Key::from_jwk(&jwk).expect("a valid key");
            assert_eq!(key.algorithm, algorithm);
            assert!(key.encoding.is_some() && key.proves_itself());
            let public = key.public().expect("a public part").clone();
            assert!(public.get("d").is_none() && public.get("p").is_none());
            assert!(Key::from_jwk(&public).expect("a public key is valid too").encoding.is_none());
        }
    }

    #[test]
    fn a_standby_key_only_verifies_and_a_mismatched_pair_is_refused() {
        let mut jwk = generate_es256(&Random::system());
        jwk["key_ops"] = json!(["verify"]);
        assert!(Key::from_jwk(&jwk).expect("a standby key").encoding.is_none());
        let mut jwk = generate_es256(&Random::system());
        jwk["d"] = generate_es256(&Random::system())["d"].clone();
        assert!(matches!(Key::from_jwk(&jwk), Err(Error::Invalid { .. })));
    }
}
