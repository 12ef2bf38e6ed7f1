//! Password hashes: bcrypt for new ones; bcrypt, argon2i and argon2id for those that are there already.
//!
//! Hashing costs tens of milliseconds of one core, so it runs on the blocking pool, and never more at once
//! than there are cores.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, Version};
use base::Random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::strength::MAX_LENGTH;

/// bcrypt's cost for new hashes, which is what Supabase uses.
const COST: u32 = 10;

/// A hash of nothing at [`COST`], compared against when there is no account, so that the time is the same.
const NOBODY: &str = "$2a$10$.....................................................";

/// Limits on imported argon2 hashes, so that one cannot take the machine's memory.
const MAX_ARGON2_MEMORY_KIB: u32 = 1 << 20;
const MAX_ARGON2_PASSES: u32 = 20;
const MAX_ARGON2_LANES: u32 = 16;

/// Why a password could not be hashed or a hash not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The password is longer than [`MAX_LENGTH`] bytes.
    #[error("password is longer than 72 bytes")]
    TooLong,
    /// The hash is of no kind that is supported.
    #[error("password hash is of no supported kind (bcrypt, argon2i, argon2id)")]
    Unsupported,
    /// The blocking pool is shutting down.
    #[error("password hashing was interrupted")]
    Interrupted,
}

/// Hashes and compares passwords. Cheap to clone; clones share the limit.
#[derive(Clone, Debug)]
pub struct Hasher {
    slots: Arc<Semaphore>,
    random: Random,
}

/// A stored hash that is known to be of a supported kind.
#[derive(Clone)]
pub enum StoredHash {
    /// bcrypt with any prefix.
    Bcrypt(SecretString),
    /// argon2i or argon2id, version 19.
    Argon2(Arc<Argon2Hash>),
}

