//! Letters and messages that anybody may ask for, knowing no more than an address or number. They come too soon after
//! each other, and are counted, whether they are sent or not, so that no limit tells who has an account.
//!
//! What a request sends depends on the account: `/otp` confirms a new or unconfirmed one and signs a confirmed one in,
//! which shares its frequency with `/recover`. Since that must not show, it is limited as both.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::contact::Contact;
use crate::error::Error;
use crate::letters::{self, seconds_left};
use crate::limits::{self, Sending};
use crate::model::letters_asked::{self, Asking, Times};
use crate::refusal::Refusal;
use crate::state::State;

/// How much longer than the least time between two letters it is known when they were asked for: as much as the clocks
/// of servers on one database may differ.
const KEPT: SignedDuration = SignedDuration::from_mins(5);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Confirmation,
    Recovery,
    /// What confirms or signs in.
    SignIn,
    /// What changes the address or number.
    Change,
}

impl Kind {
    fn times(self) -> Times {
        Times {
            confirmation: matches!(self, Self::Confirmation | Self::SignIn),
            recovery: matches!(self, Self::Recovery | Self::SignIn),
            change: self == Self::Change,
        }
    }
}

/// A letter or message that was asked for, and not too soon.
#[must_use = "what fails is taken back by closing it"]
pub(crate) struct Asked<'a> {
    state: &'a State,
    contact: &'a Contact,
    hash: Vec<u8>,
    times: Times,
    at: Timestamp,
}

impl<'a> Asked<'a> {
    /// Notes what is asked for, and when. An error when mail cannot go there, or the last one was asked for too
    /// recently.
    pub(crate) async fn note(
        state: &'a State,
        contact: &'a Contact,
        (kind, at): (Kind, Timestamp),
    ) -> Result<Self, Error> {
        if let Contact::Email(email) = contact {
            letters::check_recipient(state, email).await?;
        }
        let frequency = frequency(state, contact);
        let text = contact.email().or(contact.phone()).unwrap_or_default();
        let longest = state.settings.mailer_max_frequency.max(state.settings.sms.max_frequency);
        // Without a least time, no two are compared: another server's clock, or another request, may be ahead.
        let since = (!frequency.is_zero()).then(|| before(at, frequency));
        let kept_since = before(at, longest).saturating_sub(KEPT);
        let (hash, times) = (Sha256::digest(text).to_vec(), kind.times());
        let asking =
            Asking { contact: &hash, times, at, since, kept_since: kept_since.unwrap_or(Timestamp::UNIX_EPOCH) };
        let failed = Error::database("Unable to process request");
        match letters_asked::ask(&state.db, &asking).await.map_err(failed)? {
            letters_asked::Asked::Due => Ok(Self { state, contact, hash, times, at }),
            letters_asked::Asked::TooSoon(last) => {
                let seconds = seconds_left(last, frequency, at).unwrap_or(1);
                Err(match contact {
                    Contact::Email(_) => Error::EmailTooSoon(seconds),
                    Contact::Phone(_) => Refusal::SmsTooSoon(seconds).into(),
                })
            }
        }
    }

    /// Whether nothing is to be sent since the account has been sent such a letter of late, although nothing is known
    /// of that here: an administrator or the user has caused it, or the database comes from elsewhere. That must not
    /// show either. What was asked for here is written in the user's row with the time that is known here, so that it
    /// holds nothing longer. Answers about numbers show it by the message's id, so numbers do without.
    fn is_held(&self, last: Option<Timestamp>) -> bool {
        let frequency = frequency(self.state, self.contact);
        self.contact.email().is_some() && last.is_some_and(|last| seconds_left(last, frequency, self.at).is_some())
    }

    /// Counts what is not sent like what is.
    pub(crate) async fn count_unsent(&self) -> Result<(), Error> {
        let sms = &self.state.settings.sms;
        match self.contact {
            Contact::Email(_) => limits::check_sending(self.state, Sending::Mail).await,
            Contact::Phone(phone) if sms.test_code(phone, self.at).is_some() => Ok(()),
            Contact::Phone(_) => limits::check_sending(self.state, Sending::Message).await,
        }
    }

    /// Lets an account be sent what was asked for, unless the `last` is too recent. What is not sent, be it for that or
    /// since the account is gone or another one by now, counts like what is.
    pub(crate) async fn send<T>(
        &self,
        last: Option<Timestamp>,
        sending: impl Future<Output = Result<Option<T>, Error>>,
    ) -> Result<Option<T>, Error> {
        let outcome = if self.is_held(last) { None } else { sending.await? };
        if outcome.is_none() {
            self.count_unsent().await?;
        }
        Ok(outcome)
    }

    /// Hands the outcome on. What failed was not asked for, so that it may be tried again at once.
    pub(crate) async fn close<T>(self, outcome: Result<T, Error>) -> Result<T, Error> {
        if outcome.is_err() {
            let taken_back = letters_asked::take_back(&self.state.db, &self.hash, self.times, self.at).await;
            if let Err(error) = taken_back {
                tracing::warn!(cause = error.failure().message, "a letter that failed stays counted");
            }
        }
        outcome
    }
}

fn frequency(state: &State, contact: &Contact) -> Duration {
    match contact {
        Contact::Email(_) => state.settings.mailer_max_frequency,
        Contact::Phone(_) => state.settings.sms.max_frequency,
    }
}

fn before(at: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).ok();
    time.and_then(|time| at.checked_sub(time).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}
