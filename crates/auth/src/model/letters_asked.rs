//! `vestibule.letters_asked`: when letters and messages were last asked for by an address or number, sent or not.

use jiff::Timestamp;
use pg::{Context, Db};

/// Which of the times of an address or number are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) confirmation: bool,
    pub(crate) recovery: bool,
    pub(crate) change: bool,
}

/// A letter that is asked for.
pub(crate) struct Asking<'a> {
    /// The hash of the address or number.
    pub(crate) contact: &'a [u8],
    pub(crate) times: Times,
    pub(crate) at: Timestamp,
    /// Since when a time is too recent; `None` where none is.
    pub(crate) since: Option<Timestamp>,
    /// Since when times are kept.
    pub(crate) kept_since: Timestamp,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// It may be sent.
    Due,
    /// One of the times is too recent.
    TooSoon(Timestamp),
}

// The row decides in one statement, so that of any number of requests at the same moment one is not too soon. What
// clears a few old rows runs after it and passes by those that others hold.
const ASK: &str = "
    with old as (
      delete from vestibule.letters_asked where contact in (
        select contact from vestibule.letters_asked where asked_at < $7 and contact <> $1
        order by asked_at limit 20 for update skip locked))
    insert into vestibule.letters_asked as l (contact, confirmation_at, recovery_at, change_at, asked_at)
    values ($1, case when $2 then $5::timestamptz end, case when $3 then $5::timestamptz end,
      case when $4 then $5::timestamptz end, $5)
    on conflict (contact) do update
    set confirmation_at = coalesce(excluded.confirmation_at, l.confirmation_at),
        recovery_at = coalesce(excluded.recovery_at, l.recovery_at),
        change_at = coalesce(excluded.change_at, l.change_at),
        asked_at = excluded.asked_at
    where (greatest(case when $2 then l.confirmation_at end, case when $3 then l.recovery_at end,
      case when $4 then l.change_at end) > $6) is not true
    returning true";

const LAST: &str = "
    select greatest(case when $2 then confirmation_at end, case when $3 then recovery_at end,
      case when $4 then change_at end) as last
    from vestibule.letters_asked where contact = $1";

/// Notes that a letter is asked for, unless the last one is too recent.
pub(crate) async fn ask(db: &Db, asking: &Asking<'_>) -> Result<Asked, pg::Error> {
    let Asking { contact, times: Times { confirmation, recovery, change }, at, since, kept_since } = asking;
    let params: [pg::Param<'_>; 7] = [contact, confirmation, recovery, change, at, since, kept_since];
    if !db.read(&Context::service(), ASK, &params).await?.is_empty() {
        return Ok(Asked::Due);
    }
    let rows = db.read(&Context::service(), LAST, &[contact, confirmation, recovery, change]).await?;
    // Whoever asked for the last one may have taken it back meanwhile.
    Ok(Asked::TooSoon(rows.first().and_then(|row| row.get("last")).or(*since).unwrap_or(*at)))
}

const TAKE_BACK: &str = "
    update vestibule.letters_asked
    set confirmation_at = case when $2 then nullif(confirmation_at, $5) else confirmation_at end,
        recovery_at = case when $3 then nullif(recovery_at, $5) else recovery_at end,
        change_at = case when $4 then nullif(change_at, $5) else change_at end
    where contact = $1";

/// Forgets that a letter was asked for.
pub(crate) async fn take_back(db: &Db, contact: &[u8], times: Times, at: Timestamp) -> Result<(), pg::Error> {
    let Times { confirmation, recovery, change } = times;
    db.read(&Context::service(), TAKE_BACK, &[&contact, &confirmation, &recovery, &change, &at]).await.map(drop)
}
