//! `auth.mfa_factors`: second factors, as they stand inside a user, and their changes.

use jiff::Timestamp;
use pg::{Context, Db, Transaction};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::time;

/// A second factor of a user; serialises as clients see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Factor {
    pub(crate) id: Uuid,
    #[serde(deserialize_with = "time::field")]
    pub(crate) created_at: Timestamp,
    #[serde(deserialize_with = "time::field")]
    pub(crate) updated_at: Timestamp,
    pub(crate) status: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) friendly_name: String,
    pub(crate) factor_type: String,
    pub(crate) phone: String,
    #[serde(deserialize_with = "time::optional_field")]
    pub(crate) last_challenged_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) web_authn_aaguid: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_webauthn_challenge_data: Option<Value>,
}

impl Factor {
    pub(crate) fn is_verified(&self) -> bool {
        self.status == "verified"
    }
}

/// All factors of the user `u` as JSON.
macro_rules! factors_json {
    () => {
        "(select coalesce(json_agg(json_build_object(
            'id', f.id, 'created_at', f.created_at, 'updated_at', f.updated_at, 'status', f.status,
            'friendly_name', coalesce(f.friendly_name, ''), 'factor_type', f.factor_type,
            'phone', coalesce(f.phone, ''), 'last_challenged_at', f.last_challenged_at,
            'web_authn_aaguid', f.web_authn_aaguid, 'last_webauthn_challenge_data', f.last_webauthn_challenge_data
          ) order by f.created_at, f.id), '[]')
          from auth.mfa_factors f where f.user_id = u.id)"
    };
}

pub(crate) use factors_json;

/// The index that two factors of a user with one name run into.
pub(crate) const NAME_KEY: &str = "mfa_factors_user_friendly_name_unique";

/// The index that two factors of a user with one number run into.
pub(crate) const PHONE_KEY: &str = "unique_phone_factor_per_user";

/// A factor to be made.
pub(crate) struct NewFactor<'a> {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) friendly_name: &'a str,
    pub(crate) kind: &'a str,
    /// The key of an authenticator app.
    pub(crate) secret: Option<SecretString>,
    /// The number of a phone.
    pub(crate) phone: Option<&'a str>,
    pub(crate) at: Timestamp,
}

const INSERT: &str = "
    insert into auth.mfa_factors
        (id, user_id, friendly_name, factor_type, status, secret, phone, created_at, updated_at)
    values ($1, $2, $3, $4::text::auth.factor_type, 'unverified', $5, $6, $7, $7)";

/// Adds a factor, which is not verified yet.
pub(crate) async fn insert(tx: &mut Transaction, factor: &NewFactor<'_>) -> Result<(), pg::Error> {
    let NewFactor { id, user_id, friendly_name, kind, secret, phone, at } = factor;
    // Supabase's service reads no NULL here, so a dump needs the empty text.
    let secret = secret.as_ref().map_or("", |secret| secret.expose_secret());
    tx.execute(INSERT, &[id, user_id, friendly_name, kind, &secret, phone, at]).await.map(drop)
}

const DELETE_STALE: &str = "
    delete from auth.mfa_factors f
    where f.user_id = $1 and f.status = 'unverified' and f.created_at < $2
      and not exists (select from auth.mfa_challenges c where c.factor_id = f.id)";

/// Deletes a user's factors that were made before a time and never went on.
pub(crate) async fn delete_stale(tx: &mut Transaction, user_id: Uuid, before: Timestamp) -> Result<(), pg::Error> {
    tx.execute(DELETE_STALE, &[&user_id, &before]).await.map(drop)
}

const SET_VERIFIED: &str = "
    update auth.mfa_factors set status = 'verified', updated_at = $2 where id = $1 and status <> 'verified'";

