//! Signatures of tokens (RFC 7515, 7518): the algorithms that keys may have, signing, and verifying.
//!
//! Keys are read and checked once: that takes longer than signing, and would be done for each token.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING,
    ED25519, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, Ed25519KeyPair, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaKeyPair,
    RsaParameters, RsaSignatureEncoding,
};

/// What a key signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSA, PKCS #1 v1.5, with SHA-256.
    Rs256,
    /// RSA, PKCS #1 v1.5, with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    const ALL: [Self; 6] = [Self::Hs256, Self::Rs256, Self::Rs512, Self::Es256, Self::Es512, Self::EdDsa];

    /// Its name in headers and keys.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    pub(crate) fn rsa(self) -> Option<(&'static RsaSignatureEncoding, &'static RsaParameters)> {
        match self {
            Self::Rs256 => Some((&RSA_PKCS1_SHA256, &RSA_PKCS1_2048_8192_SHA256)),
            Self::Rs512 => Some((&RSA_PKCS1_SHA512, &RSA_PKCS1_2048_8192_SHA512)),
            Self::Hs256 | Self::Es256 | Self::Es512 | Self::EdDsa => None,
        }
    }

    pub(crate) fn ecdsa(self) -> Option<(&'static EcdsaSigningAlgorithm, &'static EcdsaVerificationAlgorithm)> {
        match self {
            Self::Es256 => Some((&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_FIXED)),
            Self::Es512 => Some((&ECDSA_P521_SHA512_FIXED_SIGNING, &ECDSA_P521_SHA512_FIXED)),
            Self::Hs256 | Self::Rs256 | Self::Rs512 | Self::EdDsa => None,
        }
    }
}

/// The private part of a key.
pub(crate) enum Signer {
    Secret(Box<hmac::Key>),
    Rsa(RsaKeyPair, &'static RsaSignatureEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// The signature of `message`; none only when the system gives no randomness or memory.
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        Some(match self {
            Self::Secret(key) => hmac::sign(key, message).as_ref().to_vec(),
            Self::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, message, &mut signature).ok()?;
                signature
            }
            Self::Ecdsa(pair) => pair.sign(&random, message).ok()?.as_ref().to_vec(),
            Self::Ed25519(pair) => pair.try_sign(message).ok()?.as_ref().to_vec(),
        })
    }
}

/// The public part of a key, or the shared secret.
pub(crate) enum Verifier {
    Secret(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl Verifier {
    /// The public key in the form of its algorithm; none if it is not one.
    pub(crate) fn ecdsa(algorithm: &'static EcdsaVerificationAlgorithm, point: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(algorithm, point).ok().map(Self::Public)
    }

    /// An Ed25519 key; none if it is not one.
    pub(crate) fn ed25519(x: &[u8]) -> Option<Self> {
        ParsedPublicKey::new(&ED25519, x).ok().map(Self::Public)
    }

    /// Whether `signature` is that of `message`.
    pub(crate) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, message, signature).is_ok(),
            Self::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}
