//! Secrets that are stored encrypted: AES-256-GCM under a key made by HKDF-SHA-256 of a master key and the id of the row
//! that the secret belongs to, so that it is good for nothing in another row. The stored form is Supabase's: JSON with
//! `key_id`, `alg`, `data` and `nonce`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use base::Random;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const ALGORITHM: &str = "aes-gcm-hkdf";
const KEY: usize = 32;

/// What is set about encryption.
#[derive(Clone, Default)]
pub struct DbEncryption {
    /// New secrets are encrypted.
    pub encrypt: bool,
    /// The name of the key that they are encrypted with.
    pub key_id: String,
    /// That key: 32 bytes in base64url without padding.
    pub key: SecretString,
    /// Keys by name that may have encrypted what is stored. That of `key_id` need not be repeated.
    pub decryption_keys: BTreeMap<String, SecretString>,
}

impl fmt::Debug for DbEncryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.decryption_keys.keys().collect();
        f.debug_struct("DbEncryption")
            .field("encrypt", &self.encrypt)
            .field("key_id", &self.key_id)
            .field("decryption_keys", &names)
            .finish_non_exhaustive()
    }
}

impl PartialEq for DbEncryption {
    fn eq(&self, other: &Self) -> bool {
        let keys = |settings: &Self| -> Vec<(String, String)> {
            let keys = settings.decryption_keys.iter();
            keys.map(|(name, key)| (name.clone(), key.expose_secret().to_owned())).collect()
        };
        (self.encrypt, &self.key_id, self.key.expose_secret(), keys(self))
            == (other.encrypt, &other.key_id, other.key.expose_secret(), keys(other))
    }
}

impl Eq for DbEncryption {}

/// What is wrong with the settings or with a stored secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A key is none.
    #[error("encryption key {0:?} is not 32 bytes in base64url without padding")]
    Key(String),
    /// The key for new secrets has no name.
    #[error("the encryption key needs an id")]
    Unnamed,
    /// One name stands for two keys.
    #[error("encryption key {0:?} is given twice, and differently")]
    Ambiguous(String),
    /// A secret was encrypted with a key that is not there.
    #[error("a secret is encrypted with the key {0:?}, which is not among the decryption keys")]
    UnknownKey(String),
    /// A secret cannot be decrypted with its key: it was changed, or moved to another row.
    #[error("a secret does not belong to its row or key")]
    Broken,
}

/// Encrypts and decrypts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Sealer(Arc<Keys>);

#[derive(Default)]
struct Keys {
    /// The name of the key for new secrets, where they are encrypted.
    current: Option<String>,
    keys: BTreeMap<String, SecretSlice<u8>>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("current", &self.0.current).finish_non_exhaustive()
    }
}

/// A stored secret that is encrypted.
#[derive(Serialize, Deserialize)]
struct Sealed {
    key_id: String,
    alg: String,
    data: String,
    nonce: String,
}

/// A secret as it was before it was stored.
pub struct Opened {
    /// The secret.
    pub secret: SecretString,
    /// Whether it should be stored anew: as it is, or encrypted with an older key, where the settings want otherwise.
    pub is_outdated: bool,
}