/// Makes a factor count; false when it did already.
pub(crate) async fn set_verified(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<bool, pg::Error> {
    Ok(tx.execute(SET_VERIFIED, &[&id, &at]).await? > 0)
}

const DELETE_UNVERIFIED: &str = "
    delete from auth.mfa_factors
    where user_id = $1 and status = 'unverified' and factor_type = $2::text::auth.factor_type";

/// Deletes a user's factors of a kind that are not verified.
pub(crate) async fn delete_unverified(tx: &mut Transaction, user_id: Uuid, kind: &str) -> Result<(), pg::Error> {
    tx.execute(DELETE_UNVERIFIED, &[&user_id, &kind]).await.map(drop)
}

const LAST_STEP: &str = "select step from vestibule.mfa_totp_steps where factor_id = $1";

/// The last step whose code was used, if one was.
pub(crate) async fn last_step(db: &Db, id: Uuid) -> Result<Option<i64>, pg::Error> {
    let rows = db.read(&Context::service(), LAST_STEP, &[&id]).await?;
    Ok(rows.first().map(|row| row.get("step")))
}

const USE_STEP: &str = "
    insert into vestibule.mfa_totp_steps as used (factor_id, step) values ($1, $2)
    on conflict (factor_id) do update set step = excluded.step where used.step < excluded.step";

/// Uses up the code of a step and all before it; false when it has been used.
pub(crate) async fn use_step(tx: &mut Transaction, id: Uuid, step: i64) -> Result<bool, pg::Error> {
    Ok(tx.execute(USE_STEP, &[&id, &step]).await? > 0)
}

const DELETE_UNVERIFIED_PHONE: &str = "
    delete from auth.mfa_factors where user_id = $1 and status = 'unverified' and factor_type = 'phone' and phone = $2";

/// Deletes a user's factor with a number that was not verified.
pub(crate) async fn delete_unverified_phone(tx: &mut Transaction, user_id: Uuid, phone: &str) -> Result<(), pg::Error> {
    tx.execute(DELETE_UNVERIFIED_PHONE, &[&user_id, &phone]).await.map(drop)
}

/// Name and number of a factor.
pub(crate) struct Named {
    pub(crate) friendly_name: String,
    pub(crate) phone: String,
}

const UPDATE: &str = "
    with old as (select id, friendly_name, phone from auth.mfa_factors where id = $1 for no key update)
    update auth.mfa_factors f
    set friendly_name = coalesce($2, f.friendly_name), phone = coalesce($3, f.phone), updated_at = $4
    from old
    where f.id = old.id
    returning coalesce(old.friendly_name, '') as friendly_name, coalesce(old.phone, '') as phone";

/// Changes a factor's name and number, where they are given; returns the old ones, `None` when it is gone.
pub(crate) async fn update(
    tx: &mut Transaction,
    id: Uuid,
    friendly_name: Option<&str>,
    phone: Option<&str>,
    at: Timestamp,
) -> Result<Option<Named>, pg::Error> {
    let row = tx.query_opt(UPDATE, &[&id, &friendly_name, &phone, &at]).await?;
    Ok(row.map(|row| Named { friendly_name: row.get("friendly_name"), phone: row.get("phone") }))
}

const DELETE: &str = "delete from auth.mfa_factors where id = $1";

/// Deletes a factor with its challenges; false when it is gone already.
pub(crate) async fn delete(tx: &mut Transaction, id: Uuid) -> Result<bool, pg::Error> {
    Ok(tx.execute(DELETE, &[&id]).await? > 0)
}

// The claim aal of the next token is made of the methods that are left, and is to say the same as the column.
const LOWER_SESSIONS: &str = "
    with lowered as (
        update auth.sessions set aal = 'aal1', factor_id = null, updated_at = $3
        where user_id = $1 and factor_id = $2
        returning id
    )
    delete from auth.mfa_amr_claims c using lowered
    where c.session_id = lowered.id
      and c.authentication_method in ('totp', 'mfa/phone', 'mfa/webauthn', 'mfa/recovery_code')";

/// Takes the second level from the sessions that used a factor last.
pub(crate) async fn lower_sessions(
    tx: &mut Transaction,
    user_id: Uuid,
    id: Uuid,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(LOWER_SESSIONS, &[&user_id, &id, &at]).await.map(drop)
}
