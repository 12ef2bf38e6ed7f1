//! The life of a project's signing keys, in the states that Supabase names: a standby key is published and verifies,
//! the one in use signs, a previously used one still verifies, and a revoked one is gone.
//!
//! A state is not kept twice: the key that signs is in use, and what the others are is written into their JWKs, whose
//! readers pass over members that they do not know.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::jwk::{self, Key, Kind};
use crate::project::{PrivateJwk, ProjectKeys};
use crate::{Clock, Random};

const STATUS: &str = "status";
const CREATED: &str = "created_at";

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published and verifies, so that everybody knows it before it signs.
    Standby,
    /// Signs.
    InUse,
    /// Has signed, and verifies what it signed.
    PreviouslyUsed,
    /// Verifies; whether it has signed or will is not known, as it was given from outside.
    VerifyOnly,
}

impl State {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Standby => "standby",
            Self::InUse => "in use",
            Self::PreviouslyUsed => "previously used",
            Self::VerifyOnly => "verify only",
        }
    }
}

/// What there is to tell of a key without its material.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its `kid`; none for keys without one.
    pub id: Option<String>,
    /// The name of its algorithm.
    pub algorithm: &'static str,
    /// What it does.
    pub state: State,
    /// When it was made, if that is known.
    pub created_at: Option<String>,
}

/// Why keys were not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key that is there cannot be used.
    #[error(transparent)]
    Key(#[from] jwk::Error),
    /// There is a standby key already.
    #[error("{0} is on standby already: rotate to it, or remove it first")]
    HasStandby(String),
    /// There is no standby key.
    #[error("no key is on standby: add one first, and let it be known before it signs")]
    NoStandby,
    /// No key has this id.
    #[error("no key has the id {0:?}")]
    Unknown(String),
    /// The key signs.
    #[error("{0} is in use: rotate to another key first")]
    InUse(String),
    /// The key cannot sign.
    #[error("{0} has no private part to sign with")]
    Public(String),
}

impl ProjectKeys {
    /// What there is to tell of the signing keys.
    ///
    /// # Errors
    /// When one cannot be used.
    pub fn signing_keys(&self) -> Result<Vec<SigningKey>, jwk::Error> {
        let keys = jwk::read(self.jwt_keys.iter().map(|jwk| &jwk.0))?;
        let in_use = keys.iter().position(Key::signs);
        let told = keys.iter().zip(&self.jwt_keys).enumerate().map(|(index, (key, PrivateJwk(jwk)))| SigningKey {
            id: key.id.clone(),
            algorithm: key.algorithm().name(),
            state: match jwk[STATUS].as_str() {
                _ if in_use == Some(index) => State::InUse,
                Some("standby") => State::Standby,
                Some("previously_used") => State::PreviouslyUsed,
                _ => State::VerifyOnly,
            },
            created_at: jwk[CREATED].as_str().map(str::to_owned),
        });
        Ok(told.collect())
    }

    /// Fills in what files of earlier versions leave out: the only key was made together with the others.
    pub fn complete(&mut self) {
        if let [PrivateJwk(only)] = self.jwt_keys.as_mut_slice()
            && only.is_object()
            && only.get(CREATED).is_none()
        {
            only[CREATED] = json!(self.created_at.to_string());
        }
    }

    /// Makes a key that stands by; its id.
    ///
    /// # Errors
    /// When there is one already.
    pub fn add_standby(&mut self, kind: Kind, random: &Random, clock: &Clock) -> Result<String, Error> {
        if let Some(index) = self.standby()? {
            return Err(Error::HasStandby(self.id(index)));
        }
        let key = standby(kind, random, clock.now());
        self.jwt_keys.push(PrivateJwk(key));
        Ok(self.id(self.jwt_keys.len() - 1))
    }

    /// Puts the key `id`, else the standby key, to use; the one in use so far is previously used from then on. The ids
    /// of both.
    ///
    /// # Errors
    /// When there is no such key, or it signs already.
    pub fn rotate(&mut self, id: Option<&str>) -> Result<(Option<String>, String), Error> {
        let keys = self.signing_keys()?;
        let next = match id {
            Some(id) => self.position(id)?,
            None => self.standby()?.ok_or(Error::NoStandby)?,
        };
        if keys[next].state == State::InUse {
            return Err(Error::InUse(self.id(next)));
        }
        if !["d", "k"].iter().any(|member| self.jwt_keys[next].0[member].is_string()) {
            return Err(Error::Public(self.id(next)));
        }
        let before = keys.iter().position(|key| key.state == State::InUse);
        if let Some(before) = before {
            self.jwt_keys[before].0[STATUS] = json!("previously_used");
        }
        // Files that were written by hand may have several with the operation `sign`: the first one signs.
        for (index, PrivateJwk(jwk)) in self.jwt_keys.iter_mut().enumerate() {
            let operations: &[&str] = if index == next { &["sign", "verify"] } else { &["verify"] };
            jwk["key_ops"] = json!(operations);
        }
        self.jwt_keys[next].0[STATUS] = json!("in_use");
        Ok((before.map(|index| self.id(index)), self.id(next)))
    }

    /// Takes a key away, so that nothing it signed is accepted any more.
    ///
    /// # Errors
    /// When there is no such key, or it signs.
    pub fn remove(&mut self, id: &str) -> Result<(), Error> {
        let index = self.position(id)?;
        if self.signing_keys()?[index].state == State::InUse {
            return Err(Error::InUse(id.to_owned()));
        }
        self.jwt_keys.remove(index);
        Ok(())
    }

    /// The private keys as `GOTRUE_JWT_KEYS` takes them, without what is only for us.
    #[must_use]
    pub fn exported(&self) -> Value {
        self.jwt_keys.iter().map(|PrivateJwk(jwk)| bare(jwk)).collect()
    }

