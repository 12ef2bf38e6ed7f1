//! `auth.refresh_tokens` of the first kind: twelve random characters, each row naming the one it replaced.

use std::net::IpAddr;

use base::Random;
use jiff::Timestamp;
use pg::{Context, Db, Transaction};
use serde_json::Value;
use uuid::Uuid;

use super::sessions::{self, Session, session_json};
use super::time;
use super::users::{User, user_columns};

/// How long a refresh token is.
pub(crate) const LENGTH: usize = 12;

/// A new refresh token, of the alphabet that Supabase uses: base32 in lower case.
pub(crate) fn generate(random: &Random) -> String {
    random.text(LENGTH, b"abcdefghijklmnopqrstuvwxyz234567")
}

/// A refresh token as found with its user and session, in their state after the session was locked.
pub(crate) struct Found {
    pub(crate) id: i64,
    pub(crate) token: String,
    pub(crate) is_revoked: bool,
    pub(crate) updated_at: Timestamp,
    pub(crate) user: User,
    pub(crate) session: Option<Session>,
    /// The session's newest token that is not revoked.
    pub(crate) active: Option<Active>,
    /// The parent of the session's newest token.
    pub(crate) last_parent: Option<String>,
}

/// The newest token of a session that is not revoked.
pub(crate) struct Active {
    pub(crate) token: String,
    pub(crate) parent: String,
}

const SESSION_OF: &str = "select session_id from auth.refresh_tokens where token = $1";

/// The session of a token, if it has one.
pub(crate) async fn session_of(db: &Db, token: &str) -> Result<Option<Uuid>, pg::Error> {
    let rows = db.read(&Context::service(), SESSION_OF, &[&token]).await?;
    Ok(rows.first().and_then(|row| row.get("session_id")))
}

const LOCK_SESSION: &str = "
    select s.id from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id
    where t.token = $1
    for update of s";

const FIND: &str = concat!(
    "select ",
    user_columns!(),
    ", t.id as token_id, t.token, coalesce(t.revoked, false) as is_revoked,
       coalesce(t.updated_at, t.created_at, '0001-01-01 00:00:00+00') as token_updated_at,
       case when s.id is not null then ",
    session_json!(),
    " end as session, active.token as active_token, coalesce(active.parent, '') as active_parent,
       (select l.parent from auth.refresh_tokens l where l.session_id = t.session_id order by l.id desc limit 1)
         as last_parent
     from auth.refresh_tokens t
     join auth.users u on u.id = t.user_id::uuid and u.instance_id = '00000000-0000-0000-0000-000000000000'
     left join auth.sessions s on s.id = t.session_id
     left join lateral (
       select a.token, a.parent from auth.refresh_tokens a
       where a.session_id = t.session_id and a.revoked is not true
       order by a.id desc limit 1) active on true
     where t.token = $1"
);

/// Locks the session of a token, waiting for others that refresh it, then reads everything about it.
pub(crate) async fn lock(tx: &mut Transaction, token: &str) -> Result<Option<Found>, pg::Error> {
    tx.defer(LOCK_SESSION, &[&token]).await?;
    // A statement of its own, so that it sees what the holder of the lock has written.
    let row = tx.query_opt(FIND, &[&token]).await?;
    Ok(row.map(|row| {
        let active: Option<String> = row.get("active_token");
        Found {
            id: row.get("token_id"),
            token: row.get("token"),
            is_revoked: row.get("is_revoked"),
            updated_at: time::known(&row, "token_updated_at"),
            user: User::from_row(&row),
            session: sessions::from_row(&row),
            last_parent: row.get("last_parent"),
            active: active.map(|token| Active { token, parent: row.get("active_parent") }),
        }
    }))
}

const SWAP: &str = "
    with old as (
        update auth.refresh_tokens set revoked = true, updated_at = $4 where id = $1 and revoked is not true
    )
    insert into auth.refresh_tokens
        (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)
    select '00000000-0000-0000-0000-000000000000', $2, user_id, false, $4, $4, token, $3
    from auth.refresh_tokens where id = $1";

/// Revokes a token and puts a new one in its place, with what the transaction does next.
pub(crate) async fn swap(
    tx: &mut Transaction,
    old: &Found,
    new: &str,
    session: &Session,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.defer(SWAP, &[&old.id, &new, &session.id, &at]).await
}

const REVOKE_ALL: &str = "
    update auth.refresh_tokens set revoked = true, updated_at = $2
    where session_id = $1 and revoked is not true";

/// Revokes all tokens of a session; returns how many were not revoked before.
pub(crate) async fn revoke_all(tx: &mut Transaction, session_id: Uuid, at: Timestamp) -> Result<u64, pg::Error> {
    tx.execute(REVOKE_ALL, &[&session_id, &at]).await
}

const DELETE_ALL: &str = "delete from auth.refresh_tokens where session_id = $1";
const INSERT: &str = "
    insert into auth.refresh_tokens
        (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)
    values ('00000000-0000-0000-0000-000000000000', $1, $2::uuid::text, false, $3, $3, null, $4)";

/// Replaces all tokens of a session by one that continues none of them.
pub(crate) async fn replace_all(
    tx: &mut Transaction,
    session: &Session,
    new: &str,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(DELETE_ALL, &[&session.id]).await?;
    tx.execute(INSERT, &[&new, &session.user_id, &at, &session.id]).await.map(drop)
}

const DELETE: &str = "delete from auth.refresh_tokens where id = $1";

/// Deletes a token.
pub(crate) async fn delete(tx: &mut Transaction, id: i64) -> Result<(), pg::Error> {
    tx.execute(DELETE, &[&id]).await.map(drop)
}

/// What a refresh leaves behind in its session and in the audit log.
pub(crate) struct Refreshed<'a> {
    pub(crate) session_id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) ip: Option<IpAddr>,
    /// The counter of the last refresh token, in a session that counts them.
    pub(crate) counter: Option<i64>,
    /// Whether an old token was used again so soon that the time in which others may be goes on counting from before:
    /// it would else never end.
    pub(crate) is_early_reuse: bool,
    pub(crate) audit: Vec<(Uuid, Value)>,
}

const RECORD: &str = "
    with audit as (
        insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
        select '00000000-0000-0000-0000-000000000000', entry.id, entry.payload, $2, coalesce(host($4::inet), '')
        from unnest($5::uuid[], $6::json[]) as entry (id, payload)
    )
    update auth.sessions
    set refreshed_at = case when $8 then refreshed_at else $2::timestamptz at time zone 'utc' end,
        user_agent = $3, ip = $4, updated_at = $2, refresh_token_counter = $7
    where id = $1";

impl Refreshed<'_> {
    /// Writes it, with what the transaction does next.
    pub(crate) async fn write(&self, tx: &mut Transaction) -> Result<(), pg::Error> {
        let (ids, payloads): (Vec<_>, Vec<_>) = self.audit.iter().cloned().unzip();
        let params: [pg::Param<'_>; 8] = [
            &self.session_id,
            &self.at,
            &self.user_agent,
            &self.ip,
            &ids,
            &payloads,
            &self.counter,
            &self.is_early_reuse,
        ];
        tx.defer(RECORD, &params).await
    }
}
