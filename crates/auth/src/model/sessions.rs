//! `auth.sessions` with the methods by which they were opened (`auth.mfa_amr_claims`).

use std::net::IpAddr;

use authkit::refresh::Key;
use jiff::Timestamp;
use pg::{Context, Db, Json, Param, Row, Transaction};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::time;
use super::users::{self, User, user_columns};
use crate::error::Error;
use crate::state::State;

/// A session.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    #[serde(deserialize_with = "time::field")]
    pub(crate) created_at: Timestamp,
    pub(crate) aal: Option<String>,
    #[serde(deserialize_with = "time::optional_field")]
    pub(crate) not_after: Option<Timestamp>,
    #[serde(deserialize_with = "time::optional_field")]
    pub(crate) refreshed_at: Option<Timestamp>,
    pub(crate) oauth_client_id: Option<Uuid>,
    pub(crate) scopes: Option<String>,
    pub(crate) tag: Option<String>,
    /// The key of counted refresh tokens; sessions without one have a row per token.
    pub(crate) refresh_token_hmac_key: Option<SecretString>,
    pub(crate) refresh_token_counter: Option<i64>,
    pub(crate) methods: Vec<Method>,
}

/// A method by which the user has proved who they are, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Method {
    pub(crate) method: String,
    #[serde(deserialize_with = "time::field")]
    pub(crate) at: Timestamp,
}

impl Session {
    /// The key of counted refresh tokens.
    pub(crate) fn key(&self, state: &State) -> Result<Option<Key>, Error> {
        let key = self.refresh_token_hmac_key.as_ref().map(|stored| state.open(self.id, stored)).transpose()?;
        let key = key.map(|key| Key::parse(key.expose_secret()));
        key.transpose().map_err(|error| Error::Internal("Database error granting user", error.to_string()))
    }

    /// Whether a second factor has been proven in it.
    pub(crate) fn is_second_level(&self) -> bool {
        self.aal.as_deref().is_some_and(|level| level != "aal1")
    }

    /// The counter of the last counted refresh token.
    pub(crate) fn counter(&self) -> u64 {
        self.refresh_token_counter.unwrap_or_default().try_into().unwrap_or_default()
    }

    /// Whether it was opened with a code or link, as who has forgotten the password does.
    pub(crate) fn was_opened_by_code(&self) -> bool {
        self.methods.iter().any(|method| matches!(&*method.method, "otp" | "magiclink" | "recovery"))
    }
}

/// The session `s` as JSON, its methods newest first.
macro_rules! session_json {
    () => {
        "json_build_object(
            'id', s.id, 'user_id', s.user_id, 'created_at', coalesce(s.created_at, '0001-01-01 00:00:00+00'),
            'aal', s.aal, 'not_after', case when isfinite(s.not_after) then s.not_after end, 'refreshed_at', s.refreshed_at at time zone 'utc',
            'oauth_client_id', s.oauth_client_id, 'scopes', s.scopes, 'tag', s.tag,
            'refresh_token_hmac_key', s.refresh_token_hmac_key, 'refresh_token_counter', s.refresh_token_counter,
            'methods', (select coalesce(json_agg(json_build_object('method', c.authentication_method,
              'at', c.updated_at) order by c.updated_at desc, c.created_at desc), '[]')
              from auth.mfa_amr_claims c where c.session_id = s.id))"
    };
}

pub(crate) use session_json;

const USER_AND_SESSION: &str = concat!(
    "select ",
    user_columns!(),
    ", (select ",
    session_json!(),
    " from auth.sessions s where s.id = $2 and s.user_id = u.id) as session
      from auth.users u
      where u.id = $1 and u.instance_id = '00000000-0000-0000-0000-000000000000'"
);

/// A user together with one of their sessions, in one query. The session is `None` when it is gone or is
/// another user's.
pub(crate) async fn find_with_user(
    db: &Db,
    user_id: Uuid,
    session_id: Option<Uuid>,
) -> Result<Option<(User, Option<Session>)>, pg::Error> {
    let rows = db.read(&Context::service(), USER_AND_SESSION, &[&user_id, &session_id]).await?;
    Ok(rows.first().map(|row| (User::from_row(row), from_row(row))))
}

/// The same within a transaction.
pub(crate) async fn reload_with_user(
    tx: &mut Transaction,
    user_id: Uuid,
    session_id: Option<Uuid>,
) -> Result<Option<(User, Option<Session>)>, pg::Error> {
    let row = tx.query_opt(USER_AND_SESSION, &[&user_id, &session_id]).await?;
    Ok(row.map(|row| (User::from_row(&row), from_row(&row))))
}

