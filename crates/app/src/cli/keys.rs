//! `vestibule keys`: the project's keys, and the life of its signing keys.

use anyhow::{Context, Result, bail};
use base::jwk::Kind;
use base::project::{ApiKey, ProjectKeys};
use base::rotation::{self, SigningKey};
use base::{Clock, Random};
use clap::{Subcommand, ValueEnum};
use secrecy::ExposeSecret;

use super::local;
use crate::home::Home;
use crate::settings::Settings;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Print the API keys and the JWT secret
    Show,
    /// List the signing keys and their states
    List,
    /// Make a signing key that stands by: it is published and verifies, and does not sign yet
    Add {
        /// What it will sign with
        #[arg(long, value_enum, default_value = "es256")]
        algorithm: Algorithm,
    },
    /// Let the standby key sign; the one in use is previously used from then on and still verifies
    Rotate {
        /// Another key to put to use, such as the previous one
        kid: Option<String>,
    },
    /// Revoke a signing key: what it signed is refused
    #[command(visible_alias = "revoke")]
    Remove {
        /// The key's id
        kid: String,
    },
    /// Print the private signing keys, as GOTRUE_JWT_KEYS takes them
    Export,
    /// Print a new private key in standby form, for GOTRUE_JWT_KEYS; nothing is kept
    Generate {
        /// What it will sign with
        #[arg(long, value_enum, default_value = "es256")]
        algorithm: Algorithm,
    },
}

/// The kinds of keys that can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Algorithm {
    /// EC P-256
    Es256,
    /// RSA with 2048 bits
    Rs256,
    /// Ed25519
    #[value(name = "eddsa")]
    EdDsa,
}

impl Algorithm {
    fn kind(self) -> Kind {
        match self {
            Self::Es256 => Kind::Es256,
            Self::Rs256 => Kind::Rs256,
            Self::EdDsa => Kind::EdDsa,
        }
    }
}

impl Keys {
    pub(super) fn run(self, common: &super::Common) -> Result<()> {
        if let Self::Generate { algorithm } = self {
            let key = rotation::bare(&rotation::standby(algorithm.kind(), &Random::system(), Clock::system().now()));
            return super::print_out(&format!("{key}\n"));
        }
        let settings = common.settings(Vec::new())?;
        match self {
            Self::Show => show(&settings),
            Self::List => list(&settings),
            Self::Export => super::print_out(&format!("{}\n", in_effect(&settings)?.exported())),
            Self::Add { algorithm } => change(&settings, |keys| {
                let id = keys.add_standby(algorithm.kind(), &Random::system(), &Clock::system())?;
                Ok(format!("{id} is on standby; once that is known everywhere, `vestibule keys rotate` lets it sign"))
            }),
            Self::Rotate { kid } => change(&settings, |keys| {
                let (before, now) = keys.rotate(kid.as_deref())?;
                let before = before.map(|id| format!("; {id} is previously used and still verifies"));
                Ok(format!("{now} is in use{}", before.unwrap_or_default()))
            }),
            Self::Remove { kid } => change(&settings, |keys| {
                keys.remove(&kid)?;
                Ok(format!("{kid} is removed; what it signed is refused"))
            }),
            Self::Generate { .. } => Ok(()),
        }
    }
}

fn show(settings: &Settings) -> Result<()> {
    let keys = local::project_keys(settings)?;
    let keyring = keys.keyring()?;
    super::print_out(&format!(
        "publishable key   {}\nsecret key        {}\nanon key          {}\nservice_role key  {}\nJWT secret        {}\n",
        keys.publishable_key,
        keys.secret_key.expose_secret(),
        keys.legacy_key(&keyring, ApiKey::Anon),
        keys.legacy_key(&keyring, ApiKey::ServiceRole),
        keys.jwt_secret.expose_secret(),
    ))
}

fn list(settings: &Settings) -> Result<()> {
    let keys = in_effect(settings)?;
    let mut text = format!("{:<36}  {:<9}  {:<15}  CREATED\n", "KID", "ALGORITHM", "STATE");
    for SigningKey { id, algorithm, state, created_at } in keys.signing_keys()? {
        let (id, created) = (id.as_deref().unwrap_or("-"), created_at.as_deref().unwrap_or("-"));
        // Ids come from outside, and a terminal obeys what is in them.
        let id = id.escape_debug().to_string();
        text.push_str(&format!("{id:<36}  {algorithm:<9}  {:<15}  {}\n", state.name(), created.escape_debug()));
    }
    super::print_out(&text)?;
    let running = Home::open(&settings.home)?.running()?;
    if running.is_some_and(|running| running.keys.exported() != keys.exported()) {
        eprintln!("the running server has other keys: it was started before they changed, or with other settings");
    }
    Ok(())
}

/// The keys that a server would start with.
fn in_effect(settings: &Settings) -> Result<ProjectKeys> {
    let mut keys = match kept(&Home::open(&settings.home)?) {
        Ok(keys) => keys,
        // Over an existing database everything may come from the environment.
        Err(_) if settings.keys.replaces_signing_keys() => ProjectKeys::generate(&Random::system(), &Clock::system()),
        Err(error) => return Err(error),
    };
    settings.keys.apply(&mut keys);
    Ok(keys)
}

/// The keys of the data directory.
fn kept(home: &Home) -> Result<ProjectKeys> {
    let mut keys = home.keys()?.context("this project has no keys yet: `vestibule start` makes them")?;
    keys.complete();
    Ok(keys)
}

fn change(settings: &Settings, change: impl FnOnce(&mut ProjectKeys) -> Result<String>) -> Result<()> {
    if settings.keys.replaces_signing_keys() {
        bail!(
            "the signing keys are given (GOTRUE_JWT_KEYS, GOTRUE_JWT_KEY_ID or `auth.signing_keys_path`) and replace those \
             of the data directory: change them there; `vestibule keys generate` prints a new one"
        );
    }
    let home = Home::open(&settings.home)?;
    let mut keys = kept(&home)?;
    let told = change(&mut keys)?;
    home.keep_keys(&keys)?;
    super::print_out(&format!("{told}\n"))?;
    if home.running()?.is_some() {
        eprintln!("the running server does not know that yet: restart it");
    }
    Ok(())
}
