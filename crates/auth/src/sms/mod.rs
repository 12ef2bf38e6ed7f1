//! Codes that are sent to phones. As with letters, what is written and what is sent stand or fall together.

mod account;
mod settings;

use std::sync::Arc;

use authkit::sms::{Channel, Provider, Text};
use authkit::template::{TextTemplate, Variables};
use jiff::Timestamp;
use pg::Transaction;
use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::hooks::{self, HookName};
use crate::letters::seconds_left;
use crate::limits::{self, Sending};
use crate::model::one_time_tokens::{self, NewToken, Purpose};
use crate::model::users::User;
use crate::refusal::{Refusal, chain};
use crate::state::State;
use crate::waiting;

pub use account::SmsAccount;
pub use settings::SmsSettings;

/// What stands for the id of a message that was not sent because its code is known.
pub(crate) const TEST_ID: &str = "test-otp";

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

/// A message with a code.
struct Message<'a> {
    number: &'a str,
    digits: &'a str,
    template: &'a str,
    /// What a hook is told that it is about, where that is not one of the account's own codes.
    sms_type: Option<&'static str>,
    /// What the client is told when it fails.
    text: &'static str,
}

/// The provider that makes codes itself, and so alone can check them, where there is one.
pub(crate) fn maker_of_codes(state: &State) -> Option<&Arc<dyn Provider>> {
    let provider = state.outside.sms.as_ref().filter(|provider| provider.makes_codes());
    provider.filter(|_| !state.outside.hooks.has(HookName::SendSms))
}

/// What a request waits for that sends a message.
const PROVIDER: &str = "the provider of messages";

/// Asks a provider that has made a code. One that cannot be asked, or has been asked too often for a number, is told as
/// a wrong code is, or it would tell which numbers somebody has.
pub(crate) async fn check_made_code(provider: &dyn Provider, number: &str, code: &str) -> Result<bool, Error> {
    let checked = waiting::on(PROVIDER, provider.verify(number, code)).await;
    checked.map_err(|error| Refusal::CodeNotChecked(chain(&error)).into())
}

impl Texting<'_> {
    /// Sends a code to the user's number: to confirm it, or to sign in. This and what else strangers may ask for
    /// comes after [`crate::asked`].
    pub(crate) async fn confirmation(&self, tx: &mut Transaction, user: &User) -> Result<Option<String>, Error> {
        self.send(tx, user, Purpose::Confirmation, &user.phone).await
    }

    /// Sends a code to a number that is to be the user's, if the last one is not too recent. The user is locked.
    pub(crate) async fn change(&self, tx: &mut Transaction, user: &User, new: &str) -> Result<Option<String>, Error> {
        self.check_due(user.phone_change_sent_at)?;
        self.change_again(tx, user, new).await
    }

    /// Sends a code to a number that is to be the user's.
    pub(crate) async fn change_again(
        &self,
        tx: &mut Transaction,
        user: &User,
        new: &str,
    ) -> Result<Option<String>, Error> {
        let user = &User { new_phone: new.to_owned(), ..user.clone() };
        self.send(tx, user, Purpose::PhoneChange, new).await
    }

    /// Sends a code that proves presence, if the last one is not too recent. The user is locked.
    pub(crate) async fn reauthentication(&self, tx: &mut Transaction, user: &User) -> Result<Option<String>, Error> {
        self.check_due(user.reauthentication_sent_at)?;
        self.send(tx, user, Purpose::Reauthentication, &user.phone).await
    }

    /// An error when the last code is too recent.
    fn check_due(&self, last: Option<Timestamp>) -> Result<(), Error> {
        let (frequency, now) = (self.state.settings.sms.max_frequency, self.state.clock.now());
        let seconds = last.and_then(|last| seconds_left(last, frequency, now));
        seconds.map_or(Ok(()), |seconds| Err(Refusal::SmsTooSoon(seconds).into()))
    }

    /// Sends a code and notes it; returns the message's id where there is one.
    async fn send(
        &self,
        tx: &mut Transaction,
        user: &User,
        purpose: Purpose,
        number: &str,
    ) -> Result<Option<String>, Error> {
        let text = match purpose {
            Purpose::PhoneChange => "Error sending phone change code",
            Purpose::Reauthentication => "Error sending reauthentication code",
            _ => "Error sending confirmation code",
        };
        let (settings, at) = (&self.state.settings.sms, self.state.clock.now());
        let known = settings.test_code(number, at).map(str::to_owned);
        let digits = known.clone().unwrap_or_else(|| authkit::otp::code(&self.state.random, settings.otp_length));
        let failed = Error::database(text);
        let hash = self.state.code_key.hash(number, &digits);
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
            None => {
                limits::check_sending(self.state, Sending::Message).await?;
                let template = &settings.template;
                self.hand_over(tx, user, Message { number, digits: &digits, template, sms_type: None, text }).await
            }
        }
    }

    /// Sends the code of a challenge to a phone that is a second factor, if the user has not asked for too many.
    /// The limit for all users together does not hold here: it would shut out who has signed in already.
    pub(crate) async fn second_factor(
        &self,
        tx: &mut Transaction,
        user: &User,
        number: &str,
        digits: &str,
    ) -> Result<(), Error> {
        limits::check_factor_messages(self.state, user.id).await?;
        let (template, text) = (&self.state.settings.mfa.phone_template, "Error sending code of the second factor");
        let message = Message { number, digits, template, sms_type: Some("mfa"), text };
        self.hand_over(tx, user, message).await.map(drop)
    }

    /// Hands a message to the hook that replaces all of them, or to the provider.
    async fn hand_over(
        &self,
        tx: &mut Transaction,
        user: &User,
        message: Message<'_>,
    ) -> Result<Option<String>, Error> {
        let Message { number, digits, template, sms_type, text } = message;
        if self.state.outside.hooks.has(HookName::SendSms) {
            let mut input = json!({"user": user, "sms": {"otp": digits, "phone": number}});
            if let Some(sms_type) = sms_type {
                input["sms"]["sms_type"] = json!(sms_type);
            }
            hooks::call(self.state, Some(tx), HookName::SendSms, self.client, input).await?;
            return Ok(None);
        }
        let provider = self.state.outside.sms.as_ref().ok_or(Refusal::NoSmsProvider)?;
        let body = TextTemplate::parse("sms", template)
            .and_then(|template| template.render(&Variables::new().text("Code", digits)))
            .map_err(|error| Error::Internal(text, chain(&error)))?;
        let channel = read_channel(self.channel).unwrap_or_default();
        let message = Text { phone: number.to_owned(), body, code: digits.to_owned(), channel };
        let sent = waiting::on(PROVIDER, provider.send(&message)).await;
        sent.map(Some).map_err(|error| Refusal::SmsNotSent { text, cause: chain(&error) }.into())
    }
}
