//! Refresh tokens that carry a counter (version 2): no row per token, a key and a counter per session.
//!
//! A token is base64url without padding of: a zero byte for the version, 16 bytes of the session's id, the counter as a
//! variable-length integer, the first 16 bytes of an HMAC-SHA-256 over all that, and the first 4 bytes of a SHA-256 over
//! all that, by which mistyped tokens are told from forged ones without asking the database.

use std::fmt;

use base::Random;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

const VERSION: u8 = 0;
const ID: usize = 16;
const SIGNATURE: usize = 16;
const CHECKSUM: usize = 4;
const KEY: usize = 32;

/// The longest counter: nine groups of seven bits hold every positive 64-bit integer.
const MAX_COUNTER: usize = 9;

const MIN_LENGTH: usize = 1 + ID + 1 + SIGNATURE + CHECKSUM;
const MAX_LENGTH: usize = MIN_LENGTH - 1 + MAX_COUNTER;

/// Why a text is no refresh token of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshError {
    /// It is not base64url without padding.
    #[error("refresh token is not base64url")]
    Base64,
    /// It is too short or too long.
    #[error("refresh token has not the right length")]
    Length,
    /// It is of another version.
    #[error("refresh token is of an unknown version")]
    Version,
    /// It was mistyped.
    #[error("refresh token has a wrong checksum")]
    Checksum,
    /// The counter cannot be read.
    #[error("refresh token has a wrong counter")]
    Counter,
    /// A key is not 32 bytes in base64url without padding.
    #[error("refresh token key is not 32 bytes in base64url")]
    Key,
}

/// The key of a session.
#[derive(Clone)]
pub struct Key(SecretSlice<u8>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

impl Key {
    /// A new key.
    #[must_use]
    pub fn generate(random: &Random) -> Self {
        Self(random.bytes::<KEY>().to_vec().into())
    }

    /// Reads a key as it is stored.
    ///
    /// # Errors
    /// [`RefreshError::Key`].
    pub fn parse(stored: &str) -> Result<Self, RefreshError> {
        let key = URL_SAFE_NO_PAD.decode(stored).map_err(|_| RefreshError::Key)?;
        if key.len() == KEY { Ok(Self(key.into())) } else { Err(RefreshError::Key) }
    }

    /// The key as it is stored: base64url without padding.
    #[must_use]
    pub fn stored(&self) -> SecretString {
        URL_SAFE_NO_PAD.encode(self.0.expose_secret()).into()
    }

    /// The token of a session with a counter.
    ///
    /// # Panics
    /// Never for counters below 2⁶³, which is what the database can hold.
    #[must_use]
    pub fn token(&self, session: Uuid, counter: u64) -> String {
        assert!(i64::try_from(counter).is_ok(), "counters are 64-bit integers of the database");
        let mut token = Vec::with_capacity(MAX_LENGTH);
        token.push(VERSION);
        token.extend_from_slice(session.as_bytes());
        write_counter(&mut token, counter);
        let signature = self.signature(&token);
        token.extend_from_slice(&signature);
        let checksum = checksum(&token);
        token.extend_from_slice(&checksum);
        URL_SAFE_NO_PAD.encode(token)
    }

    fn signature(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("keys have any length");
        mac.update(bytes);
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(&mac.finalize().into_bytes()[..SIGNATURE]);
        signature
    }
}

/// A token that was read; whether it is genuine says only [`RefreshToken::is_signed_with`].
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session's id.
    pub session: Uuid,
    /// The counter, below 2⁶³.
    pub counter: u64,
    signed: Vec<u8>,
    signature: [u8; SIGNATURE],
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session, counter, .. } = self;
        f.debug_struct("RefreshToken").field("session", session).field("counter", counter).finish_non_exhaustive()
    }
}

