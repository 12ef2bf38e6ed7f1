//! Passwords that are known from leaks, by an online service that learns five digits of a hash only, by a list on this
//! machine, or by both.

mod offline;
mod online;

use secrecy::{ExposeSecret, SecretString};
use sha1::{Digest, Sha1};

use crate::template::chain;

pub use offline::{ListError, Offline};
pub use online::{Online, OnlineError};

/// What happens when the online service gives no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// The password passes, and the failure is logged.
    #[default]
    Pass,
    /// The failure is an error.
    Fail,
}

/// Why it is not known whether a password leaked.
#[derive(Debug, thiserror::Error)]
pub enum BreachError {
    /// The online service gave no answer and must.
    #[error(transparent)]
    Online(#[from] OnlineError),
    /// The list cannot be read.
    #[error(transparent)]
    Offline(#[from] ListError),
}

/// Knows leaked passwords. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Breached {
    /// The online service.
    pub online: Option<Online>,
    /// The list on this machine; asked first.
    pub offline: Option<Offline>,
    /// What happens when the online service gives no answer.
    pub on_failure: OnFailure,
}

impl Breached {
    /// Whether a password leaked.
    ///
    /// # Errors
    /// [`BreachError`]; for the online service only with [`OnFailure::Fail`].
    pub async fn knows(&self, password: &SecretString) -> Result<bool, BreachError> {
        let hash = hex(password.expose_secret());
        if let Some(list) = &self.offline
            && list.has(&hash).await?
        {
            return Ok(true);
        }
        let Some(online) = &self.online else { return Ok(false) };
        match (online.has(&hash).await, self.on_failure) {
            (Ok(leaked), _) => Ok(leaked),
            (Err(error), OnFailure::Fail) => Err(error.into()),
            (Err(error), OnFailure::Pass) => {
                tracing::warn!(error = chain(&error), "leaked passwords could not be looked up");
                Ok(false)
            }
        }
    }
}

/// The SHA-1 of a password in capital hexadecimal digits.
fn hex(password: &str) -> String {
    Sha1::digest(password).iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_list_comes_first_and_failures_pass_or_fail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list");
        std::fs::write(&path, format!("{}:3\n", hex("password"))).unwrap();
        let breached = Breached {
            online: Some(Online { base_url: "http://127.0.0.1:1".into(), ..Online::new(reqwest::Client::new()) }),
            offline: Some(Offline::open(path).await.unwrap()),
            on_failure: OnFailure::Fail,
        };
        assert!(breached.knows(&"password".into()).await.unwrap());
        assert!(matches!(breached.knows(&"Password".into()).await, Err(BreachError::Online(_))));
        let lenient = Breached { on_failure: OnFailure::Pass, ..breached };
        assert!(!lenient.knows(&"Password".into()).await.unwrap());
        assert!(!Breached::default().knows(&"password".into()).await.unwrap());
    }
}
