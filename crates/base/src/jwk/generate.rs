//! Making private keys.

use aws_lc_rs::encoding::{AsBigEndian, AsDer, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaKeyPair};
use serde_json::{Value, json};

use super::encode;
use crate::Random;

/// The kinds of keys that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// EC P-256, for ES256.
    Es256,
    /// RSA of 2048 bits, for RS256.
    Rs256,
    /// Ed25519, for EdDSA.
    EdDsa,
}

/// A new private key as a JWK with a random `kid` and `key_ops` `["sign","verify"]`.
///
/// # Panics
/// When the operating system gives no randomness.
#[must_use]
pub fn generate(kind: Kind, random: &Random) -> Value {
    let mut jwk = match kind {
        Kind::Es256 => es256(),
        Kind::Rs256 => rs256(),
        Kind::EdDsa => ed25519(),
    };
    jwk["kid"] = json!(random.uuid().to_string());
    jwk["use"] = json!("sig");
    jwk["key_ops"] = json!(["sign", "verify"]);
    jwk
}

fn es256() -> Value {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("the system gives randomness");
    let private: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().expect("a generated key has a private part");
    let point = pair.public_key().as_ref();
    json!({
        "kty": "EC", "crv": "P-256", "alg": "ES256",
        "x": encode(&point[1..33]), "y": encode(&point[33..65]), "d": encode(private.as_ref()),
    })
}

fn ed25519() -> Value {
    let pair = Ed25519KeyPair::generate().expect("the system gives randomness");
    let seed = pair.seed().and_then(|seed| Ok(encode(seed.as_be_bytes()?.as_ref())));
    json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
        "x": encode(pair.public_key().as_ref()), "d": seed.expect("a generated key has a private part"),
    })
}

fn rs256() -> Value {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("the system gives randomness");
    let document: Pkcs8V1Der<'_> = pair.as_der().expect("a generated key has a private part");
    let mut numbers = rsa_numbers(document.as_ref()).expect("the form of RFC 5208 and 8017").into_iter().map(encode);
    let mut jwk = json!({"kty": "RSA", "alg": "RS256"});
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        jwk[name] = json!(numbers.next());
    }
    jwk
}

/// The eight numbers of an RSA private key (RFC 8017, A.1.2) inside its envelope (RFC 5208, 5).
fn rsa_numbers(document: &[u8]) -> Option<[&[u8]; 8]> {
    let (envelope, _) = der_value(document)?;
    let (_version, rest) = der_value(envelope)?;
    let (_algorithm, rest) = der_value(rest)?;
    let (inner, _) = der_value(rest)?;
    let (sequence, _) = der_value(inner)?;
    let (_version, mut rest) = der_value(sequence)?;
    let mut numbers = [[].as_slice(); 8];
    for number in &mut numbers {
        let (value, after) = der_value(rest)?;
        // A leading zero keeps a number with its high bit set positive; JWKs leave it out.
        *number = value.strip_prefix(&[0]).unwrap_or(value);
        rest = after;
    }
    Some(numbers)
}

/// The content of the first DER value, and what follows it.
fn der_value(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&short, rest) = bytes.get(1..)?.split_first()?;
    let (length, rest) = match short {
        0..0x80 => (usize::from(short), rest),
        _ => {
            let (long, rest) = rest.split_at_checked(usize::from(short & 0x7f))?;
            (long.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
    };
    rest.split_at_checked(length)
}