/// Reads the column `session`, which holds [`session_json`].
pub(super) fn from_row(row: &Row) -> Option<Session> {
    row.get::<_, Option<Json<Session>>>("session").map(|Json(session)| session)
}

const LOCK: &str = "select from auth.sessions where id = $1 for update";

const SESSION_AND_USER: &str = concat!(
    "select ",
    user_columns!(),
    ", ",
    session_json!(),
    " as session
      from auth.sessions s
      join auth.users u on u.id = s.user_id and u.instance_id = '00000000-0000-0000-0000-000000000000'
      where s.id = $1"
);

/// Locks a session, waiting for others that refresh it, then reads it with its user.
pub(crate) async fn lock_with_user(tx: &mut Transaction, id: Uuid) -> Result<Option<(User, Session)>, pg::Error> {
    tx.defer(LOCK, &[&id]).await?;
    // A statement of its own, so that it sees what the holder of the lock has written.
    let row = tx.query_opt(SESSION_AND_USER, &[&id]).await?;
    Ok(row.and_then(|row| from_row(&row).map(|session| (User::from_row(&row), session))))
}

const FIND_NEWER: &str = concat!(
    "select ",
    session_json!(),
    " as session from auth.sessions s
      where s.user_id = $1 and s.id <> $2 and coalesce(s.refreshed_at at time zone 'utc', s.created_at) > $3
      order by coalesce(s.refreshed_at at time zone 'utc', s.created_at) desc
      limit 1000"
);

/// The other sessions of a user that were used after a time; the latest thousand of them.
pub(crate) async fn find_newer(
    tx: &mut Transaction,
    session: &Session,
    since: Timestamp,
) -> Result<Vec<Session>, pg::Error> {
    let rows = tx.query(FIND_NEWER, &[&session.user_id, &session.id, &since]).await?;
    Ok(rows.iter().filter_map(from_row).collect())
}

const SET_KEY: &str = "
    update auth.sessions set refresh_token_hmac_key = $2, refresh_token_counter = 0 where id = $1";

/// Gives a session counted refresh tokens, which start with 0.
pub(crate) async fn set_key(tx: &mut Transaction, id: Uuid, key: &str) -> Result<(), pg::Error> {
    tx.execute(SET_KEY, &[&id, &key]).await.map(drop)
}

const LIFT_COUNTER: &str = "
    with floor as (
        insert into vestibule.refresh_token_floors (session_id, counter) values ($1, $2)
        on conflict (session_id) do update set counter = excluded.counter
    )
    update auth.sessions set refresh_token_counter = $2 where id = $1";

/// Lifts the counter of a session's refresh tokens, so that none from before is good any more.
pub(crate) async fn lift_counter(tx: &mut Transaction, id: Uuid, counter: i64) -> Result<(), pg::Error> {
    tx.execute(LIFT_COUNTER, &[&id, &counter]).await.map(drop)
}

const FLOOR: &str = "select counter from vestibule.refresh_token_floors where session_id = $1";

/// The first counter that is good for a session.
pub(crate) async fn floor(tx: &mut Transaction, id: Uuid) -> Result<u64, pg::Error> {
    let row = tx.query_opt(FLOOR, &[&id]).await?;
    Ok(row.and_then(|row| u64::try_from(row.get::<_, i64>("counter")).ok()).unwrap_or_default())
}

/// What a second factor does to sessions.
pub(crate) struct Raise<'a> {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) claim_id: Uuid,
    pub(crate) method: &'a str,
    /// The factor; a recovery code stands for none, so that the session stays with the one that it used.
    pub(crate) factor_id: Option<Uuid>,
    pub(crate) at: Timestamp,
}

const RAISE: &str = "
    with claim as (
        insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
        values ($3, $1, $6, $6, $4)
        on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at
    ), lower as (
        delete from auth.sessions where user_id = $2 and id <> $1 and coalesce(aal, 'aal1') < 'aal2'
    )
    update auth.sessions set aal = 'aal2', factor_id = coalesce($5, factor_id), updated_at = $6 where id = $1";

impl Raise<'_> {
    /// Raises the session to the second level and ends the user's other sessions below it.
    pub(crate) async fn write(&self, tx: &mut Transaction) -> Result<(), pg::Error> {
        let Self { session_id, user_id, claim_id, method, factor_id, at } = self;
        tx.execute(RAISE, &[session_id, user_id, claim_id, method, factor_id, at]).await.map(drop)
    }
}

