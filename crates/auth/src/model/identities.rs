//! `auth.identities`: the ways in which a user can sign in.

use jiff::Timestamp;
use pg::{Context, Db, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::time;
use crate::metadata::Fields;

/// A way in which a user can sign in; serialises as clients see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    #[serde(rename = "identity_id")]
    pub(crate) id: Uuid,
    #[serde(rename = "id")]
    pub(crate) provider_id: String,
    pub(crate) user_id: Uuid,
    #[serde(skip_serializing_if = "is_empty")]
    pub(crate) identity_data: Value,
    pub(crate) provider: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "time::optional_field")]
    pub(crate) last_sign_in_at: Option<Timestamp>,
    #[serde(deserialize_with = "time::field")]
    pub(crate) created_at: Timestamp,
    #[serde(deserialize_with = "time::field")]
    pub(crate) updated_at: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) email: String,
}

fn is_empty(data: &Value) -> bool {
    data.as_object().is_none_or(Fields::is_empty)
}

/// All identities of the user `u` as JSON, oldest first.
macro_rules! identities_json {
    () => {
        "(select coalesce(json_agg(json_build_object(
            'identity_id', i.id, 'id', i.provider_id, 'user_id', i.user_id, 'identity_data', i.identity_data,
            'provider', i.provider, 'last_sign_in_at', i.last_sign_in_at,
            'created_at', coalesce(i.created_at, '0001-01-01 00:00:00+00'),
            'updated_at', coalesce(i.updated_at, '0001-01-01 00:00:00+00'), 'email', coalesce(i.email, '')
          ) order by i.created_at, i.provider, i.id), '[]')
          from auth.identities i where i.user_id = u.id)"
    };
}

pub(crate) use identities_json;

/// An identity to be made.
pub(crate) struct NewIdentity<'a> {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) provider: &'a str,
    pub(crate) data: Value,
    pub(crate) at: Timestamp,
}

const INSERT: &str = "
    insert into auth.identities
        (id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    values ($1, $2::uuid::text, $2, $3, $4, $5, $5, $5)";

/// Adds an identity of provider `email` or `phone`, whose id there is the user's own.
pub(crate) async fn insert(tx: &mut Transaction, identity: &NewIdentity<'_>) -> Result<(), pg::Error> {
    let NewIdentity { id, user_id, provider, data, at } = identity;
    tx.execute(INSERT, &[id, user_id, data, provider, at]).await.map(drop)
}

const INSERT_EMAIL: &str = "
    insert into auth.identities
        (id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    select $1, u.id::text, u.id, jsonb_build_object(
        'sub', u.id, 'email', u.email, 'email_verified', true, 'phone_verified', false), 'email', $3, $3, $3
    from auth.users u
    where u.id = $2 and u.email <> '' and u.email_confirmed_at is not null
        and not u.is_sso_user and not u.is_anonymous
        and not exists (select from auth.identities i where i.user_id = u.id and i.provider = 'email')";

/// Adds the email identity that a user with a confirmed address lacks; whether there was one to add. Users who
/// sign in by a company's directory, or are anonymous, get none.
pub(crate) async fn insert_email(
    tx: &mut Transaction,
    id: Uuid,
    user_id: Uuid,
    at: Timestamp,
) -> Result<bool, pg::Error> {
    Ok(tx.execute(INSERT_EMAIL, &[&id, &user_id, &at]).await? > 0)
}

/// The data of a new email identity: what is known of the address, then what else is given.
pub(crate) fn email_data(user_id: Uuid, email: &str, is_verified: bool, more: &Fields) -> Value {
    let mut data = more.clone();
    for (key, value) in [
        ("sub", json!(user_id)),
        ("email", json!(email)),
        ("email_verified", json!(is_verified)),
        ("phone_verified", json!(false)),
    ] {
        data.insert(key.to_owned(), value);
    }
    Value::Object(data)
}

/// The data of a new phone identity.
pub(crate) fn phone_data(user_id: Uuid, phone: &str, is_verified: bool) -> Value {
    json!({"sub": user_id, "phone": phone, "email_verified": false, "phone_verified": is_verified})
}

const AS_STORED: &str = "select $1::jsonb as data";

/// Data as it is read once it has been stored: numbers, for one, come back in another form.
pub(crate) async fn as_stored(db: &Db, data: &Value) -> Result<Value, pg::Error> {
    let rows = db.read(&Context::service(), AS_STORED, &[data]).await?;
    Ok(rows.first().map_or(Value::Null, |row| row.get("data")))
}

const CHANGE: &str = "
    update auth.identities set identity_data = identity_data || $3, updated_at = $4
    where provider_id = $1::uuid::text and provider = $2";

/// Changes the data of a user's identity of provider `email` or `phone`; false when there is none.
pub(crate) async fn change(
    tx: &mut Transaction,
    user_id: Uuid,
    provider: &str,
    changes: &Value,
    at: Timestamp,
) -> Result<bool, pg::Error> {
    Ok(tx.execute(CHANGE, &[&user_id, &provider, changes, &at]).await? > 0)
}

const VERIFY_EMAIL: &str = "
    update auth.identities i
    set identity_data = i.identity_data || '{\"email_verified\": true}', updated_at = $2
    from auth.users u
    where u.id = $1 and i.user_id = u.id and i.email = lower(u.email)";

/// Marks the identities with the user's address as verified.
pub(crate) async fn verify_email(tx: &mut Transaction, user_id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(VERIFY_EMAIL, &[&user_id, &at]).await.map(drop)
}

const DELETE_OTHERS: &str = "delete from auth.identities where user_id = $1 and id <> $2";

/// Deletes all identities of a user but one.
pub(crate) async fn delete_others(tx: &mut Transaction, user_id: Uuid, keep: Uuid) -> Result<(), pg::Error> {
    tx.execute(DELETE_OTHERS, &[&user_id, &keep]).await.map(drop)
}

const DELETE_ALL: &str = "delete from auth.identities where user_id = $1";

/// Deletes all identities of a user.
pub(crate) async fn delete_all(tx: &mut Transaction, user_id: Uuid) -> Result<(), pg::Error> {
    tx.execute(DELETE_ALL, &[&user_id]).await.map(drop)
}

const OBSCURE: &str = "update auth.identities set provider_id = $2, identity_data = '{}' where id = $1";

/// Empties an identity, so that its account at the provider is free again.
pub(crate) async fn obscure(tx: &mut Transaction, id: Uuid, provider_id: &str) -> Result<(), pg::Error> {
    tx.execute(OBSCURE, &[&id, &provider_id]).await.map(drop)
}

const DELETE: &str = "delete from auth.identities where id = $1";

/// Deletes an identity.
pub(crate) async fn delete(tx: &mut Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.execute(DELETE, &[&id]).await.map(drop)
}
