//! Making, changing and deleting one user.

use jiff::Timestamp;
use pg::Transaction;
use serde_json::Value;
use uuid::Uuid;

use super::{User, hold};
use crate::metadata::Fields;

/// A user to be made.
pub(crate) struct NewUser<'a> {
    pub(crate) id: Uuid,
    pub(crate) aud: &'a str,
    pub(crate) role: &'a str,
    pub(crate) email: Option<&'a str>,
    pub(crate) phone: Option<&'a str>,
    pub(crate) encrypted_password: &'a str,
    pub(crate) app_metadata: Value,
    pub(crate) user_metadata: Value,
    pub(crate) is_anonymous: bool,
    pub(crate) at: Timestamp,
}

const INSERT: &str = "
    insert into auth.users (
        instance_id, id, aud, role, email, phone, encrypted_password, raw_app_meta_data, raw_user_meta_data,
        created_at, updated_at, is_anonymous, confirmation_token, recovery_token, email_change_token_new,
        email_change)
    values ('00000000-0000-0000-0000-000000000000', $1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, '', '', '', '')";

/// Adds a user. What triggers make of the row is seen by [`reload`] only.
pub(crate) async fn insert(tx: &mut Transaction, user: &NewUser<'_>) -> Result<(), pg::Error> {
    let NewUser { id, aud, role, email, phone, encrypted_password, app_metadata, user_metadata, is_anonymous, at } =
        user;
    let params: [pg::Param<'_>; 10] =
        [id, aud, role, email, phone, encrypted_password, app_metadata, user_metadata, at, is_anonymous];
    tx.execute(INSERT, &params).await.map(drop)
}

/// The unique index that two accounts with one email address run into.
pub(crate) const EMAIL_KEY: &str = "users_email_partial_key";

/// The unique constraint of phone numbers.
pub(crate) const PHONE_KEY: &str = "users_phone_key";

/// The primary key.
pub(crate) const PRIMARY_KEY: &str = "users_pkey";

const SET_METADATA: &str = "
    update auth.users set raw_app_meta_data = $2, raw_user_meta_data = $3, updated_at = $4 where id = $1";

/// Replaces both kinds of metadata.
pub(crate) async fn set_metadata(tx: &mut Transaction, user: &User, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(SET_METADATA, &[&user.id, &user.app_metadata, &user.user_metadata, &at]).await.map(drop)
}

const CONFIRM_EMAIL: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1)
    update auth.users
    set email_confirmed_at = $2, confirmation_token = '', updated_at = $2,
        raw_user_meta_data = case jsonb_typeof(raw_user_meta_data) when 'object' then raw_user_meta_data
          else '{}' end || '{\"email_verified\": true}'
    where id = $1";

/// Marks the email address as confirmed, which uses up all links and codes that are under way.
pub(crate) async fn confirm_email(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(CONFIRM_EMAIL, &[&id, &at]).await.map(drop)
}

const CONFIRM_PHONE: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1)
    update auth.users set phone_confirmed_at = $2, confirmation_token = '', updated_at = $2 where id = $1";

/// Marks the phone number as confirmed, which uses up all links and codes that are under way.
pub(crate) async fn confirm_phone(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(CONFIRM_PHONE, &[&id, &at]).await.map(drop)
}

const MAKE_PERMANENT: &str = "update auth.users set is_anonymous = false, updated_at = $2 where id = $1";

/// Makes an anonymous user a permanent one.
pub(crate) async fn make_permanent(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(MAKE_PERMANENT, &[&id, &at]).await.map(drop)
}

const CHANGE_PHONE: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1)
    update auth.users
    set phone = $2, phone_change = '', phone_change_token = '', phone_confirmed_at = $3, is_anonymous = false,
        updated_at = $3
    where id = $1";

/// Sets a number that is confirmed, which ends the change and uses up all links and codes that are under way.
pub(crate) async fn change_phone(tx: &mut Transaction, id: Uuid, phone: &str, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(CHANGE_PHONE, &[&id, &phone, &at]).await.map(drop)
}

const INVITE: &str = "update auth.users set invited_at = $2, updated_at = $2 where id = $1";

/// Notes that a user was invited.
pub(crate) async fn invite(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(INVITE, &[&id, &at]).await.map(drop)
}

const RECOVER: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1)
    update auth.users set recovery_token = '', updated_at = $2 where id = $1";

/// Uses up the recovery mail, and with it all links and codes that are under way.
pub(crate) async fn recover(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(RECOVER, &[&id, &at]).await.map(drop)
}

const AGREE_TO_EMAIL_CHANGE: &str = "
    update auth.users
    set email_change_confirm_status = 1, updated_at = $3,
        email_change_token_new = case when $2 then '' else email_change_token_new end,
        email_change_token_current = case when $2 then email_change_token_current else '' end
    where id = $1";

/// Notes that one of two addresses, the new one or the old one, agrees to a change.
pub(crate) async fn agree_to_email_change(
    tx: &mut Transaction,
    id: Uuid,
    is_new: bool,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(AGREE_TO_EMAIL_CHANGE, &[&id, &is_new, &at]).await.map(drop)
}

