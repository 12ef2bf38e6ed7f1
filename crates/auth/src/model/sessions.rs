//! `auth.sessions` with the methods by which they were opened (`auth.mfa_amr_claims`).

use std::net::IpAddr;

use jiff::Timestamp;
use pg::{Context, Db, Param, Transaction};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::users::{User, user_columns};

/// A session.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) aal: Option<String>,
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) refreshed_at: Option<Timestamp>,
    pub(crate) oauth_client_id: Option<Uuid>,
    pub(crate) scopes: Option<String>,
    pub(crate) methods: Vec<Method>,
}

/// A method by which the user has proved who they are, and when.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Method {
    pub(crate) method: String,
    pub(crate) at: Timestamp,
}

impl Session {
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
            'oauth_client_id', s.oauth_client_id, 'scopes', s.scopes,
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
    Ok(rows.first().map(|row| {
        let session: Option<Value> = row.get("session");
        let session =
            session.map(|value| serde_json::from_value(value).expect("the statement builds this JSON with all fields"));
        (User::from_row(row), session)
    }))
}

/// What a sign-in writes.
pub(crate) struct Grant<'a> {
    pub(crate) session_id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) ip: Option<IpAddr>,
    pub(crate) refresh_token: &'a str,
    pub(crate) claim_id: Uuid,
    pub(crate) method: &'a str,
    pub(crate) audit_id: Uuid,
    /// The audit entry of the sign-in, where there is to be one.
    pub(crate) audit: Option<Value>,
}

/// Session, refresh token, method and audit entry in one statement, which returns the user as changed by it.
const GRANT: &str = concat!(
    "with session as (
        insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
        values ($1, $2, $3, $3, 'aal1', $4, $5)
     ), token as (
        insert into auth.refresh_tokens
            (instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id)
        values ('00000000-0000-0000-0000-000000000000', $6, $2::uuid::text, false, $3, $3, null, $1)
     ), claim as (
        insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
        values ($7, $1, $3, $3, $8)
     ), audit as (
        insert into auth.audit_log_entries (instance_id, id, payload, created_at, ip_address)
        select '00000000-0000-0000-0000-000000000000', $9, $10::json, $3, '' where $10::json is not null
     )
     update auth.users u set last_sign_in_at = $3, updated_at = $3
     where u.id = $2
     returning ",
    user_columns!()
);

/// The foreign key that a sign-in runs into when the user is deleted meanwhile.
pub(crate) const USER_KEY: &str = "sessions_user_id_fkey";

impl Grant<'_> {
    fn params(&self) -> [Param<'_>; 10] {
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
        ]
    }

    /// Writes it in a transaction of its own. `None` when the user is gone.
    pub(crate) async fn write(&self, db: &Db) -> Result<Option<User>, pg::Error> {
        match db.read(&Context::service(), GRANT, &self.params()).await {
            Ok(rows) => Ok(rows.first().map(User::from_row)),
            Err(error) if error.constraint() == Some(USER_KEY) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it as part of a transaction that has made or locked the user.
    pub(crate) async fn write_in(&self, tx: &mut Transaction) -> Result<User, pg::Error> {
        tx.query_one(GRANT, &self.params()).await.map(|row| User::from_row(&row))
    }
}

const DELETE_ALL: &str = "delete from auth.sessions where user_id = $1";
const DELETE_ONE: &str = "delete from auth.sessions where user_id = $1 and id = $2";
const DELETE_OTHERS: &str = "delete from auth.sessions where user_id = $1 and id <> $2";

/// Ends all sessions of a user; their refresh tokens go with them.
pub(crate) async fn delete_all(tx: &mut Transaction, user_id: Uuid) -> Result<(), pg::Error> {
    tx.execute(DELETE_ALL, &[&user_id]).await.map(drop)
}

/// Ends one session of a user.
pub(crate) async fn delete(tx: &mut Transaction, user_id: Uuid, id: Uuid) -> Result<(), pg::Error> {
    tx.execute(DELETE_ONE, &[&user_id, &id]).await.map(drop)
}

/// Ends all sessions of a user but one.
pub(crate) async fn delete_others(tx: &mut Transaction, user_id: Uuid, keep: Uuid) -> Result<(), pg::Error> {
    tx.execute(DELETE_OTHERS, &[&user_id, &keep]).await.map(drop)
}
