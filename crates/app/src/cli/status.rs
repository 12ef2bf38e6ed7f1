//! `vestibule status`: the URLs and keys of a project, for people, shells and programs.

use anyhow::{Context, Result};
use base::project::{ApiKey, ProjectKeys};
use clap::{Args, ValueEnum};
use pg::managed;
use secrecy::{ExposeSecret, SecretString};

use crate::home::{FirstOperator, Home, Running, Served};

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
        let Running { api_url, served, keys, .. } = running;
        let facts = Facts { api_url, served, database, keys: &keys, operator };
        super::print_out(&match self.output {
            Output::Pretty => facts.pretty()?,
            Output::Env => facts.env()?,
            Output::Json => facts.json()?,
        })
    }
}

/// What `start`, `serve` and `status` tell.
pub(super) struct Facts<'a> {
    pub(super) api_url: String,
    pub(super) served: Served,
    pub(super) database: Option<SecretString>,
    pub(super) keys: &'a ProjectKeys,
    pub(super) operator: Option<FirstOperator>,
}

/// One of them.
struct Fact {
    /// The name that the Supabase CLI uses for programs.
    name: &'static str,
    /// The name that it uses for people.
    label: &'static str,
    is_secret: bool,
    value: String,
}

fn open(name: &'static str, label: &'static str, value: String) -> Fact {
    Fact { name, label, is_secret: false, value }
}

fn secret(name: &'static str, label: &'static str, value: &str) -> Fact {
    Fact { name, label, is_secret: true, value: value.to_owned() }
}

impl Facts<'_> {
    /// What there is, and no more than is served.
    fn all(&self) -> Result<Vec<Fact>> {
        let keyring = self.keys.keyring()?;
        let database = self.database.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        let mut facts = vec![open("API_URL", "API URL", self.api_url.clone()), secret("DB_URL", "DB URL", database)];
        if self.served.dashboard {
            facts.push(open("STUDIO_URL", "Dashboard URL", format!("{}/dashboard", self.api_url)));
        }
        if self.served.mailbox {
            facts.push(open("MAILPIT_URL", "Mailbox URL", format!("{}/mailbox", self.api_url)));
        }
        if self.served.api_keys {
            facts.push(open("PUBLISHABLE_KEY", "Publishable key", self.keys.publishable_key.clone()));
            facts.push(secret("SECRET_KEY", "Secret key", self.keys.secret_key.expose_secret()));
        }
        facts.push(secret("JWT_SECRET", "JWT secret", self.keys.jwt_secret.expose_secret()));
        facts.push(open("ANON_KEY", "anon key", self.keys.legacy_key(&keyring, ApiKey::Anon)));
        let service = self.keys.legacy_key(&keyring, ApiKey::ServiceRole);
        facts.push(secret("SERVICE_ROLE_KEY", "service_role key", &service));
        Ok(facts)
    }

    fn env(&self) -> Result<String> {
        Ok(self.all()?.iter().map(|Fact { name, value, .. }| format!("{name}=\"{value}\"\n")).collect())
    }

    fn json(&self) -> Result<String> {
        let object: serde_json::Map<_, _> =
            self.all()?.into_iter().map(|fact| (fact.name.to_owned(), fact.value.into())).collect();
        Ok(format!("{}\n", serde_json::to_string_pretty(&object)?))
    }

    /// One fact per line, as the Supabase CLI shows them.
    pub(super) fn pretty(&self) -> Result<String> {
        let mut text: String = self.all()?.iter().map(line).collect();
        if let Some(FirstOperator { email, password }) = &self.operator {
            text.push_str(&format!("{:>18}: {email} with the one-time password {password}\n", "Sign in as"));
        }
        Ok(text)
    }

    /// The same without secrets, for who keeps what is printed; where they are.
    pub(super) fn pretty_without_secrets(&self, home: &Home) -> Result<String> {
        let mut text: String = self.all()?.iter().filter(|fact| !fact.is_secret).map(line).collect();
        if let Some(FirstOperator { email, .. }) = &self.operator {
            let path = home.first_operator_path();
            text.push_str(&format!("{:>18}: {email} with the one-time password in {}\n", "Sign in as", path.display()));
        }
        text.push_str(&format!("{:>18}: `vestibule status --home {}` shows them\n", "Secrets", home.path().display()));
        Ok(text)
    }
}

fn line(Fact { label, value, .. }: &Fact) -> String {
    format!("{label:>18}: {value}\n")
}
