//! What the service reaches outside of itself and its database: the mail server, templates, the sender of
//! messages to phones, hooks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authkit::hook;
use authkit::mailer::{MailError, Mailer, Smtp, SmtpSettings};
use authkit::outbound::{self, ClientError};
use authkit::sms::{Line, Provider};
use authkit::template::{Catalogue, CatalogueError, Definition, Kind, Reading, Unusable};
use base::{Clock, Random};

use crate::hooks::{HookName, HookSetting, Registry};
use crate::sms::SmsAccount;

/// Settings of what is outside.
#[derive(Clone, Debug, Default)]
pub struct OutsideSettings {
    /// The mail server. Without one the mailbox keeps all mail.
    pub smtp: Option<SmtpSettings>,
    /// The letters that replace those that are built in.
    pub templates: Vec<TemplateSetting>,
    /// How templates are read.
    pub reading: Reading,
    /// The hooks that are on.
    pub hooks: BTreeMap<HookName, HookSetting>,
    /// Who sends messages to phones.
    pub sms: Option<SmsAccount>,
    /// Where that provider is, without a path, when not at its own address.
    pub sms_url: String,
    /// How long that provider may take; its 10 seconds when there is no time.
    pub sms_timeout: Option<Duration>,
}

impl OutsideSettings {
    /// The same with less patience than a request has, so that the request can still tell who did not answer.
    #[must_use]
    pub fn within(mut self, request: Duration) -> Self {
        if !request.is_zero() {
            let most = request.mul_f64(PATIENCE);
            if let Some(smtp) = &mut self.smtp {
                smtp.timeout = smtp.timeout.min(most);
            }
            self.sms_timeout = Some(self.sms_timeout.unwrap_or(authkit::sms::PATIENCE).min(most));
        }
        self
    }
}

/// The part of a request's time that one server outside gets.
const PATIENCE: f64 = 0.6;

/// A letter that replaces the one that is built in.
#[derive(Clone, Debug)]
pub struct TemplateSetting {
    /// The language that it is for; all, when there is none.
    pub locale: Option<String>,
    /// What it is about.
    pub kind: Kind,
    /// Its texts.
    pub definition: Definition,
}

/// Why what is outside cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// No outgoing requests.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A template is broken or missing.
    #[error("letter {:?}", kind.name())]
    Template {
        /// The language that it is for; all, when there is none.
        locale: Option<String>,
        /// The letter.
        kind: Kind,
        /// What is wrong.
        #[source]
        cause: Box<CatalogueError>,
    },
    /// The mail server's settings cannot be used.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The address or the secrets of a hook.
    #[error("hook {0}: {1}")]
    Hook(&'static str, String),
}

/// What is outside, ready to be used. Without anything: the built-in letters go to the mailbox, phones get no
/// messages, there are no hooks.
#[derive(Debug, Default)]
pub struct Outside {
    pub(crate) catalogue: Option<Catalogue>,
    pub(crate) mailer: Option<Arc<dyn Mailer>>,
    pub(crate) sms: Option<Arc<dyn Provider>>,
    pub(crate) hooks: Registry,
}

impl Outside {
    /// Reads templates and prepares senders. Needs a running tokio runtime.
    ///
    /// # Errors
    /// [`OutsideError`] for the first setting that cannot be used.
    pub async fn prepare(settings: OutsideSettings, clock: Clock, random: Random) -> Result<Self, OutsideError> {
        let OutsideSettings { smtp, templates, reading, hooks, sms, sms_url, sms_timeout } = settings;
        let mailer = match smtp {
            Some(smtp) => Some(Arc::new(Smtp::new(&smtp)?) as Arc<dyn Mailer>),
            None => None,
        };
        if templates.is_empty() && hooks.is_empty() && sms.is_none() {
            // The client costs memory, which a server that calls nobody does without.
            return Ok(Self { mailer, ..Self::default() });
        }
        let client = outbound::client()?;
        let reader = if templates.is_empty() { client.clone() } else { outbound::following()? };
        let mut catalogue = Catalogue::new(reader, clock.clone(), reading);
        for TemplateSetting { locale, kind, definition } in templates {
            let defined = catalogue.define(locale.as_deref(), kind, definition);
            defined.map_err(|cause| OutsideError::Template { locale, kind, cause: Box::new(cause) })?;
        }
        let loaded = catalogue.load().await;
        loaded.map_err(|Unusable { locale, kind, cause }| OutsideError::Template {
            locale,
            kind,
            cause: Box::new(cause),
        })?;
        let line = Line::new(client.clone());
        let line = Line { base_url: sms_url, timeout: sms_timeout.unwrap_or(line.timeout), ..line };
        let sms = sms.map(|account| account.provider(line));
        let caller = hook::Hooks { client, clock, random, limits: hook::Limits::default() };
        let hooks = Registry::new(&hooks, caller)?;
        Ok(Self { catalogue: Some(catalogue), mailer, sms, hooks })
    }

    /// Whether a hook, or the server or provider that does its work where there is none, is reached over the network.
    pub(crate) fn is_far(&self, name: HookName) -> bool {
        match name {
            _ if self.hooks.has(name) => self.hooks.is_far(name),
            HookName::SendEmail => self.mailer.is_some(),
            HookName::SendSms => self.sms.is_some(),
            HookName::CustomAccessToken
            | HookName::MfaVerificationAttempt
            | HookName::PasswordVerificationAttempt
            | HookName::BeforeUserCreated
            | HookName::AfterUserCreated => false,
        }
    }

    /// Sends mail this way.
    #[must_use]
    pub fn with_mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// Sends messages to phones this way.
    #[must_use]
    pub fn with_sms(mut self, sms: Arc<dyn Provider>) -> Self {
        self.sms = Some(sms);
        self
    }
}