impl RefreshToken {
    /// Reads a token.
    ///
    /// # Errors
    /// [`RefreshError`]; such a text was never issued.
    pub fn parse(token: &str) -> Result<Self, RefreshError> {
        if token.len() > MAX_LENGTH.div_ceil(3) * 4 {
            return Err(RefreshError::Length);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| RefreshError::Base64)?;
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&bytes.len()) {
            return Err(RefreshError::Length);
        }
        if bytes[0] != VERSION {
            return Err(RefreshError::Version);
        }
        let (content, given) = bytes.split_at(bytes.len() - CHECKSUM);
        if checksum(content) != given {
            return Err(RefreshError::Checksum);
        }
        let (signed, rest) = content.split_at(content.len() - SIGNATURE);
        let (id, digits) = signed[1..].split_at(ID);
        let signature = rest.try_into().map_err(|_| RefreshError::Length)?;
        let session = Uuid::from_slice(id).map_err(|_| RefreshError::Length)?;
        Ok(Self { session, counter: read_counter(digits)?, signed: signed.to_vec(), signature })
    }

    /// Whether the token was issued with a session's key. Takes the same time wherever it differs.
    #[must_use]
    pub fn is_signed_with(&self, key: &Key) -> bool {
        bool::from(key.signature(&self.signed).ct_eq(&self.signature))
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::digest(bytes);
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Seven bits a byte, the lowest first; all but the last byte have the high bit.
fn write_counter(bytes: &mut Vec<u8>, mut counter: u64) {
    while counter >= 0x80 {
        bytes.push(counter.to_le_bytes()[0] | 0x80);
        counter >>= 7;
    }
    bytes.push(counter.to_le_bytes()[0]);
}

/// Reads a counter that takes all bytes. Zeros too many at its end are refused: a counter has one form.
fn read_counter(bytes: &[u8]) -> Result<u64, RefreshError> {
    let (last, firsts) = bytes.split_last().ok_or(RefreshError::Counter)?;
    let is_whole = last & 0x80 == 0 && firsts.iter().all(|byte| byte & 0x80 != 0);
    if !is_whole || bytes.len() > MAX_COUNTER || (*last == 0 && !firsts.is_empty()) {
        return Err(RefreshError::Counter);
    }
    Ok(bytes.iter().rev().fold(0, |counter, byte| counter << 7 | u64::from(byte & 0x7f)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> Key {
        Key(vec![7; KEY].into())
    }

    #[test]
    fn the_form_is_that_of_the_description() {
        let session = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        let token = key().token(session, 300);
        // Computed with Python's hmac and hashlib from the description.
        assert_eq!(token, "AAARIjNEVWZ3iJmqu8zd7v-sAoISMSTWr5RF1ZYFGMJgKndiDv4-");
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        assert_eq!(bytes.len(), 1 + 16 + 2 + 16 + 4);
        assert_eq!(bytes[0], 0);
        assert_eq!(&bytes[1..17], session.as_bytes());
        assert_eq!(bytes[17..19], [0xac, 0x02]);
        assert_eq!(bytes[35..], Sha256::digest(&bytes[..35])[..4]);
    }

    #[test]
    fn keys_are_stored_and_read() {
        let key = Key::generate(&Random::seeded(1));
        let session = Uuid::from_u128(1);
        let stored = key.stored();
        assert_eq!(Key::parse(stored.expose_secret()).unwrap().token(session, 5), key.token(session, 5));
        for wrong in ["", "AAAA", &format!("{}=", stored.expose_secret())] {
            assert_eq!(Key::parse(wrong).unwrap_err(), RefreshError::Key, "{wrong}");
        }
        assert_eq!(format!("{key:?}"), "Key(hidden)");
    }

    #[test]
    fn what_was_never_issued_is_told_why() {
        let token = key().token(Uuid::from_u128(1), 0);
        let error = |token: &str| RefreshToken::parse(token).unwrap_err();
        assert_eq!(error("not base64!"), RefreshError::Base64);
        assert_eq!(error(&format!("{token}=")), RefreshError::Base64);
        assert_eq!(error(""), RefreshError::Length);
        assert_eq!(error(&token[..40]), RefreshError::Length);
        assert_eq!(error(&"A".repeat(10_000)), RefreshError::Length);
        assert_eq!(error(&format!("B{}", &token[1..])), RefreshError::Version);
        let sealed = |counter: &[u8]| {
            let mut bytes = [&[0; 17], counter, &[0; 16]].concat();
            bytes.extend_from_slice(&checksum(&bytes));
            URL_SAFE_NO_PAD.encode(bytes)
        };
        assert!(RefreshToken::parse(&sealed(&[5])).is_ok());
        for counter in [&[0x80_u8][..], &[5, 5], &[0x80, 0]] {
            assert_eq!(error(&sealed(counter)), RefreshError::Counter, "{counter:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_issued_comes_back(id in any::<u128>(), counter in 0..=i64::MAX.unsigned_abs()) {
            let token = key().token(Uuid::from_u128(id), counter);
            let parsed = RefreshToken::parse(&token).unwrap();
            prop_assert_eq!((parsed.session, parsed.counter), (Uuid::from_u128(id), counter));
            prop_assert!(parsed.is_signed_with(&key()));
            prop_assert!(!parsed.is_signed_with(&Key(vec![8; KEY].into())));
        }

        #[test]
        fn no_changed_bit_goes_unnoticed(counter in 0..300_u64, bit in 0_usize..300) {
            let mut bytes = URL_SAFE_NO_PAD.decode(key().token(Uuid::from_u128(1), counter)).unwrap();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(RefreshToken::parse(&URL_SAFE_NO_PAD.encode(&bytes)).is_err());
            let (content, _) = bytes.split_at(bytes.len() - CHECKSUM);
            let resealed = URL_SAFE_NO_PAD.encode([content, &checksum(content)[..]].concat());
            if bit / 8 < content.len() {
                prop_assert!(!RefreshToken::parse(&resealed).is_ok_and(|token| token.is_signed_with(&key())));
            }
        }

        #[test]
        fn no_text_makes_it_stumble(token in "[A-Za-z0-9_=-]{0,80}") {
            let _ = RefreshToken::parse(&token);
        }
    }
}
