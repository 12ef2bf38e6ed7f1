//! Codes that are sent to phones. As with letters, what is written and what is sent stand or fall together.

mod account;
mod settings;

use authkit::sms::{Channel, Text};
use authkit::template::{TextTemplate, Variables};
use pg::Transaction;
use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::hooks::{self, HookName};
use crate::letters::seconds_left;
use crate::model::one_time_tokens::{self, NewToken, Purpose};
use crate::model::users::User;
use crate::one_time;
use crate::refusal::{Refusal, chain};
use crate::state::State;

pub use account::SmsAccount;
pub use settings::SmsSettings;

/// What stands for the id of a message that was not sent because its code is known.
const TEST_ID: &str = "test-otp";

/// What all messages of a request have in common.
pub(crate) struct Texting<'a> {
    pub(crate) state: &'a State,
    pub(crate) client: &'a Client,
    /// `sms` or `whatsapp`; empty for the first.
    pub(crate) channel: &'a str,
}

/// Checks how somebody wants to be reached. A hook decides for itself what it can.
pub(crate) fn check_channel(state: &State, channel: &str) -> Result<(), Error> {
    if state.outside.hooks.has(HookName::SendSms) {
        return Ok(());
    }
    match read_channel(channel) {
        Some(Channel::Sms) => Ok(()),
        Some(channel) if state.outside.sms.as_ref().is_some_and(|provider| provider.knows(channel)) => Ok(()),
        _ => Err(Error::validation("Invalid channel, supported values are 'sms' or 'whatsapp'.")),
    }
}

fn read_channel(channel: &str) -> Option<Channel> {
    if channel.is_empty() { Some(Channel::Sms) } else { Channel::parse(channel) }
}

/// Checks a number and brings it into the form in which it is stored.
pub(crate) fn check_number(number: &str) -> Result<String, Error> {
    authkit::address::phone(number).ok_or_else(|| Error::validation("Invalid phone number format (E.164 required)"))
}

impl Texting<'_> {
    /// Sends a code to the user's number: to confirm it, or to sign in.
    pub(crate) async fn confirmation(&self, tx: &mut Transaction, user: &User) -> Result<Option<String>, Error> {
        self.send(tx, user, Purpose::Confirmation, &user.phone).await
    }

    /// Sends a code to a number that is to be the user's.
    pub(crate) async fn change(&self, tx: &mut Transaction, user: &User, new: &str) -> Result<Option<String>, Error> {
        self.send(tx, user, Purpose::PhoneChange, new).await
    }

    /// Sends a code that proves presence.
    pub(crate) async fn reauthentication(&self, tx: &mut Transaction, user: &User) -> Result<Option<String>, Error> {
        self.send(tx, user, Purpose::Reauthentication, &user.phone).await
    }

    /// Sends a code and notes it; returns the message's id where there is one.
    async fn send(
        &self,
        tx: &mut Transaction,
        user: &User,
        purpose: Purpose,
        number: &str,
    ) -> Result<Option<String>, Error> {
        let (text, last) = match purpose {
            Purpose::PhoneChange => ("Error sending phone change code", user.phone_change_sent_at),
            Purpose::Reauthentication => ("Error sending reauthentication code", user.reauthentication_sent_at),
            _ => ("Error sending confirmation code", user.confirmation_sent_at),
        };
        let (settings, at) = (&self.state.settings.sms, self.state.clock.now());
        if let Some(seconds) = last.and_then(|last| seconds_left(last, settings.max_frequency, at)) {
            return Err(Refusal::SmsTooSoon(seconds).into());
        }
        let known = settings.test_code(number, at).map(str::to_owned);
        let digits = known.clone().unwrap_or_else(|| authkit::otp::code(&self.state.random, settings.otp_length));
        let failed = Error::database(text);
        let hash = one_time::hash(number, &digits);
        match purpose {
            Purpose::PhoneChange => one_time_tokens::sent_phone_change(tx, user.id, (number, &hash), at).await,
            Purpose::Reauthentication => one_time_tokens::sent_reauthentication(tx, user.id, &hash, at).await,
            _ => one_time_tokens::sent_confirmation(tx, user.id, &hash, at).await,
        }
        .map_err(&failed)?;
        let id = self.state.random.uuid();
        let token = NewToken { id, user_id: user.id, purpose, hash: &hash, relates_to: number, at };
        one_time_tokens::put(tx, &token).await.map_err(&failed)?;
        match known {
            Some(_) => Ok(Some(TEST_ID.to_owned())),
            None => self.hand_over(tx, user, (number, &digits), text).await,
        }
    }

    /// Hands a message to the hook that replaces all of them, or to the provider.
    async fn hand_over(
        &self,
        tx: &mut Transaction,
        user: &User,
        (number, digits): (&str, &str),
        text: &'static str,
    ) -> Result<Option<String>, Error> {
        if self.state.outside.hooks.has(HookName::SendSms) {
            let input = json!({"user": user, "sms": {"otp": digits, "phone": number}});
            hooks::call(self.state, Some(tx), HookName::SendSms, self.client, input).await?;
            return Ok(None);
        }
        let provider = self.state.outside.sms.as_ref().ok_or(Refusal::NoSmsProvider)?;
        let body = TextTemplate::parse("sms", &self.state.settings.sms.template)
            .and_then(|template| template.render(&Variables::new().text("Code", digits)))
            .map_err(|error| Error::Internal(text, chain(&error)))?;
        let channel = read_channel(self.channel).unwrap_or_default();
        let message = Text { phone: number.to_owned(), body, code: digits.to_owned(), channel };
        let sent = provider.send(&message).await;
        sent.map(Some).map_err(|error| Refusal::SmsNotSent { text, cause: chain(&error) }.into())
    }
}
