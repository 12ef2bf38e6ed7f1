//! All settings of the server: flags over environment over project file over defaults.

mod accounts;
mod apply;
mod checks;
mod dotenv;
mod foreign;
mod names;
mod originals;
mod outside;
mod project_auth;
mod project_file;
pub mod table;
mod values;

pub use checks::name_of_part;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base::jwt::Keyring;
use base::project::{PrivateJwk, ProjectKeys};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use foreign::Treatment;
use outside::Outside;
use project_file::{Given, Project};

/// Everything that can be set, with its defaults filled in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The data directory.
    pub home: PathBuf,
    /// The folder that holds `supabase/`, if there is one.
    pub project: Option<PathBuf>,
    /// The address to listen on.
    pub listen: IpAddr,
    /// The port to listen on.
    pub port: u16,
    /// Proxies whose word on the client's address counts.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Refuse requests without an API key; `None`: unless on loopback.
    pub require_api_key: Option<bool>,
    /// Show the mailbox to anyone; `None`: only on loopback.
    pub open_mailbox: Option<bool>,
    /// An existing database.
    pub database_url: Option<SecretString>,
    /// By what it was named.
    pub database_named_by: String,
    /// The port of our own database.
    pub database_port: u16,
    /// Where PostgreSQL's programs are.
    pub pg_bin: Option<PathBuf>,
    /// As root: who our database runs as.
    pub pg_user: Option<String>,
    /// Statements are prepared once per connection.
    pub prepares: bool,
    /// The same database past a pooler.
    pub direct_url: Option<SecretString>,
    /// Most connections of each service.
    pub pool_size: usize,
    /// The URL at which clients reach the server.
    pub external_url: Option<String>,
    /// Keys that replace those of the data directory.
    pub keys: GivenKeys,
    /// Accounts.
    pub auth: auth::Settings,
    /// What accounts reach outside, and whom they ask.
    pub outside: Outside,
    /// Serve accounts alone.
    pub only_accounts: bool,
    /// Serve them without a prefix and without asking for API keys.
    pub no_prefix: bool,
    /// The URL at which clients reach accounts, where it does not follow from that of the server.
    pub auth_external_url: Option<String>,
    /// Whether it was said what address mail comes from.
    pub has_sender: bool,
    /// The algorithms of tokens that the keys are expected to have.
    pub jwt_methods: Option<Vec<String>>,
    /// The issuer in tokens, where it is not that URL.
    pub jwt_issuer: Option<String>,
    /// The header in which a proxy tells a request's id; `None`: `x-request-id`.
    pub request_id_header: Option<http::HeaderName>,
    /// The header whose first address is the client's.
    pub address_header: Option<http::HeaderName>,
    /// Whether `Sb-Forwarded-For` tells the client's address before all others.
    pub sb_forwarded_for: bool,
    /// Whether requests are counted by address; `None`: with a header that tells it.
    pub by_address: Option<bool>,
    /// What the log is to say of the settings: what has no effect, and what counts otherwise than it is written.
    pub warnings: Vec<String>,
    /// The data API.
    pub rest: rest::Settings,
    /// Files.
    pub storage: storage::Settings,
    /// Apply the project's migrations.
    pub migrations: bool,
    /// Run the project's seed files on a new database.
    pub seed: bool,
    /// The seed files, relative to `supabase/`.
    pub seed_paths: Vec<String>,
    /// What is logged.
    pub log: String,
    /// Whether the log is JSON.
    pub log_json: bool,
}

/// Keys that come from outside.
#[derive(Clone, Debug, Default)]
pub struct GivenKeys {
    pub(crate) jwt_secret: Option<SecretString>,
    pub(crate) jwt_keys: Option<Vec<PrivateJwk>>,
    pub(crate) publishable: Option<String>,
    pub(crate) secret: Option<SecretString>,
    /// The `kid` of tokens that the shared secret signs.
    pub(crate) secret_id: Option<String>,
}

impl GivenKeys {
    /// Checks that each id stands for one key.
    fn check(&self) -> Result<()> {
        let (Some(keys), Some(id)) = (&self.jwt_keys, &self.secret_id) else { return Ok(()) };
        if keys.iter().any(|PrivateJwk(key)| key["kid"] == **id) {
            bail!(
                "GOTRUE_JWT_KEY_ID: {id:?} is the `kid` of one of GOTRUE_JWT_KEYS too, and can be that of one key only"
            );
        }
        Ok(())
    }

    /// Whether the signing keys of the data directory have no effect.
    pub(crate) fn replaces_signing_keys(&self) -> bool {
        self.jwt_keys.is_some() || self.secret_id.is_some()
    }

