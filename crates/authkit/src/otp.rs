//! Codes that are sent to people, and the hashes by which they are kept.

use base::Random;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha224};
use subtle::ConstantTimeEq;

/// The shortest code; other settings than 6 to 10 count as this.
pub const LEAST_LENGTH: usize = 6;

/// The longest code.
pub const MOST_LENGTH: usize = 10;

/// Marks the hashes of flows that end in a code to be exchanged (PKCE).
const PKCE: &str = "pkce_";

/// A code of evenly distributed decimal digits. A length other than 6 to 10 counts as 6.
#[must_use]
pub fn code(random: &Random, length: usize) -> String {
    let length = if (LEAST_LENGTH..=MOST_LENGTH).contains(&length) { length } else { LEAST_LENGTH };
    random.text(length, b"0123456789")
}

/// The form in which the hash of a PKCE flow is kept and sent.
#[must_use]
pub fn pkce(hash: &str) -> String {
    format!("{PKCE}{hash}")
}

/// Whether a hash is that of a PKCE flow.
#[must_use]
pub fn is_pkce(hash: &str) -> bool {
    hash.starts_with(PKCE)
}

/// What the hashes of codes are made with. Links carry the hash, and whoever knows an address could compute those of
/// all codes that there are and present them as links, which are not counted like codes: so it takes a secret too.
#[derive(Clone)]
pub struct CodeKey(Hmac<Sha224>);

impl std::fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeKey")
    }
}

impl CodeKey {
    /// The key from a secret that all nodes share.
    ///
    /// # Panics
    /// Never: the secret may have any length.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// The hash of a code that was sent to an address or number, without its plus: hex HMAC-SHA-224 of both. The case of
    /// the address does not count: rows from elsewhere may have any.
    #[must_use]
    pub fn hash(&self, contact: &str, code: &str) -> String {
        // The line break keeps both apart: digits at the end of an address are not those of a code.
        let mac = self.0.clone().chain_update(contact.to_lowercase()).chain_update("\n").chain_update(code);
        hex(&mac.finalize().into_bytes())
    }

    /// The hashes that a code may be kept by: this key's, and the one without a key that Supabase's server makes, for
    /// codes which were under way when the database came from there.
    #[must_use]
    pub fn accepted(&self, contact: &str, code: &str) -> [String; 2] {
        [self.hash(contact, code), unkeyed(contact, code)]
    }

    /// Whether a code that was typed in is the one whose hash is kept, be it of a PKCE flow or not. An empty kept hash
    /// is that of no code. Takes the same time wherever they differ.
    #[must_use]
    pub fn is_code(&self, contact: &str, code: &str, kept: &str) -> bool {
        let kept = kept.strip_prefix(PKCE).unwrap_or(kept);
        let is_kept = |hash: String| hash.as_bytes().ct_eq(kept.as_bytes());
        let [keyed, unkeyed] = self.accepted(contact, code).map(is_kept);
        bool::from(keyed | unkeyed)
    }
}

/// The hash of a code as Supabase's server makes it: hex SHA-224 of contact and code.
fn unkeyed(contact: &str, code: &str) -> String {
    hex(&Sha224::digest(format!("{}{code}", contact.to_lowercase())))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_digits_of_the_length_asked_for() {
        let random = Random::seeded(1);
        for (asked, length) in [(6, 6), (10, 10), (5, 6), (11, 6), (0, 6)] {
            let code = code(&random, asked);
            assert!(code.len() == length && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        }
    }

    #[test]
    fn all_digits_are_as_likely_everywhere() {
        let random = Random::seeded(2);
        let mut counts = [[0_u32; 10]; 6];
        for _ in 0..10_000 {
            for (place, digit) in code(&random, 6).bytes().enumerate() {
                counts[place][usize::from(digit - b'0')] += 1;
            }
        }
        assert!(counts.iter().flatten().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn hashes_take_a_secret_and_those_without_are_accepted() {
        let key = CodeKey::new(b"secret");
        // `printf 'ann@example.com\n123456' | openssl sha224 -hmac secret`
        // `printf 'ann@example.com123456' | sha224sum`
        let keyed = "0fec49bbfc697eac61c7319dc17b224894ed1b51d28abd96fa2b06f6";
        let unkeyed = "14430f867bf6cd519848fe112e9b20dfa81c634f830777807737dc24";
        assert_eq!(key.hash("ann@example.com", "123456"), keyed);
        assert_eq!(key.accepted("ann@example.com", "123456"), [keyed, unkeyed]);
        for kept in [keyed, unkeyed, &pkce(keyed), &pkce(unkeyed)] {
            assert!(key.is_code("ann@example.com", "123456", kept), "{kept}");
            assert!(!key.is_code("ann@example.com", "123457", kept), "{kept}");
            assert!(!key.is_code("bob@example.com", "123456", kept), "{kept}");
        }
        assert!(!CodeKey::new(b"other").is_code("ann@example.com", "123456", keyed));
        assert!(!key.is_code("", "", ""));
        assert!(is_pkce(&pkce(keyed)) && !is_pkce(keyed));
    }
}
