//! Whether a session is still within its limits.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::sessions::Session;
use crate::model::users::User;
use crate::settings::Settings;

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Past its own end or the longest time that a session may last.
    Time,
    /// Not refreshed for too long.
    Inactivity,
    /// The second factor was not used in time.
    LowLevel,
}

/// Checks a session; `token_updated_at` stands in for the last refresh of one that has not been refreshed yet.
pub(crate) fn check(
    settings: &Settings,
    user: &User,
    session: &Session,
    token_updated_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Over> {
    let is_past = |from: Timestamp, limit: Option<Duration>| {
        let limit = limit.filter(|limit| !limit.is_zero()).and_then(|limit| SignedDuration::try_from(limit).ok());
        limit.and_then(|limit| from.checked_add(limit).ok()).is_some_and(|end| now > end)
    };
    if session.not_after.is_some_and(|end| now > end) || is_past(session.created_at, settings.sessions_timebox) {
        return Err(Over::Time);
    }
    if is_past(last_used(session, token_updated_at), settings.sessions_inactivity_timeout) {
        return Err(Over::Inactivity);
    }
    let is_low = user.has_verified_factor() && session.aal.as_deref().unwrap_or("aal1") == "aal1";
    if is_low && is_past(session.created_at, settings.sessions_allow_low_aal) {
        return Err(Over::LowLevel);
    }
    Ok(())
}

/// When a session was refreshed last, else its token's time, else when it was opened.
pub(crate) fn last_used(session: &Session, token_updated_at: Option<Timestamp>) -> Timestamp {
    session.refreshed_at.unwrap_or_else(|| session.created_at.max(token_updated_at.unwrap_or(session.created_at)))
}
