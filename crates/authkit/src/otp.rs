//! Codes that are sent to people, and the hashes by which they are kept.

use base::Random;
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

/// The hash of a code that was sent to an address or number: hex SHA-224 of both. The address is in lower case, the
/// number without its plus.
#[must_use]
pub fn hash(contact: &str, code: &str) -> String {
    let digest = Sha224::new().chain_update(contact).chain_update(code).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
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

/// Whether a code that was typed in is the one whose hash is kept, be it of a PKCE flow or not. An empty kept hash is
/// that of no code. Takes the same time wherever they differ.
#[must_use]
pub fn is_code(contact: &str, code: &str, kept: &str) -> bool {
    let kept = kept.strip_prefix(PKCE).unwrap_or(kept);
    bool::from(hash(contact, code).as_bytes().ct_eq(kept.as_bytes()))
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
    fn hashes_are_sha_224_of_contact_and_code() {
        // `printf 'ann@example.com123456' | sha224sum`
        let expected = "14430f867bf6cd519848fe112e9b20dfa81c634f830777807737dc24";
        assert_eq!(hash("ann@example.com", "123456"), expected);
        assert!(is_code("ann@example.com", "123456", expected));
        assert!(is_code("ann@example.com", "123456", &pkce(expected)));
        assert!(!is_code("ann@example.com", "123457", expected));
        assert!(!is_code("bob@example.com", "123456", expected));
        assert!(!is_code("", "", ""));
        assert!(is_pkce(&pkce(expected)) && !is_pkce(expected));
    }
}
