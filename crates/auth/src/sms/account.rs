//! The account at a provider of messages, as settings give it.

use std::sync::Arc;

use authkit::sms::{Line, MessageBird, Provider, Textlocal, Twilio, TwilioVerify, Vonage};
use secrecy::SecretString;

/// The account at a provider.
#[derive(Clone, Debug)]
pub enum SmsAccount {
    /// Twilio's messages.
    Twilio {
        /// The account.
        account_sid: String,
        /// Its token.
        auth_token: SecretString,
        /// The messaging service or number to send from.
        message_service_sid: String,
        /// The approved text that WhatsApp wants; empty to send our own.
        content_sid: String,
    },
    /// Twilio Verify, which makes and checks codes itself.
    TwilioVerify {
        /// The account.
        account_sid: String,
        /// Its token.
        auth_token: SecretString,
        /// The Verify service.
        message_service_sid: String,
    },
    /// MessageBird.
    MessageBird {
        /// The account's key.
        access_key: SecretString,
        /// Who the messages are from.
        originator: String,
    },
    /// Textlocal.
    Textlocal {
        /// The account's key.
        api_key: SecretString,
        /// Who the messages are from.
        sender: String,
    },
    /// Vonage.
    Vonage {
        /// The account's key.
        api_key: String,
        /// The account's secret.
        api_secret: SecretString,
        /// Who the messages are from.
        from: String,
    },
}

impl SmsAccount {
    /// The provider, reached over a line.
    pub(crate) fn provider(self, line: Line) -> Arc<dyn Provider> {
        match self {
            Self::Twilio { account_sid, auth_token, message_service_sid, content_sid } => {
                Arc::new(Twilio { account_sid, auth_token, message_service_sid, content_sid, line })
            }
            Self::TwilioVerify { account_sid, auth_token, message_service_sid } => {
                Arc::new(TwilioVerify { account_sid, auth_token, message_service_sid, line })
            }
            Self::MessageBird { access_key, originator } => Arc::new(MessageBird { access_key, originator, line }),
            Self::Textlocal { api_key, sender } => Arc::new(Textlocal { api_key, sender, line }),
            Self::Vonage { api_key, api_secret, from } => {
                Arc::new(Vonage { key: api_key, secret: api_secret, from, line })
            }
        }
    }
}
