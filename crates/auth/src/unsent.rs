//! Letters and messages that are asked for and not sent, because there is no account or nothing to confirm: they
//! come too soon after each other, and are counted, just as those that are sent, so that no limit tells who has an
//! account.

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use crate::contact::Contact;
use crate::error::Error;
use crate::letters::seconds_left;
use crate::limits::{self, Sending};
use crate::model::unsent_letters::{self, Unsent};
use crate::refusal::Refusal;
use crate::state::State;

/// Notes what is not sent; an error when the last of its kind was asked for too recently, or as much as may be sent
/// was sent.
pub(crate) async fn note(state: &State, contact: &Contact, kind: &str) -> Result<(), Error> {
    let frequency = match contact {
        Contact::Email(_) => state.settings.mailer_max_frequency,
        Contact::Phone(_) => state.settings.sms.max_frequency,
    };
    let (text, at) = (contact.email().or(contact.phone()).unwrap_or_default(), state.clock.now());
    let since = SignedDuration::try_from(frequency).ok().and_then(|frequency| at.checked_sub(frequency).ok());
    let contact_hash = Sha256::digest(text);
    let unsent = Unsent { contact: &contact_hash, kind, at, since: since.unwrap_or(at) };
    let last = unsent_letters::note(&state.db, &unsent).await.map_err(Error::database("Unable to process request"))?;
    match (last.and_then(|last| seconds_left(last, frequency, at)), contact) {
        (None, Contact::Email(_)) => limits::check_sending(state, Sending::Mail).await,
        (None, Contact::Phone(_)) => limits::check_sending(state, Sending::Message).await,
        (Some(seconds), Contact::Email(_)) => Err(Error::EmailTooSoon(seconds)),
        (Some(seconds), Contact::Phone(_)) => Err(Refusal::SmsTooSoon(seconds).into()),
    }
}