impl Sealer {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`SealError::Key`], [`SealError::Unnamed`], [`SealError::Ambiguous`].
    pub fn new(settings: &DbEncryption) -> Result<Self, SealError> {
        let mut keys = BTreeMap::new();
        for (name, text) in &settings.decryption_keys {
            keys.insert(name.clone(), read_key(name, text)?);
        }
        let mut current = None;
        if settings.encrypt {
            let name = &settings.key_id;
            if name.is_empty() {
                return Err(SealError::Unnamed);
            }
            let key = read_key(name, &settings.key)?;
            let other = keys.insert(name.clone(), key.clone());
            if other.is_some_and(|other| other.expose_secret() != key.expose_secret()) {
                return Err(SealError::Ambiguous(name.clone()));
            }
            current = Some(name.clone());
        } else if let Ok(key) = read_key(&settings.key_id, &settings.key) {
            // What it has encrypted is to be read still.
            keys.entry(settings.key_id.clone()).or_insert(key);
        }
        Ok(Self(Arc::new(Keys { current, keys })))
    }

    /// The form in which the secret of a row is stored: encrypted, or as it is where nothing is.
    ///
    /// # Panics
    /// Never: AES-GCM encrypts everything that fits into memory.
    #[must_use]
    pub fn seal(&self, random: &Random, row: Uuid, secret: &str) -> SecretString {
        let Some((name, key)) = self.0.current.as_ref().and_then(|name| Some((name, self.0.keys.get(name)?))) else {
            return secret.into();
        };
        let nonce: [u8; NONCE_LEN] = random.bytes();
        let mut data = secret.as_bytes().to_vec();
        cipher(key, row)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut data)
            .expect("a secret is far shorter than the 64 GiB that one nonce is good for");
        let sealed = Sealed {
            key_id: name.clone(),
            alg: ALGORITHM.to_owned(),
            data: STANDARD.encode(data),
            nonce: STANDARD.encode(nonce),
        };
        serde_json::to_string(&sealed).expect("four texts").into()
    }

    /// Reads the stored secret of a row, encrypted or not.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`], [`SealError::Broken`].
    pub fn open(&self, row: Uuid, stored: &str) -> Result<Opened, SealError> {
        let Some(sealed) = read(stored) else {
            return Ok(Opened { secret: stored.into(), is_outdated: self.0.current.is_some() });
        };
        let key = self.0.keys.get(&sealed.key_id).ok_or_else(|| SealError::UnknownKey(sealed.key_id.clone()))?;
        let nonce = STANDARD.decode(&sealed.nonce).ok().and_then(|nonce| Nonce::try_assume_unique_for_key(&nonce).ok());
        let (mut data, nonce) = STANDARD.decode(&sealed.data).ok().zip(nonce).ok_or(SealError::Broken)?;
        let secret = cipher(key, row).open_in_place(nonce, Aad::empty(), &mut data).map_err(|_| SealError::Broken)?;
        let secret = std::str::from_utf8(secret).map_err(|_| SealError::Broken)?.into();
        let is_outdated = self.0.current.as_ref().is_some_and(|current| *current != sealed.key_id);
        Ok(Opened { secret, is_outdated })
    }
}

/// The stored form, if it is one of an encrypted secret: hashes and keys never are JSON objects.
fn read(stored: &str) -> Option<Sealed> {
    let sealed: Sealed = stored.starts_with('{').then(|| serde_json::from_str(stored).ok())??;
    let is_whole = !sealed.key_id.is_empty() && !sealed.data.is_empty() && !sealed.nonce.is_empty();
    (is_whole && sealed.alg == ALGORITHM).then_some(sealed)
}

fn read_key(name: &str, text: &SecretString) -> Result<SecretSlice<u8>, SealError> {
    let key = URL_SAFE_NO_PAD.decode(text.expose_secret()).ok().filter(|key| key.len() == KEY);
    key.map(Into::into).ok_or_else(|| SealError::Key(name.to_owned()))
}

