//! Protection that asks others: captchas, and passwords known from leaks.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use authkit::breached::{Breached, ListError, Offline, OnFailure, Online};
use authkit::captcha::{Captcha, CaptchaError, Judge};
use authkit::outbound::{self, ClientError};
use authkit::recipient::{MailServers, NamesError, Recipients, Service};
use authkit::strength::{PasswordError, Weakness};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde_json::Value;

use crate::denial::Denial;
use crate::error::Error;
use crate::refusal::chain;
use crate::state::State;
use crate::waiting;

/// What protects the service beyond its database. Without anything, nothing is asked.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// Who judges visitors.
    pub captcha: Option<Captcha>,
    /// Who knows leaked passwords.
    pub breached: Breached,
    /// Where mail may go.
    pub recipients: Recipients,
}

/// Settings of what protects the service.
#[derive(Clone, Debug, Default)]
pub struct ProtectionSettings {
    /// Who judges visitors; nobody, when there is none.
    pub captcha: Option<CaptchaSettings>,
    /// The online service that knows leaked passwords; none is asked, when there is none.
    pub leaks: Option<LeakSettings>,
    /// A sorted list of hashes of leaked passwords on this machine.
    pub leaked_passwords: Option<PathBuf>,
    /// Mail to addresses and hosts that are known to have no reader is refused, and so is mail to hosts that nobody takes
    /// mail for.
    pub extended_email_validation: bool,
    /// Mail servers that do not count then.
    pub blocked_mail_servers: Vec<String>,
    /// The server of names that is asked for them; those of the system, when there is none.
    pub name_server: Option<SocketAddr>,
    /// The service that knows addresses: where it is, and headers of requests; none is asked, when there is none.
    pub email_validation: Option<(String, HeaderMap)>,
}

/// Who judges visitors.
#[derive(Clone, Debug)]
pub struct CaptchaSettings {
    /// Whose service it is.
    pub judge: Judge,
    /// The site's secret.
    pub secret: SecretString,
    /// How long the judge may take.
    pub timeout: Duration,
    /// Where to ask instead of the judge's own address; empty for that.
    pub url: String,
}

/// The online service that knows leaked passwords.
#[derive(Clone, Debug, Default)]
pub struct LeakSettings {
    /// No answer refuses the password, instead of letting it pass.
    pub fail_closed: bool,
    /// How this server names itself; its own name when empty.
    pub user_agent: String,
    /// Where the service is, without a path; the public one when empty.
    pub url: String,
}

/// Why protection cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProtectionError {
    /// No outgoing requests.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The list of leaked passwords.
    #[error(transparent)]
    List(#[from] ListError),
    /// The servers of names.
    #[error(transparent)]
    Names(#[from] NamesError),
}

impl Protection {
    /// Prepares whom to ask.
    ///
    /// # Errors
    /// [`ProtectionError`] for what cannot be used.
    pub async fn prepare(settings: ProtectionSettings) -> Result<Self, ProtectionError> {
        let ProtectionSettings { captcha, leaks, leaked_passwords, email_validation, .. } = settings;
        let mut protection = Self::default();
        if settings.extended_email_validation {
            let servers = MailServers::new(settings.name_server, &settings.blocked_mail_servers)?;
            protection.recipients.mail_servers = Some(servers);
        }
        if let Some(path) = leaked_passwords {
            protection.breached.offline = Some(Offline::open(path).await?);
        }
        if captcha.is_none() && leaks.is_none() && email_validation.is_none() {
            return Ok(protection);
        }
        let client = outbound::client()?;
        protection.recipients.service =
            email_validation.map(|(url, headers)| Service { client: client.clone(), url, headers });
        if let Some(LeakSettings { fail_closed, user_agent, url }) = leaks {
            let online = Online::new(client.clone());
            let base_url = if url.is_empty() { online.base_url } else { url };
            protection.breached.online = Some(Online { user_agent, base_url, ..online });
            protection.breached.on_failure = if fail_closed { OnFailure::Fail } else { OnFailure::Pass };
        }
        protection.captcha = captcha.map(|CaptchaSettings { judge, secret, timeout, url }| Captcha {
            client,
            judge,
            secret,
            timeout,
            url,
        });
        Ok(protection)
    }
}

/// Checks the token that a body carries in `gotrue_meta_security.captcha_token`.
pub(crate) async fn check_captcha(state: &State, fields: &Value, ip: Option<IpAddr>) -> Result<(), Error> {
    let Some(captcha) = &state.protection.captcha else { return Ok(()) };
    let token = fields["gotrue_meta_security"]["captcha_token"].as_str().unwrap_or_default();
    let failed = |text| Denial::telling(StatusCode::BAD_REQUEST, "captcha_failed", text).into();
    waiting::on("the judge of captchas", captcha.check(token, ip)).await.map_err(|error| match error {
        CaptchaError::Missing => failed("captcha protection: request disallowed (no captcha_token found)".to_owned()),
        CaptchaError::Failed { codes } => {
            failed(format!("captcha protection: request disallowed ({})", codes.join(", ")))
        }
        CaptchaError::Unreachable(_) | CaptchaError::NotUnderstood(_) => {
            Error::Internal("captcha verification process failed", chain(&error))
        }
    })
}

impl State {
    /// Checks a new password against the rules and against leaks; all reasons are told at once.
    pub(crate) async fn check_password(&self, password: &str) -> Result<(), Error> {
        let mut weakness = match self.settings.password.check(password) {
            Ok(()) => Weakness { message: String::new(), reasons: Vec::new() },
            Err(PasswordError::Weak(weakness)) => weakness,
            Err(error) => return Err(error.into()),
        };
        let knows = waiting::on("the list of leaked passwords", self.protection.breached.knows(&password.into())).await;
        if knows.map_err(|error| Error::Internal("Internal Server Error", chain(&error)))? {
            let separator = if weakness.message.is_empty() { "" } else { " " };
            weakness.message.push_str(separator);
            weakness.message.push_str("Password is known to be weak and easy to guess, please choose a different one.");
            weakness.reasons.push("pwned");
        }
        if weakness.reasons.is_empty() { Ok(()) } else { Err(Error::WeakPassword(weakness)) }
    }
}
