//! A project's keys: the API keys that apps send, the secret and the signing key behind its tokens.
//!
//! They are made at the first start and kept in the data directory, or given by the environment.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::jwk::{self, Kind};
use crate::jwt::Keyring;
use crate::{Clock, Random};

/// How long the legacy anon and service_role keys are valid: ten years, in seconds.
const LEGACY_KEY_LIFETIME: i64 = 10 * 365 * 24 * 3600;

const PASSWORD_ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

/// The keys of one project, as they are kept in `keys.json`.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProjectKeys {
    /// When they were made.
    pub created_at: Timestamp,
    /// `sb_publishable_…`: may be shown to anyone, stands for role `anon`.
    pub publishable_key: String,
    /// `sb_secret_…`: for servers only, stands for role `service_role`.
    #[serde(serialize_with = "expose")]
    pub secret_key: SecretString,
    /// The shared HS256 secret.
    #[serde(serialize_with = "expose")]
    pub jwt_secret: SecretString,
    /// Private JWKs; the first one that can sign does.
    pub jwt_keys: Vec<PrivateJwk>,
}

/// A private JWK that does not print its material.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PrivateJwk(pub Value);

impl std::fmt::Debug for PrivateJwk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PrivateJwk({})", self.0["kid"])
    }
}

impl std::fmt::Debug for ProjectKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProjectKeys").field("publishable_key", &self.publishable_key).finish_non_exhaustive()
    }
}

fn expose<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// Which role an API key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKey {
    /// The publishable key or the legacy anon JWT.
    Anon,
    /// The secret key or the legacy service_role JWT.
    ServiceRole,
}

impl ProjectKeys {
    /// New keys for a new project.
    #[must_use]
    pub fn generate(random: &Random, clock: &Clock) -> Self {
        Self {
            created_at: clock.now(),
            publishable_key: api_key("sb_publishable_", random),
            secret_key: api_key("sb_secret_", random).into(),
            jwt_secret: URL_SAFE_NO_PAD.encode(random.bytes::<48>()).into(),
            jwt_keys: vec![PrivateJwk(jwk::generate(Kind::Es256, random))],
        }
    }

    /// The keyring that signs and verifies this project's tokens.
    ///
    /// # Errors
    /// [`jwk::Error`] for a configured key that cannot be used.
    pub fn keyring(&self) -> Result<Keyring, jwk::Error> {
        let keys = jwk::read(self.jwt_keys.iter().map(|jwk| &jwk.0))?;
        Ok(Keyring::new(self.jwt_secret.expose_secret().as_bytes(), keys))
    }

    /// The legacy key of a role: an HS256 token that is the same in each start.
    #[must_use]
    pub fn legacy_key(&self, keyring: &Keyring, key: ApiKey) -> String {
        let issued = self.created_at.as_second();
        let role = match key {
            ApiKey::Anon => "anon",
            ApiKey::ServiceRole => "service_role",
        };
        keyring.sign_with_secret(&json!({
            "iss": "vestibule", "role": role, "iat": issued, "exp": issued + LEGACY_KEY_LIFETIME,
        }))
    }

    /// Which role a publishable or secret key stands for; `None` for anything else. Takes the same time
    /// whatever the key is.
    #[must_use]
    pub fn api_key(&self, key: &str) -> Option<ApiKey> {
        let same = |known: &str| {
            let (given, known) = (Sha256::digest(key.as_bytes()), Sha256::digest(known.as_bytes()));
            bool::from(given.as_slice().ct_eq(known.as_slice()))
        };
        match (same(&self.publishable_key), same(self.secret_key.expose_secret())) {
            (true, _) => Some(ApiKey::Anon),
            (_, true) => Some(ApiKey::ServiceRole),
            _ => None,
        }
    }

    /// The password of a database role that the server logs in as: derived from the secret, so that all
    /// nodes of an installation know it and none stores it.
    #[must_use]
    pub fn role_password(&self, role: &str) -> SecretString {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.jwt_secret.expose_secret().as_bytes())
            .expect("HMAC takes a key of any length");
        mac.update(b"database role ");
        mac.update(role.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()).into()
    }
}

/// A password for a person to type once: 20 characters without look-alikes, about 116 bits.
#[must_use]
pub fn one_time_password(random: &Random) -> SecretString {
    random.text(20, PASSWORD_ALPHABET).into()
}

/// `prefix`, 22 random characters, `_`, and 8 characters that depend on them, so that a mistyped key can be
/// told from a wrong one.
fn api_key(prefix: &str, random: &Random) -> String {
    let body = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random.bytes::<16>()));
    let check = URL_SAFE_NO_PAD.encode(Sha256::digest(body.as_bytes()));
    format!("{body}_{}", &check[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> ProjectKeys {
        ProjectKeys::generate(&Random::system(), &Clock::fixed(Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn keys_read_back_from_json_and_do_not_print() {
        let keys = keys();
        let text = serde_json::to_string(&keys).expect("serialises");
        let again: ProjectKeys = serde_json::from_str(&text).expect("reads back");
        assert_eq!(again.secret_key.expose_secret(), keys.secret_key.expose_secret());
        assert!(!format!("{keys:?}").contains(keys.secret_key.expose_secret()));
        assert!(keys.publishable_key.starts_with("sb_publishable_"));
    }

    #[test]
    fn each_key_stands_for_its_role() {
        let keys = keys();
        assert_eq!(keys.api_key(&keys.publishable_key), Some(ApiKey::Anon));
        assert_eq!(keys.api_key(keys.secret_key.expose_secret()), Some(ApiKey::ServiceRole));
        assert_eq!(keys.api_key("sb_secret_x"), None);
        let keyring = keys.keyring().expect("valid keys");
        let legacy = keys.legacy_key(&keyring, ApiKey::ServiceRole);
        assert_eq!(legacy, keys.legacy_key(&keyring, ApiKey::ServiceRole));
        assert_eq!(keyring.verify(&legacy).expect("our key").text("role"), Some("service_role"));
    }

    #[test]
    fn role_passwords_differ_by_role_and_are_stable() {
        let keys = keys();
        let (a, b) = (keys.role_password("authenticator"), keys.role_password("supabase_auth_admin"));
        assert_ne!(a.expose_secret(), b.expose_secret());
        assert_eq!(a.expose_secret(), keys.role_password("authenticator").expose_secret());
    }
}