const CHANGE_EMAIL: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1)
    update auth.users
    set email = $2, email_change = '', email_change_token_new = '', email_change_token_current = '',
        email_change_confirm_status = 0, is_anonymous = false, updated_at = $3
    where id = $1";

/// Sets an address that is confirmed, which ends the change and uses up all links and codes that are under way.
pub(crate) async fn change_email(tx: &mut Transaction, id: Uuid, email: &str, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(CHANGE_EMAIL, &[&id, &email, &at]).await.map(drop)
}

const SET_PASSWORD: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1),
    codes as (delete from auth.flow_state where user_id = $1 and auth_code_issued_at is not null),
    others as (delete from auth.sessions where user_id = $1 and id is distinct from $4)
    update auth.users
    set encrypted_password = $2, updated_at = $3, confirmation_token = '', confirmation_sent_at = null,
        recovery_token = '', recovery_sent_at = null, email_change_token_current = '',
        email_change_token_new = '', email_change_sent_at = null, phone_change_token = '',
        phone_change_sent_at = null, reauthentication_token = '', reauthentication_sent_at = null
    where id = $1";

/// Sets a password hash. Whoever knew the old password loses everything: links and codes that are under way, with
/// those that wait to be exchanged, and all sessions but `keep`.
pub(crate) async fn set_password(
    tx: &mut Transaction,
    id: Uuid,
    hash: &str,
    keep: Option<Uuid>,
    at: Timestamp,
) -> Result<(), pg::Error> {
    // What sign-ins that hold the row have written is seen.
    hold(tx, id).await?;
    tx.execute(SET_PASSWORD, &[&id, &hash, &at, &keep]).await.map(drop)
}

/// Merging in the database, so that of two merges at the same time none is lost.
macro_rules! merge_metadata {
    ($column:literal) => {
        concat!(
            "update auth.users set updated_at = $4, ",
            $column,
            " = case when ",
            $column,
            " is null or jsonb_typeof(",
            $column,
            ") = 'object' then (coalesce(",
            $column,
            ", '{}') || $2) - $3::text[] else $2 end where id = $1"
        )
    };
}

const MERGE_USER_METADATA: &str = merge_metadata!("raw_user_meta_data");
const MERGE_APP_METADATA: &str = merge_metadata!("raw_app_meta_data");

/// Merges into `user_metadata` by the rules of [`crate::metadata`], with what the transaction does next.
pub(crate) async fn merge_user_metadata(
    tx: &mut Transaction,
    id: Uuid,
    updates: &Fields,
    at: Timestamp,
) -> Result<(), pg::Error> {
    let (updates, removed) = merge_parameters(updates);
    tx.defer(MERGE_USER_METADATA, &[&id, &updates, &removed, &at]).await
}

/// Merges into `app_metadata` by the rules of [`crate::metadata`], with what the transaction does next.
pub(crate) async fn merge_app_metadata(
    tx: &mut Transaction,
    id: Uuid,
    updates: &Fields,
    at: Timestamp,
) -> Result<(), pg::Error> {
    let (updates, removed) = merge_parameters(updates);
    tx.defer(MERGE_APP_METADATA, &[&id, &updates, &removed, &at]).await
}

fn merge_parameters(updates: &Fields) -> (Value, Vec<&str>) {
    let removed = updates.iter().filter(|(_, value)| value.is_null()).map(|(key, _)| key.as_str()).collect();
    (Value::Object(updates.clone()), removed)
}

const SET_ROLE: &str = "update auth.users set role = $2, updated_at = $3 where id = $1";

/// Sets the role of a user's tokens.
pub(crate) async fn set_role(tx: &mut Transaction, id: Uuid, role: &str, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(SET_ROLE, &[&id, &role, &at]).await.map(drop)
}

const SET_BAN: &str = "update auth.users set banned_until = $2, updated_at = $3 where id = $1";

/// Bans a user, or lifts the ban.
pub(crate) async fn set_ban(
    tx: &mut Transaction,
    id: Uuid,
    until: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(SET_BAN, &[&id, &until, &at]).await.map(drop)
}

const END_CODES: &str = "
    with changed as (
        select id from auth.users
        where id = $1 and (email is distinct from coalesce($2, email) or phone is distinct from coalesce($3, phone))
        for no key update
    ), tokens as (
        delete from auth.one_time_tokens where user_id in (select id from changed)
    )
    update auth.users
    set confirmation_token = '', confirmation_sent_at = null, recovery_token = '', recovery_sent_at = null,
        email_change = '', email_change_token_current = '', email_change_token_new = '',
        email_change_sent_at = null, email_change_confirm_status = 0, phone_change = '', phone_change_token = '',
        phone_change_sent_at = null, reauthentication_token = '', reauthentication_sent_at = null
    where id in (select id from changed)";

