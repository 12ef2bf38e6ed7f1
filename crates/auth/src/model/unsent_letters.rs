//! `vestibule.unsent_letters`: what was asked for and not sent.

use jiff::Timestamp;
use pg::{Context, Db};

/// Something that was asked for and is not sent.
pub(crate) struct Unsent<'a> {
    /// The hash of the address or number.
    pub(crate) contact: &'a [u8],
    pub(crate) kind: &'a str,
    pub(crate) at: Timestamp,
    /// Since when the last one of its kind is too recent.
    pub(crate) since: Timestamp,
}

/// Notes it, unless the last one is too recent; clears a few that are old.
const NOTE: &str = "
    with old as (
      delete from vestibule.unsent_letters
      where (contact, kind) in (
        select contact, kind from vestibule.unsent_letters
        where asked_at <= $4 and not (contact = $1 and kind = $2)
        order by asked_at limit 20 for update skip locked))
    insert into vestibule.unsent_letters as u (contact, kind, asked_at) values ($1, $2, $3)
    on conflict (contact, kind) do update set asked_at = excluded.asked_at where u.asked_at <= $4
    returning asked_at";

const LAST: &str = "select asked_at from vestibule.unsent_letters where contact = $1 and kind = $2";

/// Notes something; returns when the last one was where that is too recent, and then notes nothing.
pub(crate) async fn note(db: &Db, unsent: &Unsent<'_>) -> Result<Option<Timestamp>, pg::Error> {
    let Unsent { contact, kind, at, since } = unsent;
    if !db.read(&Context::service(), NOTE, &[contact, kind, at, since]).await?.is_empty() {
        return Ok(None);
    }
    let rows = db.read(&Context::service(), LAST, &[contact, kind]).await?;
    Ok(rows.first().map(|row| row.get("asked_at")))
}
