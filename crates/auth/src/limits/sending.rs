//! How much is sent to all together: mails, and messages to phones.

use http::StatusCode;

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

    fn denied(self, retry_after: Option<u64>) -> Error {
        let (code, what) = match self {
            Self::Mail => ("over_email_send_rate_limit", "Email"),
            Self::Message => ("over_sms_send_rate_limit", "SMS"),
        };
        let text = format!("{what} rate limit exceeded: nothing is left in the bucket {:?}", self.bucket());
        Denial { retry_after, ..Denial::telling(StatusCode::TOO_MANY_REQUESTS, code, text) }.into()
    }
}

/// Takes one from what may be sent. To be called whether something is sent or only seems to be, so that the limit
/// tells nobody who has an account; what fails later stays counted.
pub(crate) async fn check_sending(state: &State, sending: Sending) -> Result<(), Error> {
    if sending.is_free(state) {
        return Ok(());
    }
    let limit = sending.limit(state);
    if limit.count == 0 {
        return Err(sending.denied(None));
    }
    // The caller holds a connection already, and a pool whose connections all wait for another one stands still.
    let db = &state.counters;
    let (failed, now) = (Error::database("Internal Server Error"), state.clock.now());
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
    match taken.map_err(failed)? {
        Taken::One => Ok(()),
        Taken::None { retry_after } => Err(sending.denied(Some(retry_after))),
    }
}