/// The cipher of a row. Go's HKDF without salt uses as many zeros as the hash has bytes, which is what none means.
fn cipher(key: &SecretSlice<u8>, row: Uuid) -> LessSafeKey {
    let row = row.to_string();
    let info = [row.as_bytes()];
    let master = Salt::new(HKDF_SHA256, &[0; 32]).extract(key.expose_secret());
    let made = master.expand(&info, &AES_256_GCM).expect("32 bytes are not too many for HKDF");
    LessSafeKey::new(UnboundKey::from(made))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Uuid = Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);

    fn settings(id: &str, byte: u8, others: &[(&str, u8)]) -> DbEncryption {
        let key = |byte: u8| SecretString::from(URL_SAFE_NO_PAD.encode([byte; KEY]));
        let decryption_keys = others.iter().map(|(name, byte)| ((*name).to_owned(), key(*byte))).collect();
        DbEncryption { encrypt: !id.is_empty(), key_id: id.to_owned(), key: key(byte), decryption_keys }
    }

    fn sealer(id: &str, byte: u8, others: &[(&str, u8)]) -> Sealer {
        Sealer::new(&settings(id, byte, others)).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_in_its_row_only() {
        let random = Random::seeded(1);
        let sealer = sealer("one", 1, &[]);
        let stored = sealer.seal(&random, ROW, "$2a$10$hash");
        let stored = stored.expose_secret();
        assert!(stored.starts_with(r#"{"key_id":"one","alg":"aes-gcm-hkdf","data":""#), "{stored}");
        assert!(!stored.contains("hash"));
        assert_ne!(sealer.seal(&random, ROW, "$2a$10$hash").expose_secret(), stored, "each has its nonce");
        let opened = sealer.open(ROW, stored).unwrap();
        assert_eq!((opened.secret.expose_secret(), opened.is_outdated), ("$2a$10$hash", false));
        assert_eq!(sealer.open(Uuid::nil(), stored).err(), Some(SealError::Broken));
        assert_eq!(sealer.open(ROW, &stored.replace("\"data\":\"", "\"data\":\"AAAA")).err(), Some(SealError::Broken));
    }

    #[test]
    fn keys_change_and_the_old_ones_still_open() {
        let random = Random::seeded(1);
        let old = sealer("old", 1, &[]).seal(&random, ROW, "secret");
        let opened = sealer("new", 2, &[("old", 1)]).open(ROW, old.expose_secret()).unwrap();
        assert_eq!((opened.secret.expose_secret(), opened.is_outdated), ("secret", true));
        let opened = sealer("", 0, &[("old", 1)]).open(ROW, old.expose_secret()).unwrap();
        assert_eq!((opened.secret.expose_secret(), opened.is_outdated), ("secret", false), "only decrypting");
        let off = DbEncryption { encrypt: false, ..settings("old", 1, &[]) };
        let opened = Sealer::new(&off).unwrap().open(ROW, old.expose_secret()).unwrap();
        assert_eq!((opened.secret.expose_secret(), opened.is_outdated), ("secret", false), "switched off");
        let error = sealer("new", 2, &[]).open(ROW, old.expose_secret()).err();
        assert_eq!(error, Some(SealError::UnknownKey("old".to_owned())));
    }

    #[test]
    fn without_encryption_all_stays_as_it_is() {
        let off = Sealer::default();
        assert_eq!(off.seal(&Random::seeded(1), ROW, "plain").expose_secret(), "plain");
        for plain in ["plain", "{", "{\"a\": 1}", r#"{"key_id":"a","alg":"x","data":"b","nonce":"c"}"#] {
            assert_eq!(off.open(ROW, plain).unwrap().secret.expose_secret(), plain);
            assert!(sealer("one", 1, &[]).open(ROW, plain).unwrap().is_outdated);
        }
    }

    #[test]
    fn keys_are_checked_and_do_not_print() {
        let wrong = |settings: DbEncryption| Sealer::new(&settings).unwrap_err();
        assert_eq!(wrong(DbEncryption { encrypt: true, ..settings("", 1, &[]) }), SealError::Unnamed);
        assert_eq!(wrong(settings("one", 1, &[("one", 2)])), SealError::Ambiguous("one".to_owned()));
        let short = DbEncryption { key: "AAAA".into(), ..settings("one", 1, &[]) };
        assert_eq!(wrong(short), SealError::Key("one".to_owned()));
        let printed = format!("{:?} {:?}", settings("one", 1, &[("two", 2)]), sealer("one", 1, &[]));
        assert!(printed.contains("one") && !printed.contains("AQEB"), "{printed}");
    }

    // Made with a program of its own by the rule that the module tells.
    #[test]
    fn the_key_of_a_row_is_that_of_hkdf() {
        let stored = r#"{"key_id":"k","alg":"aes-gcm-hkdf","data":"EfmDJCr1ZT7QxP+xxWfvLK+NcAC3p+dDS90AXQ==","nonce":"AAECAwQFBgcICQoL"}"#;
        let opened = sealer("", 0, &[("k", 7)]).open(ROW, stored).unwrap();
        assert_eq!(opened.secret.expose_secret(), "known answer");
    }
}
