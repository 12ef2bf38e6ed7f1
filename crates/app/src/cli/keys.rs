//! `vestibule keys show`.

use anyhow::Result;
use base::project::ApiKey;
use clap::Subcommand;
use secrecy::ExposeSecret;

use super::local;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Print the project's keys
    Show,
}

impl Keys {
    pub(super) fn run(&self, common: &super::Common) -> Result<()> {
        let Self::Show = self;
        let settings = common.settings(Vec::new())?;
        let keys = local::project_keys(&settings)?;
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
}
