//! How much is sent to all together: mails, and messages to phones.

use http::StatusCode;
use uuid::Uuid;

use super::{SendLimit, tidy};
use crate::denial::Denial;
use crate::error::Error;
use crate::hooks::HookName;
use crate::model::rate_limits::{self, Rate, Taken};
use crate::state::State;

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    Mail,
    Message,
}

impl Sending {
    /// The name that clients are told.
    fn bucket(self) -> &'static str {
        match self {
            Self::Mail => "email_sent",
            Self::Message => "sms_sent",
        }
    }

    fn limit(self, state: &State) -> SendLimit {
        let limits = &state.settings.rate_limits;
        match self {
            Self::Mail => limits.email_sent,
            Self::Message => limits.sms_sent,
        }
    }

    /// Whether it goes unlimited: where addresses or numbers count as confirmed anyway, as Supabase has it, and
    /// where mail stays in the mailbox, as with the Supabase CLI. No mail at all is no mail in any case.
    fn is_free(self, state: &State) -> bool {
        let (settings, outside) = (&state.settings, &state.outside);
        match self {
            Self::Mail if settings.rate_limits.email_sent.count == 0 => false,
            Self::Mail => {
                let stays_here = outside.mailer.is_none() && !outside.hooks.has(HookName::SendEmail);
                settings.mailer_autoconfirm || stays_here
            }
            Self::Message => settings.sms.autoconfirm,
        }
    }

    fn denied(self, bucket: &str, retry_after: Option<u64>) -> Error {
        let (code, what) = match self {
            Self::Mail => ("over_email_send_rate_limit", "Email"),
            Self::Message => ("over_sms_send_rate_limit", "SMS"),
        };
        let text = format!("{what} rate limit exceeded: nothing is left in the bucket {bucket:?}");
        Denial { retry_after, ..Denial::telling(StatusCode::TOO_MANY_REQUESTS, code, text) }.into()
    }
}

/// What clients are told when the database fails.
const FAILED: &str = "Internal Server Error";

/// Takes one from what may be sent. To be called whether something is sent or only seems to be, so that the limit
/// tells nobody who has an account; what fails later stays counted.
pub(crate) async fn check_sending(state: &State, sending: Sending) -> Result<(), Error> {
    if sending.is_free(state) {
        return Ok(());
    }
    let limit = sending.limit(state);
    if limit.count == 0 {
        return Err(sending.denied(sending.bucket(), None));
    }
    // The caller holds a connection already, and a pool whose connections all wait for another one stands still.
    let db = &state.counters;
    let now = state.clock.now();
    tidy(state, db, now).await?;
    // With the limit as the key, a new setting starts anew.
    let (bucket, key) = (sending.bucket(), limit.to_string());
    let taken = match limit.refill {
        Some(refill) => {
            let rate = Rate { per_second: 1.0 / refill.as_secs_f64(), burst: f64::from(limit.count) };
            rate_limits::take(db, bucket, &key, rate, now).await
        }
        None => rate_limits::take_in_hour(db, bucket, &key, limit.count, now).await,
    };
    match taken.map_err(Error::database(FAILED))? {
        Taken::One => Ok(()),
        Taken::None { retry_after } => Err(sending.denied(bucket, Some(retry_after))),
    }
}

/// Takes one from the messages with codes of second factors that a user may ask for: a few at once, and one more in
/// the least time between two to one phone. Otherwise who adds one phone after the other could have messages sent to
/// any number without end.
pub(crate) async fn check_factor_messages(state: &State, user: Uuid) -> Result<(), Error> {
    const BUCKET: &str = "mfa_sms_sent";
    const AT_ONCE: f64 = 5.0;
    let frequency = state.settings.mfa.phone_max_frequency;
    if frequency.is_zero() {
        return Ok(());
    }
    let rate = Rate { per_second: 1.0 / frequency.as_secs_f64(), burst: AT_ONCE };
    let taken = rate_limits::take(&state.counters, BUCKET, &format!("user {user}"), rate, state.clock.now()).await;
    match taken.map_err(Error::database(FAILED))? {
        Taken::One => Ok(()),
        Taken::None { retry_after } => Err(Sending::Message.denied(BUCKET, Some(retry_after))),
    }
}
