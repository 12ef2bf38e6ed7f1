//! `vestibule status`: the URLs and keys of a project, for people, shells and programs.

use anyhow::{Context, Result};
use base::project::{ApiKey, ProjectKeys};
use clap::{Args, ValueEnum};
use pg::managed;
use secrecy::{ExposeSecret, SecretString};

use crate::home::{FirstOperator, Home};

/// Flags of `status`.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// How to print
    #[arg(short, long, value_enum, default_value = "pretty")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Pretty,
    /// NAME="value" lines for a shell
    Env,
    /// One JSON object
    Json,
}

impl Status {
    pub(super) async fn run(&self, common: &super::Common) -> Result<()> {
        let settings = common.settings(Vec::new())?;
        let home = Home::open(&settings.home)?;
        let running = home
            .running()?
            .with_context(|| format!("no server runs in {}: start it with `vestibule start`", home.path().display()))?;
        let database = match running.database_url {
            Some(url) => Some(url.into()),
            None => managed::Running::find(&settings.home)?.map(|running| running.url()),
        };
        let operator = home.first_operator()?;
        let facts = Facts { api_url: running.api_url, database, keys: &running.keys, operator };
        super::print_out(&match self.output {
            Output::Pretty => facts.pretty()?,
            Output::Env => facts.env()?,
            Output::Json => facts.json()?,
        })
    }
}

/// What `start` and `status` tell.
pub(super) struct Facts<'a> {
    pub(super) api_url: String,
    pub(super) database: Option<SecretString>,
    pub(super) keys: &'a ProjectKeys,
    pub(super) operator: Option<FirstOperator>,
}

impl Facts<'_> {
    /// The values by the names that the Supabase CLI uses.
    fn named(&self) -> Result<Vec<(&'static str, String)>> {
        let keyring = self.keys.keyring()?;
        let database = self.database.as_ref().map(|url| url.expose_secret().to_owned()).unwrap_or_default();
        Ok(vec![
            ("API_URL", self.api_url.clone()),
            ("DB_URL", database),
            ("STUDIO_URL", format!("{}/dashboard", self.api_url)),
            ("MAILPIT_URL", format!("{}/mailbox", self.api_url)),
            ("PUBLISHABLE_KEY", self.keys.publishable_key.clone()),
            ("SECRET_KEY", self.keys.secret_key.expose_secret().to_owned()),
            ("JWT_SECRET", self.keys.jwt_secret.expose_secret().to_owned()),
            ("ANON_KEY", self.keys.legacy_key(&keyring, ApiKey::Anon)),
            ("SERVICE_ROLE_KEY", self.keys.legacy_key(&keyring, ApiKey::ServiceRole)),
        ])
    }

    fn env(&self) -> Result<String> {
        Ok(self.named()?.iter().map(|(name, value)| format!("{name}=\"{value}\"\n")).collect())
    }

    fn json(&self) -> Result<String> {
        let object: serde_json::Map<_, _> =
            self.named()?.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        Ok(format!("{}\n", serde_json::to_string_pretty(&object)?))
    }

    /// One fact per line, as the Supabase CLI shows them.
    pub(super) fn pretty(&self) -> Result<String> {
        let labels = [
            "API URL",
            "DB URL",
            "Dashboard URL",
            "Mailbox URL",
            "Publishable key",
            "Secret key",
            "JWT secret",
            "anon key",
            "service_role key",
        ];
        let mut text: String =
            labels.iter().zip(self.named()?).map(|(label, (_, value))| format!("{label:>18}: {value}\n")).collect();
        if let Some(FirstOperator { email, password }) = &self.operator {
            text.push_str(&format!("{:>18}: {email} with the one-time password {password}\n", "Sign in as"));
        }
        Ok(text)
    }
}
