//! Accounts at the providers of messages to phones.

use anyhow::{Result, bail};
use auth::SmsAccount;
use secrecy::ExposeSecret;

use super::Outside;

/// The fields of each provider's account; those behind the bar may be missing.
pub(in super::super) const PROVIDERS: [(&str, &[&str], &[&str]); 5] = [
    ("twilio", &["account_sid", "auth_token", "message_service_sid"], &["content_sid"]),
    ("twilio_verify", &["account_sid", "auth_token", "message_service_sid"], &[]),
    ("messagebird", &["access_key", "originator"], &[]),
    ("textlocal", &["api_key", "sender"], &[]),
    ("vonage", &["api_key", "api_secret", "from"], &[]),
];

impl Outside {
    /// The account at the provider that is named, if one is.
    ///
    /// # Errors
    /// What is missing, by its name.
    pub(super) fn sms_account(&self) -> Result<Option<SmsAccount>> {
        let provider = self.sms_provider.as_str();
        let Some((_, required, _)) = PROVIDERS.iter().find(|(known, ..)| *known == provider) else {
            return Ok(None);
        };
        let secret = |field: &str| {
            let name = format!("{provider}_{field}").to_ascii_uppercase();
            self.sms_account.get(&name).cloned().unwrap_or_default()
        };
        for field in *required {
            if secret(field).expose_secret().is_empty() {
                let name = format!("GOTRUE_SMS_{provider}_{field}").to_ascii_uppercase();
                bail!(
                    "messages go through {provider}, and {name} (`auth.sms.{provider}.{field}`) is missing; what the \
                     project file says counts with `enabled = true` beside it"
                );
            }
        }
        let text = |field: &str| secret(field).expose_secret().to_owned();
        Ok(Some(match provider {
            "twilio" => SmsAccount::Twilio {
                account_sid: text("account_sid"),
                auth_token: secret("auth_token"),
                message_service_sid: text("message_service_sid"),
                content_sid: text("content_sid"),
            },
            "twilio_verify" => SmsAccount::TwilioVerify {
                account_sid: text("account_sid"),
                auth_token: secret("auth_token"),
                message_service_sid: text("message_service_sid"),
            },
            "messagebird" => {
                SmsAccount::MessageBird { access_key: secret("access_key"), originator: text("originator") }
            }
            "textlocal" => SmsAccount::Textlocal { api_key: secret("api_key"), sender: text("sender") },
            _ => SmsAccount::Vonage { api_key: text("api_key"), api_secret: secret("api_secret"), from: text("from") },
        }))
    }
}

/// Whether a name, without what all begin with, is one of an account.
pub(super) fn is_field(name: &str) -> bool {
    PROVIDERS.iter().any(|(provider, required, optional)| {
        let fields = required.iter().chain(*optional);
        fields.into_iter().any(|field| format!("{provider}_{field}").eq_ignore_ascii_case(name))
    })
}