    /// Replaces what is given.
    pub fn apply(&self, keys: &mut ProjectKeys) {
        if let Some(secret) = &self.jwt_secret {
            keys.jwt_secret = secret.clone();
        }
        if let Some(jwt_keys) = &self.jwt_keys {
            keys.jwt_keys.clone_from(jwt_keys);
        } else if let Some(id) = &self.secret_id {
            let secret = URL_SAFE_NO_PAD.encode(keys.jwt_secret.expose_secret());
            let key = serde_json::json!({"kty": "oct", "kid": id, "k": secret, "key_ops": ["sign", "verify"]});
            keys.jwt_keys = vec![PrivateJwk(key)];
        }
        if let Some(publishable) = &self.publishable {
            keys.publishable_key.clone_from(publishable);
        }
        if let Some(secret) = &self.secret {
            keys.secret_key = secret.clone();
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            home: PathBuf::from(".vestibule"),
            project: None,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 54321,
            trusted_proxies: Vec::new(),
            require_api_key: None,
            open_mailbox: None,
            database_url: None,
            database_named_by: String::new(),
            database_port: 54322,
            pg_bin: None,
            pg_user: None,
            prepares: true,
            direct_url: None,
            pool_size: 10,
            external_url: None,
            keys: GivenKeys::default(),
            auth: auth::Settings::default(),
            outside: Outside::default(),
            only_accounts: false,
            no_prefix: false,
            auth_external_url: None,
            has_sender: false,
            jwt_methods: None,
            jwt_issuer: None,
            request_id_header: None,
            address_header: None,
            sb_forwarded_for: false,
            by_address: None,
            warnings: Vec::new(),
            rest: rest::Settings::default(),
            storage: storage::Settings::default(),
            migrations: true,
            seed: true,
            seed_paths: vec!["./seed.sql".to_owned()],
            log: "info,postgres=warn".to_owned(),
            log_json: false,
        }
    }
}

