//! Mail through an SMTP server.

mod near;

use std::time::Duration;

use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::compose::compose;
use super::{MailError, Mailer, Message, Sending};
use near::{Bare, is_here, is_near};

/// The port on which TLS begins before SMTP does.
const SUBMISSIONS_PORT: u16 = 465;

/// How the connection is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// TLS from the start on port 465. Elsewhere STARTTLS, which must succeed when there are credentials to protect
    /// and the server is not on this machine, and else is used when offered. A server nearby that knows no accounts gets
    /// mail without credentials, encrypted where it offers that.
    #[default]
    Auto,
    /// TLS from the start.
    Tls,
    /// STARTTLS, which must succeed.
    StartTls,
    /// Nothing is encrypted.
    Plain,
}

impl Security {
    /// Reads the name that settings use: `auto`, `tls`, `starttls`, `plain`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "tls" => Some(Self::Tls),
            "starttls" => Some(Self::StartTls),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }
}

/// Which server sends mail.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The account; empty for none.
    pub user: String,
    /// The account's password.
    pub password: SecretString,
    /// How the connection is encrypted.
    pub security: Security,
    /// The name that this server greets with; its loopback address when empty.
    pub greeting: String,
    /// How many connections are held at most.
    pub connections: u32,
    /// How long sending a mail may take.
    pub timeout: Duration,
}

impl Default for SmtpSettings {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 587,
            user: String::new(),
            password: SecretString::default(),
            security: Security::Auto,
            greeting: String::new(),
            connections: 4,
            timeout: Duration::from_secs(10),
        }
    }
}

/// Sends mail through an SMTP server over connections that are kept. Cheap to clone.
#[derive(Clone)]
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    /// What is used where the server turns out to know no accounts.
    bare: Option<Bare>,
    host: String,
    timeout: Duration,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Smtp {
    /// Prepares sending; connects only when there is something to send. Needs a running tokio runtime.
    ///
    /// # Errors
    /// [`MailError::Insecure`] when no certificate authorities are known.
    pub fn new(settings: &SmtpSettings) -> Result<Self, MailError> {
        Self::trusting(settings, &|host| TlsParameters::new(host.to_owned()))
    }

    /// The same with a choice of certificate authorities.
    fn trusting(settings: &SmtpSettings, trust: Trust<'_>) -> Result<Self, MailError> {
        let mut builder = transport(settings, tls(settings, settings.security, trust)?);
        let mut bare = None;
        if !settings.user.is_empty() {
            let (user, password) = (settings.user.clone(), settings.password.expose_secret().to_owned());
            builder = builder.credentials(Credentials::new(user, password));
            let is_auto = settings.security == Security::Auto && settings.port != SUBMISSIONS_PORT;
            if is_auto && is_near(&settings.host) {
                let parameters = trust(&settings.host).map_err(MailError::Insecure)?;
                bare = Some(Bare::new(settings, transport(settings, Tls::Opportunistic(parameters)).build()));
            }
        }
        Ok(Self { transport: builder.build(), bare, host: settings.host.clone(), timeout: settings.timeout })
    }
}

/// Connections to the server without credentials.
fn transport(settings: &SmtpSettings, tls: Tls) -> AsyncSmtpTransportBuilder {
    let pool = PoolConfig::new().max_size(settings.connections.max(1)).idle_timeout(Duration::from_secs(60));
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(settings.host.as_str())
        .port(settings.port)
        .tls(tls)
        .timeout(Some(settings.timeout))
        .pool_config(pool)
        .hello_name(hello(settings))
}

/// What the server is greeted with.
fn hello(settings: &SmtpSettings) -> ClientId {
    match settings.greeting.as_str() {
        "" => ClientId::default(),
        greeting => ClientId::Domain(greeting.to_owned()),
    }
}

/// Makes the parameters of a connection to a host.
type Trust<'a> = &'a dyn Fn(&str) -> Result<TlsParameters, lettre::transport::smtp::Error>;

fn tls(settings: &SmtpSettings, security: Security, trust: Trust<'_>) -> Result<Tls, MailError> {
    let parameters = || trust(&settings.host).map_err(MailError::Insecure);
    Ok(match security {
        Security::Plain => Tls::None,
        Security::Tls => Tls::Wrapper(parameters()?),
        Security::StartTls => Tls::Required(parameters()?),
        Security::Auto if settings.port == SUBMISSIONS_PORT => Tls::Wrapper(parameters()?),
        Security::Auto if settings.user.is_empty() || is_here(&settings.host) => Tls::Opportunistic(parameters()?),
        Security::Auto => Tls::Required(parameters()?),
    })
}

impl Mailer for Smtp {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            let message = compose(message)?;
            match tokio::time::timeout(self.timeout, self.hand_over(&message)).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(self.failure(error)),
                Err(_) => Err(MailError::Timeout(self.timeout.as_secs())),
            }
        })
    }
}

impl Smtp {
    async fn hand_over(&self, message: &lettre::Message) -> Result<(), lettre::transport::smtp::Error> {
        let (envelope, text) = (message.envelope(), message.formatted());
        let Err(error) = self.transport.send_raw(envelope, &text).await else { return Ok(()) };
        match &self.bare {
            Some(bare) if error.is_client() && bare.is_what_it_takes().await => {
                bare.transport.send_raw(envelope, &text).await.map(drop)
            }
            _ => Err(error),
        }
    }

    fn failure(&self, error: lettre::transport::smtp::Error) -> MailError {
        if error.is_timeout() {
            MailError::Timeout(self.timeout.as_secs())
        } else if error.is_tls() {
            MailError::Insecure(error)
        } else if error.is_transient() {
            MailError::Later(error)
        } else if error.is_permanent() {
            MailError::Refused(error)
        } else if error.is_client() {
            MailError::Unsupported(error)
        } else {
            MailError::Unreachable(error)
        }
    }
}

#[cfg(test)]
mod tests;
