//! Pages of `auth.audit_log_entries`.

use jiff::Timestamp;
use pg::{Context, Db, Json, Param};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::time;
use crate::paging::Paging;

/// Where a text is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    All,
    Author,
    Action,
    Type,
}

/// An entry; serialises as clients see it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Entry {
    id: Uuid,
    payload: Value,
    #[serde(deserialize_with = "time::field")]
    created_at: Timestamp,
    ip_address: String,
}

const LIST: &str = "
    with matching as not materialized (
      select * from auth.audit_log_entries e
      where case $1
        when 'author' then e.payload ->> 'actor_username' ilike '%' || $2 || '%'
          or e.payload ->> 'actor_name' ilike '%' || $2 || '%'
        when 'action' then e.payload ->> 'action' ilike '%' || $2 || '%'
        when 'type' then e.payload ->> 'log_type' ilike '%' || $2 || '%'
        else true end)
    select total.n as total, page.entry
    from (select count(*) as n from matching) total
    left join lateral (
      select json_build_object('id', m.id, 'payload', m.payload, 'ip_address', m.ip_address,
        'created_at', coalesce(m.created_at, '0001-01-01 00:00:00+00')) as entry
      from matching m
      order by m.created_at desc nulls last, m.id
      limit $3 offset $4) page on true";

/// A page of the entries with a text in a field, newest first, and the number of all.
pub(crate) async fn list(db: &Db, field: Field, text: &str, paging: Paging) -> Result<(Vec<Entry>, u64), pg::Error> {
    let field = match field {
        Field::All => "",
        Field::Author => "author",
        Field::Action => "action",
        Field::Type => "type",
    };
    let params: [Param<'_>; 4] = [&field, &text, &paging.limit(), &paging.offset()];
    let rows = db.read(&Context::service(), LIST, &params).await?;
    let total = rows.first().map_or(0, |row| row.get::<_, i64>("total"));
    let entries = rows.iter().filter_map(|row| row.get::<_, Option<Json<Entry>>>("entry"));
    Ok((entries.map(|Json(entry)| entry).collect(), total.unsigned_abs()))
}
