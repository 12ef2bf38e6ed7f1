//! All settings of the server: flags over environment over project file over defaults.

mod accounts;
mod apply;
mod dotenv;
mod foreign;
mod names;
mod outside;
mod project_auth;
mod project_file;
pub mod table;
mod values;

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
    /// What accounts reach outside, and whom they ask.
    pub outside: Outside,
    /// Serve accounts alone.
    pub only_accounts: bool,
    /// Serve them without a prefix and without asking for API keys.
    pub no_prefix: bool,
    /// The URL at which clients reach accounts, where it does not follow from that of the server.
    pub auth_external_url: Option<String>,
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
    /// What the environment holds that has no effect, to be logged.
    pub without_effect: Vec<String>,
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
            jwt_methods: None,
            jwt_issuer: None,
            request_id_header: None,
            address_header: None,
            sb_forwarded_for: false,
            by_address: None,
            without_effect: Vec::new(),
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
        if let Some(folder) = flag("VESTIBULE_PROJECT").or_else(|| Some(variable(environment, "VESTIBULE_PROJECT")?.1))
        {
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
        names::check(environment)?;
        for setting in table::all() {
            if let Some((name, value)) = variable(environment, &setting.name) {
                settings.apply(&setting.name, &value).with_context(|| format!("environment {name}"))?;
            }
            if let Some(value) = flag(&setting.name) {
                settings.apply(&setting.name, &value).with_context(|| format!("flag for {}", setting.name))?;
            }
        }
        settings.read_other_names(environment)?;
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
                    "{}: it cannot be on together with GOTRUE_MAILER_AUTOCONFIRM, which is on unless it is set to false",
                    place()
                );
            }
            match foreign::treatment(name) {
                Some(Treatment::NoEffect(why)) => {
                    self.without_effect.push(format!("{name} has no effect here: {why}"));
                }
                Some(Treatment::Never(why)) if value != "[]" => {
                    return Err(anyhow::anyhow!("this cannot be had: {why}")).with_context(place);
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

    fn read_project_file(&mut self, path: &Path, environment: &HashMap<String, String>) -> Result<()> {
        let variables = dotenv::variables(path, environment)?;
        for value in project_file::read(path, &variables)? {
            let place = || format!("{}: `{}`", path.display(), value.key);
            self.apply(value.name, &value.text).with_context(place)?;
        }
        Ok(())
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
        self.outside.settings(&self.auth.site_url)?;
        self.outside.protection()?;
        self.storage.root = self.home.join("files");
        self.auth.validate().map_err(|wrong| match name_of(wrong.setting) {
            Some(name) => anyhow::anyhow!("{name}: {}", wrong.reason),
            None => anyhow::Error::new(wrong).context("settings of accounts"),
        })?;
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

/// The name by which a setting of accounts that cannot be was given.
fn name_of(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "site_url" => "GOTRUE_SITE_URL",
        "api_external_url" => "API_EXTERNAL_URL",
        "uri_allow_list" => "GOTRUE_URI_ALLOW_LIST (`auth.additional_redirect_urls`)",
        "jwt_exp" => "GOTRUE_JWT_EXP (`auth.jwt_expiry`)",
        "jwt_aud" => "GOTRUE_JWT_AUD",
        "jwt_default_role" => "GOTRUE_JWT_DEFAULT_GROUP_NAME",
        "jwt_admin_roles" => "GOTRUE_JWT_ADMIN_ROLES",
        "mailer_otp_length" => "GOTRUE_MAILER_OTP_LENGTH",
        "db_encryption" => "GOTRUE_SECURITY_DB_ENCRYPTION_…",
        "refresh_token_algorithm_version" => "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION",
        "refresh_token_upgrade_percentage" => "GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE",
        "sms.otp_length" => "GOTRUE_SMS_OTP_LENGTH",
        "sms.test_otp" => "GOTRUE_SMS_TEST_OTP (`auth.sms.test_otp`)",
        "sms.template" => "GOTRUE_SMS_TEMPLATE (`auth.sms.template`)",
        "mfa.phone_otp_length" => "GOTRUE_MFA_PHONE_OTP_LENGTH",
        "mfa.phone_template" => "GOTRUE_MFA_PHONE_TEMPLATE (`auth.mfa.phone.template`)",
        "password.min_length" => "GOTRUE_PASSWORD_MIN_LENGTH (`auth.minimum_password_length`)",
        _ => return None,
    })
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
    fn algorithms_that_are_accepted_must_be_named() {
        let secret_alone = Keyring::new(b"a secret that is long enough for it", Vec::new());
        let keys = ProjectKeys::generate(&base::Random::seeded(1), &base::Clock::system());
        let with_key = keys.keyring().expect("keys");
        let check = |methods: &str, keyring: &Keyring| {
            let settings = load(&[], &[("GOTRUE_JWT_VALID_METHODS", methods)]).expect("valid settings");
            settings.check_methods(keyring).map_err(|error| error.to_string())
        };
        assert_eq!(check("HS256,RS256,ES256", &secret_alone), Ok(()));
        assert_eq!(check("HS256, ES256", &with_key), Ok(()));
        assert_eq!(check("", &with_key), Ok(()));
        assert!(check("HS256", &with_key).expect_err("ES256 is accepted").contains(": ES256 is left out"));
        assert!(check("ES256", &with_key).expect_err("HS256 is accepted").contains(": HS256 cannot be left out"));
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

    /// The keys and values that a new project's file has, secrets that nobody has set included.
    const NEW_PROJECT: &str = r#"
        project_id = "app"
        [api]
        enabled = true
        port = 54321
        schemas = ["public", "graphql_public"]
        [edge_runtime]
        policy = "per_worker"
        [auth]
        enabled = true
        site_url = "http://127.0.0.1:3000"
        additional_redirect_urls = ["https://127.0.0.1:3000"]
        jwt_expiry = 3600
        enable_refresh_token_rotation = true
        refresh_token_reuse_interval = 10
        enable_signup = true
        enable_anonymous_sign_ins = false
        enable_manual_linking = false
        minimum_password_length = 6
        password_requirements = ""
        [auth.rate_limit]
        email_sent = 2
        sms_sent = 30
        anonymous_users = 30
        token_refresh = 150
        sign_in_sign_ups = 30
        token_verifications = 30
        web3 = 30
        [auth.email]
        enable_signup = true
        double_confirm_changes = true
        enable_confirmations = false
        secure_password_change = false
        max_frequency = "1s"
        otp_length = 6
        otp_expiry = 3600
        [auth.sms]
        enable_signup = false
        enable_confirmations = false
        template = "Your code is {{ .Code }}"
        max_frequency = "5s"
        [auth.sms.twilio]
        enabled = false
        account_sid = ""
        message_service_sid = ""
        auth_token = "env(NOBODY_SET_THIS)"
        [auth.mfa]
        max_enrolled_factors = 10
        [auth.mfa.totp]
        enroll_enabled = false
        verify_enabled = false
        [auth.mfa.phone]
        enroll_enabled = false
        verify_enabled = false
        otp_length = 6
        template = "Your code is {{ .Code }}"
        max_frequency = "5s"
        [auth.external.apple]
        enabled = false
        client_id = ""
        secret = "env(NOBODY_SET_THIS)"
        redirect_uri = ""
        url = ""
        skip_nonce_check = false
        email_optional = false
        [auth.web3.solana]
        enabled = false
        [auth.third_party.firebase]
        enabled = false
        [auth.third_party.auth0]
        enabled = false
        [auth.third_party.aws_cognito]
        enabled = false
        [auth.third_party.clerk]
        enabled = false
        [auth.oauth_server]
        enabled = false
        authorization_url_path = "/oauth/consent"
        allow_dynamic_registration = false
    "#;

    #[test]
    fn a_new_project_starts() {
        let folder = project(NEW_PROJECT);
        let path = folder.path().display().to_string();
        let settings = load(&[], &[("VESTIBULE_PROJECT", &path)]).expect("valid settings");
        assert_eq!(settings.auth.rate_limits.email_sent.count, 2);
        assert!(!settings.auth.mfa.totp_enroll_enabled && !settings.auth.rate_limits.per_address);
        assert_eq!(settings.auth.sms.max_frequency.as_secs(), 5);
    }

    #[test]
    fn urls_of_accounts_follow_from_where_they_are() {
        let url = |environment: &[(&str, &str)]| {
            let settings = load(&[], environment).expect("valid settings");
            (settings.auth.api_external_url, settings.auth.jwt_issuer)
        };
        let pair = |url: &str, issuer: &str| (url.to_owned(), issuer.to_owned());
        let external = ("API_EXTERNAL_URL", "https://a.example/x");
        assert_eq!(url(&[external]), pair("https://a.example/x/auth/v1", "https://a.example/x/auth/v1"));
        let alone = [external, ("VESTIBULE_ONLY", "auth"), ("VESTIBULE_NO_PREFIX", "1"), ("GOTRUE_JWT_ISSUER", "me")];
        assert_eq!(url(&alone), pair("https://a.example/x", "me"));
        let error = load(&[], &[("VESTIBULE_NO_PREFIX", "1")]).expect_err("several services without prefixes");
        assert!(error.to_string().contains("--only auth"));
    }

    #[test]
    fn the_secret_signs_where_it_has_a_name_or_others_share_it() {
        let keys = |environment: &[(&str, &str)]| {
            let mut all = vec![("JWT_SECRET", "0123456789abcdef0123456789abcdef")];
            all.extend(environment);
            let mut keys = testkit::project_keys();
            load(&[], &all).expect("valid settings").keys.apply(&mut keys);
            let token = keys.keyring().expect("valid keys").sign(&serde_json::json!({}));
            let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).expect("a header");
            serde_json::from_slice::<serde_json::Value>(&header).expect("JSON")
        };
        assert_eq!(keys(&[])["alg"], "ES256");
        let named = keys(&[("GOTRUE_JWT_KEY_ID", "one")]);
        assert_eq!((&named["alg"], &named["kid"]), (&"HS256".into(), &"one".into()));
        assert_eq!(keys(&[("VESTIBULE_ONLY", "auth"), ("VESTIBULE_NO_PREFIX", "1")])["alg"], "HS256");
    }

    #[test]
    fn every_setting_of_the_table_is_applied() {
        for setting in table::all() {
            let error = Settings::default().apply(&setting.name, "\u{1}").err().map(|error| error.to_string());
            assert_ne!(error.as_deref(), Some("there is no such setting"), "{}", setting.name);
        }
    }
}
