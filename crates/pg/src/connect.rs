//! Where the database is and how to log in: the connection string, TLS, and connections with their messages.

use std::future::poll_fn;
use std::net::IpAddr;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::mpsc;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;
use crate::connection_string::{adapt, reason};

/// How many notices and notifications of one connection may wait to be read; later ones are dropped.
const WAITING_MESSAGES: usize = 1024;

/// A database and a role to log in as.
#[derive(Clone)]
pub struct Target {
    config: Config,
    dropped: Vec<&'static str>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let config = &self.config;
        write!(f, "Target({:?} on {:?} port {:?})", config.get_user(), config.get_hosts(), config.get_ports())
    }
}

impl Target {
    /// Reads a connection string: `postgres://user:password@host:port/database?sslmode=…` or `key=value` pairs.
    ///
    /// # Errors
    /// [`Error::Settings`] with the parameter that is wrong, and without the string, which holds a password.
    pub fn parse(url: &SecretString) -> Result<Self, Error> {
        let url = url.expose_secret();
        let adapted = adapt(url);
        let mut config = Config::from_str(&adapted.text)
            .map_err(|error| Error::Settings(format!("the database URL is not valid: {}", reason(url, &error))))?;
        if config.get_application_name().is_none() {
            config.application_name("vestibule");
        }
        // `prefer`, the default, would read the system's certificates and ask for TLS that protects nothing on the
        // way to this very machine. `require` is honoured.
        if config.get_ssl_mode() == SslMode::Prefer && is_local(&config) {
            config.ssl_mode(SslMode::Disable);
        }
        Ok(Self { config, dropped: adapted.dropped })
    }

    /// Parameters of the connection string that have no effect.
    #[must_use]
    pub fn dropped(&self) -> &[&'static str] {
        &self.dropped
    }

    /// The same with another configuration.
    fn with(&self, config: Config) -> Self {
        Self { config, dropped: self.dropped.clone() }
    }

    /// The same database, logged in as another role.
    #[must_use]
    pub fn as_role(&self, role: &str, password: &SecretString) -> Self {
        let mut config = self.config.clone();
        config.user(role).password(password.expose_secret());
        self.with(config)
    }

    /// Another database of the same server.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        let mut config = self.config.clone();
        config.dbname(database);
        self.with(config)
    }

    /// The same target with session settings that each connection starts with, such as `search_path`.
    #[must_use]
    pub fn with_session_settings(&self, settings: &[(&str, &str)]) -> Self {
        let escape = |value: &str| value.replace('\\', "\\\\").replace(' ', "\\ ");
        let mut options = self.config.get_options().unwrap_or_default().to_owned();
        for (name, value) in settings {
            options.push_str(&format!(" -c {name}={}", escape(value)));
        }
        let mut config = self.config.clone();
        config.options(options.trim());
        self.with(config)
    }

    /// The role that connections log in as.
    #[must_use]
    pub fn role(&self) -> &str {
        self.config.get_user().unwrap_or("postgres")
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or_else(|| self.role())
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The TLS connector, or `None` where the target asks for none.
    ///
    /// # Errors
    /// [`Error::Settings`] when the system's certificates cannot be read.
    pub(crate) fn tls(&self) -> Result<Option<MakeRustlsConnect>, Error> {
        if self.config.get_ssl_mode() == SslMode::Disable {
            return Ok(None);
        }
        let mut roots = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Settings(format!("TLS: {error}")))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Some(MakeRustlsConnect::new(config)))
    }

    /// One connection of its own. Its notices and notifications arrive in the receiver, which ends with it.
    ///
    /// # Errors
    /// [`Error::Connect`] when the server cannot be reached or refuses.
    pub(crate) async fn connect(&self) -> Result<(Client, mpsc::Receiver<AsyncMessage>), Error> {
        match self.tls()? {
            Some(tls) => connect_with(&self.config, tls).await,
            None => connect_with(&self.config, NoTls).await,
        }
    }
}

/// Whether all hosts are this machine.
fn is_local(config: &Config) -> bool {
    let is_loopback = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()),
        Host::Unix(_) => true,
    };
    config.get_hosts().iter().all(is_loopback) && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

async fn connect_with<T>(config: &Config, tls: T) -> Result<(Client, mpsc::Receiver<AsyncMessage>), Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = config.connect(tls).await.map_err(|error| Error::Connect(error.into()))?;
    let (sender, receiver) = mpsc::channel(WAITING_MESSAGES);
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                // A full channel drops the message: a statement may raise notices without end.
                Ok(message) => drop(sender.try_send(message)),
                Err(error) => {
                    tracing::debug!(%error, "a database connection ended");
                    return;
                }
            }
        }
    });
    Ok((client, receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_do_not_print_passwords_and_bad_urls_are_not_echoed() {
        let target = Target::parse(&"postgres://me:hunter2@127.0.0.1:5/db".to_owned().into()).expect("a valid URL");
        assert!(!format!("{target:?}").contains("hunter2"));
        assert_eq!((target.role(), target.database()), ("me", "db"));
        let error = Target::parse(&"postgres://me:hunter2@127.0.0.1:x/db".to_owned().into()).expect_err("a bad port");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn what_is_wrong_with_a_url_is_named() {
        let wrong = |url: &str| Target::parse(&url.to_owned().into()).expect_err("not valid").to_string();
        assert!(wrong("postgres://me:hunter2@h/db?colour=red").contains("`colour`"));
        assert!(wrong("postgres://me:hunter2@h/db?sslmode=maybe").contains("`sslmode`"));
        let pairs = wrong("host=h password=two words=x");
        assert!(pairs.ends_with("invalid connection string"), "{pairs}");
        let target = Target::parse(&"postgres://me@h/db?search_path=auth&connect_timeout=3".to_owned().into());
        assert_eq!(target.expect("valid").dropped(), ["search_path"]);
    }

    #[test]
    fn tls_is_tried_only_on_the_way_to_other_machines() {
        let mode = |url: &str| Target::parse(&url.to_owned().into()).expect("a valid URL").config.get_ssl_mode();
        assert_eq!(mode("postgres://me@127.0.0.1/db"), SslMode::Disable);
        assert_eq!(mode("postgres://me@localhost/db"), SslMode::Disable);
        assert_eq!(mode("postgres://me@127.0.0.1/db?sslmode=require"), SslMode::Require);
        assert_eq!(mode("postgres://me@db.example.com/db?sslmode=verify-full"), SslMode::Require);
        assert_eq!(mode("postgres://me@db.example.com/db"), SslMode::Prefer);
        assert_eq!(mode("postgres://me@127.0.0.1,db.example.com/db"), SslMode::Prefer);
    }
}