/// What a sign-in writes.
pub(crate) struct Grant<'a> {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) refresh_token: &'a str,
    /// The key of counted refresh tokens; without one the token gets a row.
    pub(crate) key: Option<&'a str>,
    pub(crate) claim_id: Uuid,
    pub(crate) method: &'a str,
    pub(crate) audit_id: Uuid,
    /// The audit entry of the sign-in, where there is to be one.
    pub(crate) audit: Option<Value>,
    /// The stored password hash that was verified, where a password was: another one by now grants nothing.
    pub(crate) verified: Option<&'a str>,
}

/// Session, refresh token, method and audit entry in one statement, which returns the user as changed by it. The
/// user's row comes first: it is locked then, and nothing is written for who is gone, deleted, banned or has another
/// password.
const GRANT: &str = concat!(
    "with granted as (
        update auth.users u set last_sign_in_at = $3, updated_at = $3
        where u.id = $2 and ($12::text is null or u.encrypted_password = $12) and (u.banned_until > $3) is not true
          and u.deleted_at is null
        returning ",
    user_columns!(),
    "), session as (
        insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip,
            refresh_token_hmac_key, refresh_token_counter)
        select $1, id, $3, $3, 'aal1', $4, $5, $11, case when $11::text is not null then 0 end from granted
     ), token as (
        insert into auth.refresh_tokens
            (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)
        select '00000000-0000-0000-0000-000000000000', $6, id::text, false, $3, $3, null, $1 from granted
         where $11::text is null
     ), claim as (
        insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
        select $7, $1, $3, $3, $8 from granted
     ), audit as (
        insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
        select '00000000-0000-0000-0000-000000000000', $9, $10::json, $3, coalesce(host($5::inet), '') from granted
         where $10::json is not null
     )
     select * from granted"
);

impl Grant<'_> {
    fn params(&self) -> [Param<'_>; 12] {
        [
            &self.session_id,
            &self.user_id,
            &self.at,
            &self.user_agent,
            &self.ip,
            &self.refresh_token,
            &self.claim_id,
            &self.method,
            &self.audit_id,
            &self.audit,
            &self.key,
            &self.verified,
        ]
    }

    /// Writes it in a transaction of its own. `None` when the user is gone, deleted, banned or
    /// has another password.
    pub(crate) async fn write(&self, db: &Db) -> Result<Option<User>, pg::Error> {
        Ok(db.read(&Context::service(), GRANT, &self.params()).await?.first().map(User::from_row))
    }

    /// Writes it as part of a transaction. `None` as with [`Grant::write`].
    pub(crate) async fn write_in(&self, tx: &mut Transaction) -> Result<Option<User>, pg::Error> {
        Ok(tx.query_opt(GRANT, &self.params()).await?.as_ref().map(User::from_row))
    }
}

// A code that was handed out is as good as a session; flows whose link was not opened are none yet.
const DELETE_ALL: &str = "
    with codes as (delete from auth.flow_state where user_id = $1 and auth_code_issued_at is not null)
    delete from auth.sessions where user_id = $1";
const DELETE_ONE: &str = "delete from auth.sessions where user_id = $1 and id = $2";
const DELETE_OTHERS: &str = "
    with codes as (delete from auth.flow_state where user_id = $1 and auth_code_issued_at is not null)
    delete from auth.sessions where user_id = $1 and id <> $2";

/// Ends all sessions of a user; their refresh tokens go with them, and so do codes that wait to be exchanged for one.
/// Returns how many there were. Locks the user first, as a step up does: of two that end several sessions, each would
/// have some that the other one waits for.
pub(crate) async fn delete_all(tx: &mut Transaction, user_id: Uuid) -> Result<u64, pg::Error> {
    users::hold(tx, user_id).await?;
    tx.execute(DELETE_ALL, &[&user_id]).await
}

/// Ends one session of a user; false when the user has none with this id.
pub(crate) async fn delete(tx: &mut Transaction, user_id: Uuid, id: Uuid) -> Result<bool, pg::Error> {
    Ok(tx.execute(DELETE_ONE, &[&user_id, &id]).await? > 0)
}

/// Ends all sessions of a user but one, and codes that wait to be exchanged for another one. Locks the user first.
pub(crate) async fn delete_others(tx: &mut Transaction, user_id: Uuid, keep: Uuid) -> Result<(), pg::Error> {
    users::hold(tx, user_id).await?;
    tx.execute(DELETE_OTHERS, &[&user_id, &keep]).await.map(drop)
}