/// The parts of an argon2 hash.
pub struct Argon2Hash {
    algorithm: Algorithm,
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Hasher {
    /// A hasher that works on as many passwords at once as the machine has cores.
    #[must_use]
    pub fn new(random: Random) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { slots: Arc::new(Semaphore::new(cores)), random }
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`HashError::TooLong`], and [`HashError::Interrupted`] at shutdown.
    pub async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        if password.expose_secret().len() > MAX_LENGTH {
            return Err(HashError::TooLong);
        }
        let salt = self.random.bytes::<16>();
        self.run(move || {
            bcrypt::hash_with_salt(password.expose_secret(), COST, salt)
                .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
                .map_err(|_| HashError::Unsupported)
        })
        .await?
    }

    /// Whether a password is that of a stored hash; false for a hash of no supported kind. `None` stands for
    /// an account that is not there or has no password: it is never right and takes as long.
    ///
    /// # Errors
    /// [`HashError::Interrupted`] at shutdown.
    pub async fn verify(&self, password: SecretString, stored: Option<SecretString>) -> Result<bool, HashError> {
        self.run(move || {
            let known = stored.as_ref().and_then(|hash| StoredHash::parse(hash.expose_secret()).ok());
            match known {
                Some(StoredHash::Bcrypt(hash)) => {
                    bcrypt::verify(password.expose_secret(), hash.expose_secret()).unwrap_or(false)
                }
                Some(StoredHash::Argon2(hash)) => hash.is_of(password.expose_secret().as_bytes()),
                None => {
                    // The outcome does not matter, the time does.
                    let _ = bcrypt::verify(password.expose_secret(), NOBODY);
                    false
                }
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| HashError::Interrupted)?;
        let work = move || {
            let result = work();
            drop(slot);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| HashError::Interrupted)
    }
}

impl StoredHash {
    /// Reads a stored or imported hash.
    ///
    /// # Errors
    /// [`HashError::Unsupported`] for other kinds, other versions and excessive parameters.
    pub fn parse(hash: &str) -> Result<Self, HashError> {
        if hash.starts_with("$argon2") {
            return parse_argon2(hash).map(|hash| Self::Argon2(Arc::new(hash))).ok_or(HashError::Unsupported);
        }
        let parts: bcrypt::HashParts = hash.parse().map_err(|_| HashError::Unsupported)?;
        // Over 20 a single comparison takes most of a minute.
        if (4..=20).contains(&parts.get_cost()) { Ok(Self::Bcrypt(hash.into())) } else { Err(HashError::Unsupported) }
    }
}

impl Argon2Hash {
    fn is_of(&self, password: &[u8]) -> bool {
        let mut output = vec![0; self.output.len()];
        let argon2 = Argon2::new(self.algorithm, Version::V0x13, self.params.clone());
        argon2.hash_password_into(password, &self.salt, &mut output).is_ok() && bool::from(output.ct_eq(&self.output))
    }
}

/// Reads `$argon2id$v=19$m=65536,t=3,p=4$<salt>$<hash>`.
fn parse_argon2(hash: &str) -> Option<Argon2Hash> {
    let mut parts = hash.strip_prefix('$')?.split('$');
    let algorithm = match parts.next()? {
        "argon2i" => Algorithm::Argon2i,
        "argon2id" => Algorithm::Argon2id,
        _ => return None,
    };
    if parts.next()? != "v=19" {
        return None;
    }
    let mut settings = parts.next()?.split(',');
    let mut number = |name: &str| settings.next()?.strip_prefix(name)?.parse::<u32>().ok();
    let (memory, passes, lanes) = (number("m=")?, number("t=")?, number("p=")?);
    if settings.next().is_some()
        || memory > MAX_ARGON2_MEMORY_KIB
        || passes > MAX_ARGON2_PASSES
        || lanes > MAX_ARGON2_LANES
    {
        return None;
    }
    let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let output = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    if parts.next().is_some() {
        return None;
    }
    let params = Params::new(memory, passes, lanes, Some(output.len())).ok()?;
    Some(Argon2Hash { algorithm, params, salt, output })
}

#[cfg(test)]
mod tests {
    use super::*;

    // `echo -n password | argon2 somesalt -id -t 2 -m 8 -p 1 -e`
    const ARGON2ID: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

    async fn is_password(password: &str, hash: &str) -> bool {
        Hasher::new(Random::system()).verify(password.into(), Some(hash.into())).await.unwrap()
    }

    #[tokio::test]
    async fn new_hashes_are_bcrypt_of_cost_ten_and_verify() {
        let hasher = Hasher::new(Random::seeded(1));
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$2a$10$"), "{hash}");
        assert!(is_password("correct horse", &hash).await);
        assert!(!is_password("correct house", &hash).await);
    }

    #[tokio::test]
    async fn passwords_over_72_bytes_are_refused() {
        let hasher = Hasher::new(Random::seeded(1));
        assert_eq!(hasher.hash("x".repeat(73).into()).await, Err(HashError::TooLong));
        assert!(hasher.hash("x".repeat(72).into()).await.is_ok());
    }

    #[tokio::test]
    async fn argon2_hashes_that_were_imported_verify() {
        assert!(is_password("password", ARGON2ID).await);
        assert!(!is_password("Password", ARGON2ID).await);
    }

    #[tokio::test]
    async fn bcrypt_hashes_of_other_programs_verify() {
        // crypt('secret', gen_salt('bf', 4)) and PHP's prefix.
        let hash = bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap();
        for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
            assert!(is_password("secret", &hash.format_for_version(version)).await);
        }
    }

    #[tokio::test]
    async fn nobody_never_signs_in_and_unknown_hashes_match_nothing() {
        let hasher = Hasher::new(Random::system());
        assert_eq!(hasher.verify("".into(), None).await, Ok(false));
        assert!(bcrypt::verify("", NOBODY).is_ok(), "the stand-in must be a hash, or it takes no time");
        assert!(!is_password("", "").await);
        assert!(!is_password("plain", "plain").await);
    }

    #[test]
    fn only_supported_hashes_are_taken_over() {
        assert!(StoredHash::parse(ARGON2ID).is_ok());
        for wrong in [
            "",
            "plain",
            "$2a$10$short",
            "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=9999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=1,keyid=x$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
        ] {
            assert!(StoredHash::parse(wrong).is_err(), "{wrong}");
        }
    }
}
