//! Signing keys as JSON Web Keys (RFC 7517): making them, reading private and public ones from configuration, and the
//! public set that `/.well-known/jwks.json` serves.

mod generate;

use std::collections::HashSet;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::jws::{Algorithm, Signer, Verifier};
pub use generate::{Kind, generate};

/// Shared secrets are no shorter than what HS256 makes of them (RFC 7518, 3.2).
const SHORTEST_SECRET: usize = 32;

/// RSA keys are no shorter than that (RFC 7518, 3.3), and no longer than the library takes.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key that signs or verifies tokens.
pub struct Key {
    /// The key's id, sent as `kid`; `None` for the plain shared secret and keys without one.
    pub id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) verifier: Verifier,
    /// Absent for keys that only verify.
    pub(crate) signer: Option<Signer>,
    /// The public JWK; absent for shared secrets, which are never published.
    public: Option<Value>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// Which key cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("JWK {key}: {reason}")]
pub struct Error {
    /// The key's `kid`, else its place in the list, from 1.
    key: String,
    /// What is wrong with it.
    reason: Reason,
}

/// Why a key cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// A member of the JWK is absent or not text.
    #[error("member `{0}` is missing")]
    Missing(&'static str),
    /// A member is there and is not text.
    #[error("member `{0}` is not text")]
    NotText(&'static str),
    /// The kind or curve is not supported.
    #[error("key type {0:?} is not supported (use EC P-256 or P-521, RSA, OKP Ed25519 or oct)")]
    Type(String),
    /// The algorithm is not supported, or not for this kind.
    #[error("`alg` {given:?} is not supported for this type of key (use {supported})")]
    Algorithm {
        /// Its `alg`.
        given: String,
        /// What the kind of key can have.
        supported: String,
    },
    /// The key is not for signatures.
    #[error("`use` {0:?} is not supported (use \"sig\")")]
    Use(String),
    /// What the key is for is not a list.
    #[error("`key_ops` is not an array of strings")]
    Operations,
    /// The secret can be guessed.
    #[error("the secret `k` has {0} bytes, HS256 needs at least {SHORTEST_SECRET}")]
    ShortSecret(usize),
    /// The modulus can be factored, or is longer than the library takes.
    #[error("the modulus `n` has {0} bits, {first} to {last} are possible", first = RSA_BITS.start(), last = RSA_BITS.end())]
    Bits(usize),
    /// The numbers are not a key, or the private part is not that of the public part.
    #[error("the key material is not valid")]
    Invalid,
    /// Another key has the same id, so that tokens would be checked with the wrong one.
    #[error("another key has the same `kid`")]
    Duplicate,
}

/// Reads the keys of a project with [`Key::from_jwk`]; no two may have the same id. Where one names `sign` among its
/// operations, those that name no operations only verify, as in Supabase.
///
/// # Errors
/// [`Error`] names the key and what is wrong with it.
pub fn read<'a>(jwks: impl IntoIterator<Item = &'a Value>) -> Result<Vec<Key>, Error> {
    let jwks: Vec<_> = jwks.into_iter().collect();
    let names_sign =
        |jwk: &&Value| operations(jwk).is_ok_and(|named| named.is_some_and(|named| named.contains(&"sign")));
    let one_is_named = jwks.iter().any(names_sign);
    let mut ids = HashSet::new();
    let keys = jwks.into_iter().enumerate().map(|(index, jwk)| {
        let wrong = |reason| {
            let id = id(jwk).ok().flatten();
            Error { key: id.map_or_else(|| format!("number {}", index + 1), |id| format!("{id:?}")), reason }
        };
        let mut key = Key::from_jwk(jwk).map_err(wrong)?;
        if one_is_named && jwk.get("key_ops").is_none() {
            key.signer = None;
        }
        let is_new = key.id.as_ref().is_none_or(|id| ids.insert(id.clone()));
        is_new.then_some(key).ok_or_else(|| wrong(Reason::Duplicate))
    });
    keys.collect()
}

impl Key {
    /// The HS256 key of a shared secret.
    #[must_use]
    pub fn secret(secret: &[u8]) -> Self {
        let key = Box::new(hmac::Key::new(HMAC_SHA256, secret));
        Self {
            id: None,
            algorithm: Algorithm::Hs256,
            verifier: Verifier::Secret(key.clone()),
            signer: Some(Signer::Secret(key)),
            public: None,
        }
    }