/// Before address or number become another one: links and codes that are under way, and changes with them, end. Who
/// has the old one is not to open the account with them.
async fn end_codes(tx: &mut Transaction, id: Uuid, email: Option<&str>, phone: Option<&str>) -> Result<(), pg::Error> {
    tx.defer(END_CODES, &[&id, &email, &phone]).await
}

const SET_EMAIL: &str = "
    update auth.users set email = $2, is_anonymous = is_anonymous and not $3, updated_at = $4 where id = $1";

/// Sets the email address; a confirmed one makes an anonymous user a permanent one. Another one ends all links and
/// codes that are under way.
pub(crate) async fn set_email(
    tx: &mut Transaction,
    id: Uuid,
    email: &str,
    is_confirmed: bool,
    at: Timestamp,
) -> Result<(), pg::Error> {
    end_codes(tx, id, Some(email), None).await?;
    tx.execute(SET_EMAIL, &[&id, &email, &is_confirmed, &at]).await.map(drop)
}

const SET_PHONE: &str = "
    update auth.users set phone = $2, is_anonymous = is_anonymous and not $3, updated_at = $4 where id = $1";

/// Sets the phone number; a confirmed one makes an anonymous user a permanent one. Another one ends all links and
/// codes that are under way.
pub(crate) async fn set_phone(
    tx: &mut Transaction,
    id: Uuid,
    phone: &str,
    is_confirmed: bool,
    at: Timestamp,
) -> Result<(), pg::Error> {
    end_codes(tx, id, None, Some(phone)).await?;
    tx.execute(SET_PHONE, &[&id, &phone, &is_confirmed, &at]).await.map(drop)
}

const DELETE: &str = "delete from auth.users where id = $1";

/// Deletes a user with all that belongs to them; false when the user is gone already.
pub(crate) async fn delete(tx: &mut Transaction, id: Uuid) -> Result<bool, pg::Error> {
    Ok(tx.execute(DELETE, &[&id]).await? > 0)
}

/// What stands for a user's addresses and numbers after a soft delete.
pub(crate) struct Obscured {
    pub(crate) email: String,
    pub(crate) email_change: String,
    pub(crate) phone: String,
    pub(crate) phone_change: String,
}

const SOFT_DELETE: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1),
    factors as (delete from auth.mfa_factors where user_id = $1),
    passkeys as (delete from auth.webauthn_credentials where user_id = $1),
    flows as (delete from auth.flow_state where user_id = $1),
    codes as (delete from vestibule.mfa_recovery_codes where user_id = $1),
    ended as (delete from auth.sessions where user_id = $1)
    update auth.users
    set email = $2, email_change = $3, phone = $4, phone_change = $5, encrypted_password = null,
        confirmation_token = '', recovery_token = '', email_change_token_current = '',
        email_change_token_new = '', phone_change_token = '', reauthentication_token = '',
        raw_app_meta_data = '{}', raw_user_meta_data = '{}', deleted_at = $6, updated_at = $6
    where id = $1";

/// Empties a user and marks it as deleted; the row stays.
pub(crate) async fn soft_delete(
    tx: &mut Transaction,
    id: Uuid,
    obscured: &Obscured,
    at: Timestamp,
) -> Result<(), pg::Error> {
    let Obscured { email, email_change, phone, phone_change } = obscured;
    hold(tx, id).await?;
    tx.execute(SOFT_DELETE, &[&id, email, email_change, phone, phone_change, &at]).await.map(drop)
}

const UNLINK_PHONE: &str = "
    update auth.users set phone = null, phone_confirmed_at = null, updated_at = $2 where id = $1";

/// Takes a user's phone number away.
pub(crate) async fn unlink_phone(tx: &mut Transaction, id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(UNLINK_PHONE, &[&id, &at]).await.map(drop)
}

/// The address of an identity that becomes the user's.
pub(crate) struct PromotedEmail<'a> {
    pub(crate) email: Option<&'a str>,
    pub(crate) is_confirmed: bool,
    pub(crate) at: Timestamp,
}

const PROMOTE_EMAIL: &str = "
    with tokens as (delete from auth.one_time_tokens where user_id = $1)
    update auth.users
    set email = $2::text, updated_at = $4,
        email_confirmed_at = case when $3 and $2::text is not null then coalesce(email_confirmed_at, $4) end,
        confirmation_token = '', confirmation_sent_at = null, recovery_token = '', recovery_sent_at = null,
        email_change = '', email_change_token_current = '', email_change_token_new = '',
        email_change_sent_at = null, email_change_confirm_status = 0, phone_change_token = '',
        phone_change_sent_at = null, reauthentication_token = '', reauthentication_sent_at = null
    where id = $1";

/// Gives a user the address of an identity, which uses up all links and codes that are under way.
pub(crate) async fn promote_email(
    tx: &mut Transaction,
    id: Uuid,
    promoted: &PromotedEmail<'_>,
) -> Result<(), pg::Error> {
    let PromotedEmail { email, is_confirmed, at } = promoted;
    tx.execute(PROMOTE_EMAIL, &[&id, email, is_confirmed, at]).await.map(drop)
}
