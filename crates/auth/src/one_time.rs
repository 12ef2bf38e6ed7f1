//! One-time codes: digits for a person to type, and the hash that a link carries and the database keeps.

use base::Random;
use sha2::{Digest, Sha224};

/// What the hash of a flow that was started with a code challenge begins with.
pub(crate) const PKCE_PREFIX: &str = "pkce_";

/// A code and its hash.
pub(crate) struct Code {
    pub(crate) digits: String,
    pub(crate) hash: String,
}

impl Code {
    /// A new code for an email address or phone number. With `is_pkce` the link ends in a code to be exchanged.
    pub(crate) fn generate(random: &Random, length: usize, contact: &str, is_pkce: bool) -> Self {
        let digits = random.text(length, b"0123456789");
        let prefix = if is_pkce { PKCE_PREFIX } else { "" };
        Self { hash: format!("{prefix}{}", hash(contact, &digits)), digits }
    }
}

/// The hash of a code that was typed in: SHA-224 of contact and code, in hexadecimal digits.
pub(crate) fn hash(contact: &str, digits: &str) -> String {
    Sha224::digest(format!("{contact}{digits}")).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_digits_and_their_hash_is_sha_224() {
        let code = Code::generate(&Random::seeded(1), 6, "a@b.c", true);
        assert!(code.digits.len() == 6 && code.digits.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(code.hash, format!("pkce_{}", hash("a@b.c", &code.digits)));
        assert_eq!(hash("a", "bc"), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
    }
}
