//! All settings of the server: flags over environment over project file over defaults.

mod accounts;
mod apply;
mod project_file;
pub mod table;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base::project::{PrivateJwk, ProjectKeys};
use secrecy::SecretString;

use table::SETTINGS;

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
    pub trusted_proxies: Vec<IpAddr>,
    /// Refuse requests without an API key; `None`: unless on loopback.
    pub require_api_key: Option<bool>,
    /// Show the mailbox to anyone; `None`: only on loopback.
    pub open_mailbox: Option<bool>,
    /// An existing database.
    pub database_url: Option<SecretString>,
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
}

impl GivenKeys {
    /// Replaces what is given.
    pub fn apply(&self, keys: &mut ProjectKeys) {
        if let Some(secret) = &self.jwt_secret {
            keys.jwt_secret = secret.clone();
        }
        if let Some(jwt_keys) = &self.jwt_keys {
            keys.jwt_keys.clone_from(jwt_keys);
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
            database_port: 54322,
            pg_bin: None,
            pg_user: None,
            prepares: true,
            direct_url: None,
            pool_size: 10,
            external_url: None,
            keys: GivenKeys::default(),
            auth: auth::Settings::default(),
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
        let variable = |name: &str| variable(environment, name);
        if let Some(folder) = flag("VESTIBULE_PROJECT").or_else(|| variable("VESTIBULE_PROJECT")) {
            if !Path::new(&folder).join("supabase").is_dir() {
                bail!("project folder {folder}: it has no folder `supabase`");
            }
            settings.project = Some(folder.into());
        } else if Path::new("supabase").is_dir() {
            settings.project = Some(PathBuf::from("."));
        }
        if let Some(project) = settings.project.clone() {
            settings.read_project_file(&project.join("supabase/config.toml"), environment)?;
        }
        for setting in SETTINGS {
            if let Some(value) = variable(setting.name) {
                settings.apply(setting.name, &value).with_context(|| format!("environment {}", setting.name))?;
            }
            if let Some(value) = flag(setting.name) {
                settings.apply(setting.name, &value).with_context(|| format!("flag for {}", setting.name))?;
            }
        }
        settings.finish()
    }

    fn read_project_file(&mut self, path: &Path, environment: &HashMap<String, String>) -> Result<()> {
        for value in project_file::read(path, environment)? {
            let place = || format!("{}: `{}`", path.display(), value.key);
            self.apply(value.name, &value.text).with_context(place)?;
        }
        Ok(())
    }

    /// Derives what depends on other settings and checks each service's.
    fn finish(mut self) -> Result<Self> {
        let url = self.api_url();
        self.rest.proxy_uri.get_or_insert_with(|| format!("{url}/rest/v1"));
        self.auth.api_external_url = format!("{url}/auth/v1");
        self.auth.jwt_issuer.clone_from(&self.auth.api_external_url);
        self.storage.root = self.home.join("files");
        self.auth.validate().context("settings of accounts")?;
        self.rest.validate().context("settings of the data API")?;
        self.storage.validate().context("settings of storage")?;
        Ok(self)
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

/// A variable by its name, or with our prefix. The names that several programs use for the secret are one.
fn variable(environment: &HashMap<String, String>, name: &str) -> Option<String> {
    let aliases: &[&str] = match name {
        "JWT_SECRET" => &["GOTRUE_JWT_SECRET", "PGRST_JWT_SECRET"],
        _ => &[],
    };
    let prefixed = format!("VESTIBULE_{name}");
    let mut names = [prefixed.as_str(), name].into_iter().chain(aliases.iter().copied());
    names.find_map(|name| environment.get(name).filter(|value| !value.is_empty()).cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[(&'static str, Option<String>)], environment: &[(&str, &str)]) -> Result<Settings> {
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::load(flags, &environment)
    }

    fn project(config: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(folder.path().join("supabase")).expect("a folder");
        std::fs::write(folder.path().join("supabase/config.toml"), config).expect("a file");
        folder
    }

    #[test]
    fn flags_win_over_environment_over_file_over_defaults() {
        let folder = project("[api]\nport = 1001\nmax_rows = 7\nschemas = [\"public\", \"app\"]\n");
        let path = folder.path().display().to_string();
        let environment = [("VESTIBULE_PROJECT", path.as_str()), ("PORT", "1002")];
        let settings = load(&[], &environment).expect("valid settings");
        assert_eq!((settings.port, settings.rest.max_rows, settings.rest.schemas.len()), (1002, Some(7), 2));
        let settings = load(&[("PORT", Some("1003".to_owned()))], &environment).expect("valid settings");
        assert_eq!((settings.port, settings.database_port), (1003, 54322));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        let message =
            |environment: &[(&str, &str)]| format!("{:#}", load(&[], environment).expect_err("a wrong value"));
        assert_eq!(message(&[("PORT", "many")]), "environment PORT: \"many\" is not a port (1 to 65535)");
        let folder = project("[auth]\njwt_expiry = \"soon\"\n");
        let path = folder.path().display().to_string();
        let found = message(&[("VESTIBULE_PROJECT", &path)]);
        assert!(found.ends_with("config.toml: `auth.jwt_expiry`: \"soon\" is not a number of seconds"), "{found}");
        let folder = project("[auth\n");
        let path = folder.path().display().to_string();
        let found = message(&[("VESTIBULE_PROJECT", &path)]);
        assert!(found.contains("config.toml") && found.contains("line 1"), "{found}");
    }

    #[test]
    fn every_setting_of_the_table_is_applied() {
        for setting in SETTINGS {
            let error = Settings::default().apply(setting.name, "\u{1}").err().map(|error| error.to_string());
            assert_ne!(error.as_deref(), Some("there is no such setting"), "{}", setting.name);
        }
    }
}