    /// Reads a private or public JWK: EC P-256 (ES256) or P-521 (ES512), RSA (RS256, or RS512 by its `alg`), OKP
    /// Ed25519 (EdDSA), or `oct` for a shared secret (HS256). A private key whose `key_ops` does not hold `sign` only
    /// verifies: it is a standby or a previous key.
    ///
    /// # Errors
    /// What is wrong with it. The private part of a key that only verifies is checked too: it may have to sign next.
    pub fn from_jwk(jwk: &Value) -> Result<Self, Reason> {
        let id = id(jwk)?.map(str::to_owned);
        if let Some(other) = optional(jwk, "use")?.filter(|purpose| *purpose != "sig") {
            return Err(Reason::Use(other.to_owned()));
        }
        let may_sign = operations(jwk)?.is_none_or(|operations| operations.contains(&"sign"));
        let (algorithm, members): (_, &[&str]) = match (member(jwk, "kty")?, optional(jwk, "crv")?.unwrap_or_default())
        {
            ("oct", _) => (algorithm(jwk, &[Algorithm::Hs256])?, &[]),
            ("RSA", _) => (algorithm(jwk, &[Algorithm::Rs256, Algorithm::Rs512])?, &["kty", "n", "e"]),
            ("EC", "P-256") => (algorithm(jwk, &[Algorithm::Es256])?, &["kty", "crv", "x", "y"]),
            ("EC", "P-521") => (algorithm(jwk, &[Algorithm::Es512])?, &["kty", "crv", "x", "y"]),
            ("OKP", "Ed25519") => (algorithm(jwk, &[Algorithm::EdDsa])?, &["kty", "crv", "x"]),
            (kind, curve) => return Err(Reason::Type(format!("{kind} {curve}").trim_end().to_owned())),
        };
        let (verifier, signer) = match algorithm {
            Algorithm::Hs256 => return Self::from_oct(jwk, id, may_sign),
            Algorithm::Rs256 | Algorithm::Rs512 => rsa(jwk, algorithm)?,
            Algorithm::Es256 | Algorithm::Es512 => ecdsa(jwk, algorithm)?,
            Algorithm::EdDsa => ed25519(jwk)?,
        };
        if !signer.as_ref().is_none_or(|signer| proves_itself(signer, &verifier)) {
            return Err(Reason::Invalid);
        }
        let mut public = json!({"alg": algorithm.name(), "use": "sig", "key_ops": ["verify"], "ext": true});
        for name in members {
            public[*name] = jwk[*name].clone();
        }
        if let Some(id) = &id {
            public["kid"] = json!(id);
        }
        Ok(Self { id, algorithm, verifier, signer: signer.filter(|_| may_sign), public: Some(public) })
    }

    fn from_oct(jwk: &Value, id: Option<String>, may_sign: bool) -> Result<Self, Reason> {
        let secret = bytes(jwk, "k")?;
        if secret.len() < SHORTEST_SECRET {
            return Err(Reason::ShortSecret(secret.len()));
        }
        let key = Self::secret(&secret);
        Ok(Self { id, signer: key.signer.filter(|_| may_sign), ..key })
    }

    /// What it signs with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether it signs: it has a private part, and `sign` among its operations or, where no key names that, none.
    #[must_use]
    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// The public part as a JWK, for keys that have one.
    #[must_use]
    pub fn public(&self) -> Option<&Value> {
        self.public.as_ref()
    }
}

/// The key's id; an empty one is none.
fn id(jwk: &Value) -> Result<Option<&str>, Reason> {
    Ok(optional(jwk, "kid")?.filter(|id| !id.is_empty()))
}

fn optional<'a>(jwk: &'a Value, member: &'static str) -> Result<Option<&'a str>, Reason> {
    jwk.get(member).map(|value| value.as_str().ok_or(Reason::NotText(member))).transpose()
}

fn member<'a>(jwk: &'a Value, member: &'static str) -> Result<&'a str, Reason> {
    jwk[member].as_str().ok_or(Reason::Missing(member))
}

