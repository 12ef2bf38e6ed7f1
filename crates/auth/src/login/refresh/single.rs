//! One session per user (and tag): the older one fails at its next refresh.

use jiff::Timestamp;
use pg::Transaction;

use super::Refresh;
use crate::error::Error;
use crate::login::validity;
use crate::model::sessions::{self, Session};
use crate::model::users::User;

/// Whether another session of the user, which is within its limits and of the same tag, was used later.
pub(super) async fn is_outdated(
    refresh: &Refresh<'_>,
    tx: &mut Transaction,
    user: &User,
    session: &Session,
    updated_at: Option<Timestamp>,
) -> Result<bool, Error> {
    let settings = &refresh.state.settings;
    let since = validity::last_used(session, updated_at);
    let newer =
        sessions::find_newer(tx, session, since).await.map_err(Error::database("Database error granting user"))?;
    let tag = tag(&settings.sessions_tags, session);
    Ok(newer.iter().any(|other| {
        let is_valid = validity::check(settings, user, other, None, refresh.now).is_ok();
        is_valid && self::tag(&settings.sessions_tags, other) == tag
    }))
}

/// The tag that a session counts with: its own where that is a known one, else the first known one.
fn tag<'a>(known: &'a [String], session: &Session) -> &'a str {
    let own = known.iter().find(|tag| session.tag.as_ref() == Some(tag));
    own.or(known.first()).map_or("", String::as_str)
}