    fn standby(&self) -> Result<Option<usize>, Error> {
        Ok(self.signing_keys()?.iter().position(|key| key.state == State::Standby))
    }

    fn position(&self, id: &str) -> Result<usize, Error> {
        let found = self.jwt_keys.iter().position(|PrivateJwk(jwk)| jwk["kid"] == *id);
        found.filter(|_| !id.is_empty()).ok_or_else(|| Error::Unknown(id.to_owned()))
    }

    fn id(&self, index: usize) -> String {
        let id = self.jwt_keys.get(index).and_then(|jwk| jwk.0["kid"].as_str()).unwrap_or_default();
        if id.is_empty() { "the key without id".to_owned() } else { id.to_owned() }
    }
}

/// A key without what is only for us.
#[must_use]
pub fn bare(jwk: &Value) -> Value {
    let mut jwk = jwk.clone();
    if let Some(members) = jwk.as_object_mut() {
        members.retain(|name, _| name != STATUS && name != CREATED);
    }
    jwk
}

/// A new private key that does not sign yet.
#[must_use]
pub fn standby(kind: Kind, random: &Random, now: Timestamp) -> Value {
    let mut key = jwk::generate(kind, random);
    key["key_ops"] = json!(["verify"]);
    key[STATUS] = json!("standby");
    key[CREATED] = json!(now.to_string());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> ProjectKeys {
        let mut keys = ProjectKeys::generate(&Random::system(), &Clock::fixed(Timestamp::UNIX_EPOCH));
        keys.complete();
        keys
    }

    fn add(keys: &mut ProjectKeys, kind: Kind) -> Result<String, Error> {
        keys.add_standby(kind, &Random::system(), &Clock::fixed(Timestamp::UNIX_EPOCH))
    }

    fn states(keys: &ProjectKeys) -> Vec<(&'static str, State)> {
        let told = keys.signing_keys().expect("valid keys");
        assert!(told.iter().all(|key| key.created_at.as_deref() == Some("1970-01-01T00:00:00Z")), "{told:?}");
        told.iter().map(|key| (key.algorithm, key.state)).collect()
    }

    #[test]
    fn a_key_stands_by_signs_verifies_and_goes() {
        let mut keys = keys();
        let first = keys.signing_keys().expect("valid keys")[0].id.clone().expect("an id");
        let old = keys.keyring().expect("valid keys").sign(&json!({"sub": "x"}));
        let second = add(&mut keys, Kind::EdDsa).expect("a standby key");
        assert_eq!(states(&keys), [("ES256", State::InUse), ("EdDSA", State::Standby)]);
        assert!(matches!(add(&mut keys, Kind::Es256), Err(Error::HasStandby(id)) if id == second));
        assert!(matches!(keys.remove(&first), Err(Error::InUse(_))));

        assert_eq!(keys.rotate(None).expect("rotated"), (Some(first.clone()), second.clone()));
        assert_eq!(states(&keys), [("ES256", State::PreviouslyUsed), ("EdDSA", State::InUse)]);
        let keyring = keys.keyring().expect("valid keys");
        keyring.verify(&old).expect("a previous key verifies");
        let public = keyring.jwks();
        assert!(
            public["keys"]
                .as_array()
                .expect("keys")
                .iter()
                .all(|key| { ["d", STATUS, CREATED].iter().all(|member| key.get(member).is_none()) })
        );
        assert!(matches!(keys.rotate(None), Err(Error::NoStandby)));
        assert!(matches!(keys.rotate(Some("x")), Err(Error::Unknown(_))));
        assert!(matches!(keys.rotate(Some(&second)), Err(Error::InUse(_))));

        keys.rotate(Some(&first)).expect("back again");
        assert_eq!(states(&keys), [("ES256", State::InUse), ("EdDSA", State::PreviouslyUsed)]);
        keys.rotate(Some(&second)).expect("and forth");
        keys.remove(&first).expect("removed");
        assert!(keys.keyring().expect("valid keys").verify(&old).is_err());
        assert!(matches!(keys.remove(&first), Err(Error::Unknown(_))));
    }

    #[test]
    fn keys_written_by_hand_are_told_as_they_work() {
        let mut keys = keys();
        let twice = jwk::generate(Kind::Es256, &Random::system());
        let mut public = jwk::generate(Kind::Es256, &Random::system());
        public.as_object_mut().expect("an object").remove("d");
        keys.jwt_keys.extend([PrivateJwk(twice.clone()), PrivateJwk(public.clone())]);
        let told = keys.signing_keys().expect("valid keys");
        let states: Vec<_> = told.iter().map(|key| (key.state, key.created_at.is_some())).collect();
        assert_eq!(states, [(State::InUse, true), (State::VerifyOnly, false), (State::VerifyOnly, false)]);
        let id = |jwk: &Value| jwk["kid"].as_str().expect("an id").to_owned();
        assert!(matches!(keys.rotate(Some(&id(&public))), Err(Error::Public(_))));
        keys.rotate(Some(&id(&twice))).expect("rotated");
        let keys = jwk::read(keys.jwt_keys.iter().map(|jwk| &jwk.0)).expect("valid keys");
        assert_eq!(keys.iter().map(Key::signs).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn an_export_is_what_the_variable_takes() {
        let mut keys = keys();
        add(&mut keys, Kind::Rs256).expect("a standby key");
        let exported = keys.exported();
        let read = jwk::read(exported.as_array().expect("an array")).expect("valid keys");
        assert_eq!(read.iter().map(Key::signs).collect::<Vec<_>>(), [true, false]);
        assert!(exported[1]["d"].is_string() && exported[1].get(STATUS).is_none());
    }
}