impl Settings {
    /// Reads the project file and the environment. `flags` are settings by their environment name, from the
    /// command line.
    ///
    /// # Errors
    /// The first value that is not valid, with its name, place and reason.
    pub fn load(flags: &[(&'static str, Option<String>)], environment: &HashMap<String, String>) -> Result<Self> {
        let mut settings = Self::default();
        let flag = |name: &str| flags.iter().find(|flag| flag.0 == name).and_then(|flag| flag.1.clone());
        let given = |name: &str| flag(name).or_else(|| Some(variable(environment, name)?.1));
        // What is no switch is told when its turn comes.
        if given("VESTIBULE_NO_PREFIX").is_some_and(|text| values::switch(&text).unwrap_or(false)) {
            settings.apply_originals_defaults()?;
        }
        if let Some(folder) = given("VESTIBULE_PROJECT") {
            if !Path::new(&folder).join("supabase").is_dir() {
                bail!("project folder {folder}: it has no folder `supabase`");
            }
            settings.project = Some(folder.into());
        } else if Path::new("supabase").is_dir() {
            settings.project = Some(PathBuf::from("."));
        }
        let project = match settings.project.clone() {
            Some(folder) => settings.read_project_file(&folder.join("supabase/config.toml"), environment)?,
            None => Project::default(),
        };
        names::check(environment)?;
        for setting in table::all() {
            let by_environment = variable(environment, &setting.name);
            let by_environment = by_environment.map(|(name, value)| (format!("environment {name}"), value));
            let by_flag = flag(&setting.name).map(|value| (format!("flag for {}", setting.name), value));
            for (place, value) in by_environment.into_iter().chain(by_flag) {
                if setting.name == "DATABASE_URL" {
                    settings.database_named_by.clone_from(&place);
                }
                settings.apply(&setting.name, &value).context(place)?;
            }
        }
        settings.read_other_names(environment)?;
        checks::environment(environment)?;
        settings.check_project(&project, environment)?;
        settings.finish()
    }

    /// Names in the environment that the table leaves out: letters in other languages, earlier names of settings
    /// of the data API, and what has no effect.
    fn read_other_names(&mut self, environment: &HashMap<String, String>) -> Result<()> {
        let mut given: Vec<_> = environment.iter().filter(|(_, value)| !value.is_empty()).collect();
        given.sort();
        for (name, value) in given {
            let place = || format!("environment {name}");
            if name == foreign::UNVERIFIED && values::switch(value).with_context(place)? && self.auth.mailer_autoconfirm
            {
                bail!(
                    "{}: it cannot be on together with GOTRUE_MAILER_AUTOCONFIRM, which is on here (set it to false)",
                    place()
                );
            }
            match foreign::treatment(name) {
                Some(Treatment::NoEffect(why)) => {
                    self.warnings.push(format!("{name} has no effect here: {why}"));
                }
                Some(Treatment::Switch(why)) if values::switch(value).with_context(place)? => {
                    return Err(anyhow::anyhow!("this cannot be switched on: {why}")).with_context(place);
                }
                Some(_) => {}
                None if table::find(name).is_some() => {}
                None if outside::letter(name).is_some() => {
                    self.outside.apply(name, value).with_context(place)?;
                }
                None if names::is_of_data_api(name) => {
                    let own = name.trim_start_matches("PGRST_").to_ascii_lowercase();
                    let own =
                        own.strip_prefix("app_settings_").map_or(own.clone(), |app| format!("app.settings.{app}"));
                    self.rest.set(&own, value).map_err(|wrong| anyhow::anyhow!(wrong.reason)).with_context(place)?;
                }
                None => {}
            }
        }
        Ok(())
    }

    fn read_project_file(&mut self, path: &Path, environment: &HashMap<String, String>) -> Result<Project> {
        let variables = dotenv::variables(path, environment)?;
        let project = project_file::read(path, &variables)?;
        for found in &project.found {
            let applied = match &found.value {
                Given::Text(text) => self.apply(found.name, text),
                Given::List(members) => self.apply_list(found.name, members),
            };
            applied.with_context(|| format!("{}: `{}`", path.display(), found.key))?;
        }
        Ok(project)
    }

    /// Derives what depends on other settings and checks each service's.
    fn finish(mut self) -> Result<Self> {
        let url = self.api_url();
        self.rest.proxy_uri.get_or_insert_with(|| format!("{url}/rest/v1"));
        if self.no_prefix && !self.only_accounts {
            bail!("paths without a prefix are for one service alone: give --only auth too");
        }
        let accounts = if self.no_prefix { url } else { format!("{url}/auth/v1") };
        self.auth.api_external_url = self.auth_external_url.clone().unwrap_or(accounts);
        self.auth.jwt_issuer = self.jwt_issuer.clone().unwrap_or_else(|| self.auth.api_external_url.clone());
        let has_header = self.address_header.is_some() || self.sb_forwarded_for;
        self.auth.rate_limits.per_address = self.by_address.unwrap_or(has_header);
        if self.no_prefix && self.keys.jwt_keys.is_none() && self.keys.jwt_secret.is_some() {
            // Others check our tokens with the secret that all of them were given.
            self.keys.jwt_keys = self.keys.secret_id.is_none().then(Vec::new);
        }
        self.keys.check()?;
        self.outside.greet_as(&self.auth.api_external_url);
        if self.outside.sends_mail() && !self.has_sender {
            bail!(
                "GOTRUE_SMTP_ADMIN_EMAIL (`auth.email.smtp.admin_email`) is missing: with a mail server \
                 (GOTRUE_SMTP_HOST) it must be said what address mails come from"
            );
        }
        self.reach()?;
        let protection = self.outside.protection()?;
        if !protection.blocked_mail_servers.is_empty() && !protection.extended_email_validation {
            let line = "GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX has no effect without GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED";
            self.warnings.push(line.to_owned());
        }
        self.storage.root = self.home.join("files");
        self.check_accounts()?;
        self.rest.validate().context("settings of the data API")?;
        self.storage.validate().context("settings of storage")?;
        Ok(self)
    }

    /// Checks that no tokens are accepted whose algorithm was not named: the keys say which are.
    ///
    /// # Errors
    /// When the keys accept another algorithm than those that were named, with it.
    pub fn check_methods(&self, keyring: &Keyring) -> Result<()> {
        let Some(named) = &self.jwt_methods else { return Ok(()) };
        match keyring.algorithms().iter().find(|accepted| !named.contains(accepted)) {
            Some(accepted) if accepted == "HS256" => bail!(
                "GOTRUE_JWT_VALID_METHODS: HS256 cannot be left out, as keys of older clients are signed with JWT_SECRET"
            ),
            Some(accepted) => bail!(
                "GOTRUE_JWT_VALID_METHODS: {accepted} is left out, and one of the keys is of that algorithm; name it, or \
                 take the key out of GOTRUE_JWT_KEYS (`[]` lets JWT_SECRET sign)"
            ),
            None => Ok(()),
        }
    }

    /// The existing database, if one is named.
    ///
    /// # Errors
    /// When its URL cannot be read.
    pub fn database(&self) -> Result<Option<pg::Target>> {
        let target = self.database_url.as_ref().map(pg::Target::parse).transpose();
        target.with_context(|| self.database_named_by.clone())
    }

    /// The URL at which clients reach the server, without a path.
    pub fn api_url(&self) -> String {
        self.external_url.clone().unwrap_or_else(|| format!("http://{}", self.address()))
    }

    /// The address to bind.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.listen, self.port)
    }

    /// Whether requests must carry an API key.
    pub fn requires_api_key(&self) -> bool {
        self.require_api_key.unwrap_or(!self.listen.is_loopback())
    }

    /// Whether anyone who reaches the server may read the mailbox.
    pub fn opens_mailbox(&self) -> bool {
        self.open_mailbox.unwrap_or(self.listen.is_loopback())
    }
}

/// A setting in the environment, with the name that it was given by.
fn variable(environment: &HashMap<String, String>, name: &str) -> Option<(String, String)> {
    let mut names = table::environment_names(name);
    names.find_map(|name| {
        let value = environment.get(&*name).filter(|value| !value.is_empty())?;
        Some((name.into_owned(), value.clone()))
    })
}

#[cfg(test)]
mod tests;
