//! Operators' passwords: argon2id, never on an async thread, and only as many at once as there are cores.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base::Random;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

/// The fewest characters of a password.
pub const MIN_LENGTH: usize = 12;

/// The most bytes of a password: longer ones only keep the machine busy.
const MAX_BYTES: usize = 1024;

/// A hash of the same cost as real ones, compared with when there is no account, so that both take equally
/// long. No password has it: its output is no argon2 result of anything anyone has computed.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm8gc3VjaCBvcGVyYXRvcg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashing failed, or was not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password could not be hashed")]
pub struct Failed;

/// Hashes and compares passwords.
#[derive(Clone, Debug)]
pub struct Hashing {
    slots: Arc<Semaphore>,
    random: Random,
}

impl Hashing {
    /// As many slots as the machine has cores.
    #[must_use]
    pub fn new(random: Random) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { slots: Arc::new(Semaphore::new(cores)), random }
    }

    /// The hash of a password in PHC form, with a salt of its own.
    ///
    /// # Errors
    /// [`Failed`] when the blocking thread was lost.
    pub async fn hash(&self, password: SecretString) -> Result<SecretString, Failed> {
        let salt = self.random.bytes::<16>();
        self.blocking(move || {
            let hash: PasswordHash = Argon2::default()
                .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
                .map_err(|_| Failed)?;
            Ok(hash.to_string().into())
        })
        .await
    }

    /// Whether a password has this hash. Without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// [`Failed`] when the stored hash cannot be read.
    pub async fn verify(&self, password: SecretString, hash: Option<SecretString>) -> Result<bool, Failed> {
        if password.expose_secret().len() > MAX_BYTES {
            return Ok(false);
        }
        self.blocking(move || {
            let text = hash.as_ref().map_or(NOBODY, |hash| hash.expose_secret());
            let parsed = PasswordHash::new(text).map_err(|_| Failed)?;
            let fits = Argon2::default().verify_password(password.expose_secret().as_bytes(), &parsed).is_ok();
            Ok(fits && hash.is_some())
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Failed> {
        let permit = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Failed)?;
        // The permit goes with the work: a caller who hangs up does not free a slot that is still in use.
        let run = move || {
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(run).await.map_err(|_| Failed)?
    }
}

/// Checks the rules for a password that an operator chooses.
///
/// # Errors
/// The rule that it breaks, in words.
pub fn check_strength(password: &str) -> Result<(), &'static str> {
    let mut characters = password.chars();
    let first = characters.next();
    if password.chars().count() < MIN_LENGTH {
        return Err("a password needs at least 12 characters");
    }
    if password.len() > MAX_BYTES {
        return Err("a password has at most 1024 bytes");
    }
    if characters.all(|character| Some(character) == first) {
        return Err("a password of one repeated character is too easy to guess");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_fits_its_password_only_and_nobody_fits_nothing() {
        let hashing = Hashing::new(Random::system());
        let hash = hashing.hash("correct horse".to_owned().into()).await.expect("hashes");
        assert!(hash.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        let verify = async |password: &str, hash: Option<SecretString>| {
            hashing.verify(password.to_owned().into(), hash).await.expect("compares")
        };
        assert!(verify("correct horse", Some(hash.clone())).await);
        assert!(!verify("correct horsf", Some(hash)).await);
        assert!(!verify("correct horse", None).await);
    }

    #[test]
    fn the_stand_in_costs_what_a_real_hash_costs() {
        let real = argon2::Params::default();
        let stand_in = PasswordHash::new(NOBODY).expect("well formed");
        let params = argon2::Params::try_from(&stand_in).expect("argon2 parameters");
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (real.m_cost(), real.t_cost(), real.p_cost()));
    }

    #[test]
    fn length_counts_characters() {
        assert_eq!(check_strength("twelve chars"), Ok(()));
        assert_eq!(check_strength("üüüüüüäääääö"), Ok(()));
        assert!(check_strength("eleven char").is_err());
        assert!(check_strength("aaaaaaaaaaaaa").is_err());
        assert!(check_strength(&"ab".repeat(513)).is_err());
    }
}
