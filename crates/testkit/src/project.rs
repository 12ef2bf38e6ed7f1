//! The keys that tests run with: made once per process.

use std::sync::LazyLock;

use base::jwt::Keyring;
use base::project::ProjectKeys;
use base::{Clock, Random};
use serde_json::{Value, json};

static KEYS: LazyLock<ProjectKeys> = LazyLock::new(|| ProjectKeys::generate(&Random::system(), &Clock::system()));
static KEYRING: LazyLock<Keyring> = LazyLock::new(|| KEYS.keyring().expect("generated keys are valid"));

/// The project's keys.
#[must_use]
pub fn project_keys() -> ProjectKeys {
    KEYS.clone()
}

/// The keyring of [`project_keys`].
#[must_use]
pub fn keyring() -> Keyring {
    KEYRING.clone()
}

/// A token with these claims that expires in an hour.
#[must_use]
pub fn token(mut claims: Value) -> String {
    let now = Clock::system().unix_seconds();
    claims["iat"] = json!(now);
    claims["exp"] = json!(now + 3600);
    KEYRING.sign(&claims)
}

/// A token of role `service_role`.
#[must_use]
pub fn service_token() -> String {
    token(json!({"role": "service_role"}))
}

/// A token of role `authenticated` for a user id.
#[must_use]
pub fn user_token(id: &str) -> String {
    token(json!({"role": "authenticated", "sub": id, "aud": "authenticated"}))
}
