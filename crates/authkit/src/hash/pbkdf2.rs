//! PBKDF2 with HMAC. Accepted forms, the hash being as long as the digest:
//!
//! - `$pbkdf2-sha256$i=600000[,l=32]$<salt>$<hash>`, and `-sha512`, `-sha1`: base64 without padding;
//! - `$pbkdf2-sha256$29000$<salt>$<hash>`, as passlib writes it: the same with `.` for `+`; `$pbkdf2$` is SHA-1;
//! - `pbkdf2_sha256$600000$<salt>$<hash>`, as Django writes it: the salt is text, the hash base64; `_sha1` too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::decode;

/// More rounds take seconds.
const MAX_ROUNDS: u32 = 5_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// The parts of a PBKDF2 hash.
pub struct Pbkdf2Hash {
    digest: Digest,
    rounds: u32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Pbkdf2Hash {
    pub(super) fn parse(hash: &str) -> Option<Self> {
        let parsed = if hash.starts_with('$') { Self::phc(hash)? } else { Self::django(hash)? };
        let is_fine = (1..=MAX_ROUNDS).contains(&parsed.rounds)
            && parsed.output.len() == parsed.digest.length()
            && !parsed.salt.is_empty();
        is_fine.then_some(parsed)
    }

    fn phc(hash: &str) -> Option<Self> {
        let [_, name, settings, salt, output] = parts(hash)?;
        let digest = match name {
            "pbkdf2" | "pbkdf2-sha1" => Digest::Sha1,
            "pbkdf2-sha256" => Digest::Sha256,
            "pbkdf2-sha512" => Digest::Sha512,
            _ => return None,
        };
        let mut settings = settings.split(',');
        let rounds = settings.next()?;
        let rounds = rounds.strip_prefix("i=").unwrap_or(rounds).parse().ok()?;
        if let Some(length) = settings.next()
            && length.strip_prefix("l=")?.parse() != Ok(digest.length())
        {
            return None;
        }
        let decode = |text: &str| decode(&text.replace('.', "+"));
        settings.next().is_none().then_some(Self { digest, rounds, salt: decode(salt)?, output: decode(output)? })
    }

    fn django(hash: &str) -> Option<Self> {
        let [name, rounds, salt, output] = parts(hash)?;
        let digest = match name {
            "pbkdf2_sha1" => Digest::Sha1,
            "pbkdf2_sha256" => Digest::Sha256,
            _ => return None,
        };
        let output = STANDARD.decode(output).ok()?;
        Some(Self { digest, rounds: rounds.parse().ok()?, salt: salt.as_bytes().to_vec(), output })
    }

    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let mut output = vec![0; self.output.len()];
        match self.digest {
            Digest::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, &self.salt, self.rounds, &mut output),
            Digest::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, &self.salt, self.rounds, &mut output),
            Digest::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, &self.salt, self.rounds, &mut output),
        }
        bool::from(output.ct_eq(&self.output))
    }
}

fn parts<const N: usize>(hash: &str) -> Option<[&str; N]> {
    hash.split('$').collect::<Vec<_>>().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // Python: hashlib.pbkdf2_hmac(…, b"password", b"NaCl-salt-16byte", 1000), Django's with b"somesalt"
    const SHA1: &str = "$pbkdf2$1000$TmFDbC1zYWx0LTE2Ynl0ZQ$rKwADRcOus0vt56cxh4btTf/4GY";
    const SHA256: &str =
        "$pbkdf2-sha256$i=1000,l=32$TmFDbC1zYWx0LTE2Ynl0ZQ$EVml8zgbQLWS/bQ6nZf7RDhY1FYuozsetz9lgmIxdJU";
    const SHA512: &str = "$pbkdf2-sha512$i=1000$TmFDbC1zYWx0LTE2Ynl0ZQ\
        $HDbpxBvGTQyzDwz3OISgrG3lrCpYY/fF0lreDPSvf1zr9XGzXkldNHKht64zPPq8se0B24T7/w7Zi7eXHNzWsw";
    const DJANGO: &str = "pbkdf2_sha256$1000$somesalt$j4Aa14inUtOh7Sg/D7hH54ohymuHNQD4+ccfhepGWAY=";

    #[test]
    fn hashes_of_other_programs_verify() {
        for hash in [SHA1, SHA256, SHA512, DJANGO, &SHA256.replace(",l=32", "")] {
            let parsed = Pbkdf2Hash::parse(hash).expect(hash);
            assert!(parsed.is_of(b"password"), "{hash}");
            assert!(!parsed.is_of(b"Password"), "{hash}");
        }
    }

    #[test]
    fn other_forms_and_costs_are_refused() {
        for wrong in [
            SHA256.replace("i=1000", "i=0"),
            SHA256.replace("i=1000", "i=5000001"),
            SHA256.replace("l=32", "l=16"),
            SHA256.replace("l=32", "l=32,x=1"),
            SHA256.replace("sha256", "md5"),
            SHA256.replace("sha256", "sha512"),
            SHA256[..SHA256.len() - 2].to_owned(),
            SHA256.replace("TmFDbC1zYWx0LTE2Ynl0ZQ", ""),
            format!("{SHA256}$"),
            DJANGO.replace("sha256", "sha512"),
            DJANGO.replace("somesalt", ""),
            String::new(),
        ] {
            assert!(Pbkdf2Hash::parse(&wrong).is_none(), "{wrong}");
        }
    }
}