fn bytes(jwk: &Value, name: &'static str) -> Result<Vec<u8>, Reason> {
    URL_SAFE_NO_PAD.decode(member(jwk, name)?).map_err(|_| Reason::Invalid)
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn operations(jwk: &Value) -> Result<Option<Vec<&str>>, Reason> {
    let Some(operations) = jwk.get("key_ops") else { return Ok(None) };
    let operations = operations.as_array().ok_or(Reason::Operations)?;
    operations.iter().map(|operation| operation.as_str().ok_or(Reason::Operations)).collect::<Result<_, _>>().map(Some)
}

/// The key's `alg`, which must be one of `supported`, else the first of these.
fn algorithm(jwk: &Value, supported: &[Algorithm]) -> Result<Algorithm, Reason> {
    let Some(given) = optional(jwk, "alg")? else { return supported.first().copied().ok_or(Reason::Missing("alg")) };
    Algorithm::named(given).filter(|named| supported.contains(named)).ok_or_else(|| Reason::Algorithm {
        given: given.to_owned(),
        supported: supported.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(" or "),
    })
}

/// The public and, if it is there, the private part of a key.
type Parts = (Verifier, Option<Signer>);

fn rsa(jwk: &Value, algorithm: Algorithm) -> Result<Parts, Reason> {
    let (encoding, parameters) = algorithm.rsa().ok_or(Reason::Invalid)?;
    let public_key = PublicKeyComponents { n: bytes(jwk, "n")?, e: bytes(jwk, "e")? };
    let first = public_key.n.first().ok_or(Reason::Invalid)?;
    let bits = public_key.n.len() * 8 - first.leading_zeros() as usize;
    if !RSA_BITS.contains(&bits) {
        return Err(Reason::Bits(bits));
    }
    // With exponent 1 each message would be its own signature; an even one has no private part.
    if public_key.e == [1] || public_key.e.last().is_none_or(|last| last % 2 == 0) {
        return Err(Reason::Invalid);
    }
    let verifier = public_key.to_parsed_public_key(parameters).map(Verifier::Public).map_err(|_| Reason::Invalid)?;
    if !jwk["d"].is_string() {
        return Ok((verifier, None));
    }
    let number = |name| bytes(jwk, name);
    let pair = RsaKeyPair::from_components(&KeyPairComponents {
        public_key,
        d: number("d")?,
        p: number("p")?,
        q: number("q")?,
        dP: number("dp")?,
        dQ: number("dq")?,
        qInv: number("qi")?,
    });
    Ok((verifier, Some(Signer::Rsa(pair.map_err(|_| Reason::Invalid)?, encoding))))
}

fn ecdsa(jwk: &Value, algorithm: Algorithm) -> Result<Parts, Reason> {
    let (signing, verifying) = algorithm.ecdsa().ok_or(Reason::Invalid)?;
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    let size = if algorithm == Algorithm::Es512 { 66 } else { 32 };
    if (x.len(), y.len()) != (size, size) {
        return Err(Reason::Invalid);
    }
    let point = [vec![4], x, y].concat();
    let verifier = Verifier::ecdsa(verifying, &point).ok_or(Reason::Invalid)?;
    if !jwk["d"].is_string() {
        return Ok((verifier, None));
    }
    let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &bytes(jwk, "d")?, &point);
    Ok((verifier, Some(Signer::Ecdsa(pair.map_err(|_| Reason::Invalid)?))))
}

fn ed25519(jwk: &Value) -> Result<Parts, Reason> {
    let x = bytes(jwk, "x")?;
    let verifier = (x.len() == 32).then(|| Verifier::ed25519(&x)).flatten().ok_or(Reason::Invalid)?;
    if !jwk["d"].is_string() {
        return Ok((verifier, None));
    }
    let seed = bytes(jwk, "d")?;
    let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &x).ok().filter(|_| seed.len() == 32);
    Ok((verifier, Some(Signer::Ed25519(pair.ok_or(Reason::Invalid)?))))
}

/// Whether what the private part signs, the public part verifies.
fn proves_itself(signer: &Signer, verifier: &Verifier) -> bool {
    signer.sign(b"proof").is_some_and(|signature| verifier.accepts(b"proof", &signature))
}

#[cfg(test)]
mod tests;
