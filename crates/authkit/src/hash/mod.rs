//! Password hashes: bcrypt for new ones; bcrypt, argon2i, argon2id, scrypt, Firebase's scrypt and PBKDF2 for those
//! that are there already or are imported. The accepted forms are those of the modules below.
//!
//! Hashing costs tens of milliseconds of one core, so it runs on the blocking pool, and never more at once
//! than there are cores.

mod argon2;
mod pbkdf2;
mod scrypt;

use std::sync::Arc;

use base::Random;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

pub use self::argon2::Argon2Hash;
pub use self::pbkdf2::Pbkdf2Hash;
pub use self::scrypt::{FirebaseHash, ScryptHash};
use crate::strength::MAX_LENGTH;

/// bcrypt's cost for new hashes, which is what Supabase uses.
const COST: u32 = 10;

/// A hash of nothing, compared against when there is no account, so that the time is the same.
fn nobody(cost: u32) -> String {
    format!("$2a${cost:02}$.....................................................")
}

/// Why a password could not be hashed or a hash not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The password is longer than [`MAX_LENGTH`] bytes.
    #[error("password is longer than 72 bytes")]
    TooLong,
    /// The hash is of no kind that is supported.
    #[error("password hash is of no supported kind (bcrypt, argon2i, argon2id, scrypt, fbscrypt, pbkdf2)")]
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
    cost: u32,
}

/// A stored hash that is known to be of a supported kind.
#[derive(Clone)]
pub enum StoredHash {
    /// bcrypt with any prefix.
    Bcrypt(SecretString),
    /// argon2i or argon2id, version 19.
    Argon2(Arc<Argon2Hash>),
    /// scrypt.
    Scrypt(Arc<ScryptHash>),
    /// Firebase's kind of scrypt.
    Firebase(Arc<FirebaseHash>),
    /// PBKDF2 with SHA-1, SHA-256 or SHA-512.
    Pbkdf2(Arc<Pbkdf2Hash>),
}

impl Hasher {
    /// A hasher that works on as many passwords at once as the machine has cores.
    #[must_use]
    pub fn new(random: Random) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { slots: Arc::new(Semaphore::new(cores)), random, cost: COST }
    }

    /// The same with another cost, 4 to 31, of new hashes and of what stands in for none. Only tests have a reason
    /// to lower it.
    #[must_use]
    pub fn with_cost(self, cost: u32) -> Self {
        Self { cost, ..self }
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`HashError::TooLong`], and [`HashError::Interrupted`] at shutdown.
    pub async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        if password.expose_secret().len() > MAX_LENGTH {
            return Err(HashError::TooLong);
        }
        let (salt, cost) = (self.random.bytes::<16>(), self.cost);
        self.run(move || {
            bcrypt::hash_with_salt(password.expose_secret(), cost, salt)
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
        let cost = self.cost;
        self.run(move || {
            let known = stored.as_ref().and_then(|hash| StoredHash::parse(hash.expose_secret()).ok());
            match known {
                Some(hash) => hash.is_of(password.expose_secret()),
                None => {
                    // The outcome does not matter, the time does.
                    let _ = bcrypt::verify(password.expose_secret(), &nobody(cost));
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
        let name = hash.strip_prefix('$').unwrap_or(hash).split(['$', '-', '_']).next().unwrap_or("");
        let parsed = match name {
            "argon2i" | "argon2id" => Argon2Hash::parse(hash).map(|hash| Self::Argon2(Arc::new(hash))),
            "scrypt" => ScryptHash::parse(hash).map(|hash| Self::Scrypt(Arc::new(hash))),
            "fbscrypt" => FirebaseHash::parse(hash).map(|hash| Self::Firebase(Arc::new(hash))),
            "pbkdf2" => Pbkdf2Hash::parse(hash).map(|hash| Self::Pbkdf2(Arc::new(hash))),
            _ => parse_bcrypt(hash).map(Self::Bcrypt),
        };
        parsed.ok_or(HashError::Unsupported)
    }

    /// Compares in constant time, after as much work as the hash asks for.
    fn is_of(&self, password: &str) -> bool {
        match self {
            Self::Bcrypt(hash) => bcrypt::verify(password, hash.expose_secret()).unwrap_or(false),
            Self::Argon2(hash) => hash.is_of(password.as_bytes()),
            Self::Scrypt(hash) => hash.is_of(password.as_bytes()),
            Self::Firebase(hash) => hash.is_of(password.as_bytes()),
            Self::Pbkdf2(hash) => hash.is_of(password.as_bytes()),
        }
    }
}

fn parse_bcrypt(hash: &str) -> Option<SecretString> {
    let parts: bcrypt::HashParts = hash.parse().ok()?;
    // Over 20 a single comparison takes most of a minute.
    (4..=20).contains(&parts.get_cost()).then(|| hash.into())
}

/// Reads base64 with or without padding.
fn decode(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    LENIENT.decode(text).ok()
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
        assert!(bcrypt::verify("", &nobody(COST)).is_ok(), "the stand-in must be a hash, or it takes no time");
        assert!(!is_password("", "").await);
        assert!(!is_password("plain", "plain").await);
    }

    #[tokio::test]
    async fn every_kind_of_hash_that_can_be_imported_verifies() {
        for hash in [
            "$scrypt$ln=4,r=8,p=1$TmFDbC1zYWx0LTE2Ynl0ZQ$5/htjjavptdfEnE6QxaI7Q8ek6h4KmaPrXebm1+As4o",
            "$pbkdf2$1000$TmFDbC1zYWx0LTE2Ynl0ZQ$rKwADRcOus0vt56cxh4btTf/4GY",
            "pbkdf2_sha256$1000$somesalt$j4Aa14inUtOh7Sg/D7hH54ohymuHNQD4+ccfhepGWAY=",
        ] {
            assert!(is_password("password", hash).await, "{hash}");
            assert!(!is_password("passwort", hash).await, "{hash}");
        }
        let firebase = "$fbscrypt$v=1,n=1,r=8,p=1,ss=Bw==,sk=AAAAAAAAAAAAAAAAAAAAAA==$AAAA$AAAAAAAAAAAAAAAAAAAAAA==";
        assert!(matches!(StoredHash::parse(firebase), Ok(StoredHash::Firebase(_))));
        assert!(!is_password("password", firebase).await);
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
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA",
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXM$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        ] {
            assert!(StoredHash::parse(wrong).is_err(), "{wrong}");
        }
    }
}
