//! `auth.one_time_tokens`: the hashes of links and codes that are under way, at most one per user and purpose,
//! and the columns of `auth.users` that repeat them with the time of the mail.

use jiff::Timestamp;
use pg::{Context, Db, Transaction};
use uuid::Uuid;

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Confirmation,
    Recovery,
    EmailChangeCurrent,
    EmailChangeNew,
    PhoneChange,
    Reauthentication,
}

impl Purpose {
    const ALL: [Self; 6] = [
        Self::Confirmation,
        Self::Recovery,
        Self::EmailChangeCurrent,
        Self::EmailChangeNew,
        Self::PhoneChange,
        Self::Reauthentication,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Confirmation => "confirmation_token",
            Self::Recovery => "recovery_token",
            Self::EmailChangeCurrent => "email_change_token_current",
            Self::EmailChangeNew => "email_change_token_new",
            Self::PhoneChange => "phone_change_token",
            Self::Reauthentication => "reauthentication_token",
        }
    }
}

/// A code to be kept.
pub(crate) struct NewToken<'a> {
    pub(crate) id: Uuid,
    pub(crate) user_id: Uuid,
    pub(crate) purpose: Purpose,
    pub(crate) hash: &'a str,
    /// The address or number that it was sent to.
    pub(crate) relates_to: &'a str,
    pub(crate) at: Timestamp,
}

const PUT: &str = "
    insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to, created_at, updated_at)
    values ($1, $2, $3::text::auth.one_time_token_type, $4, lower($5), $6::timestamptz at time zone 'utc',
      $6 at time zone 'utc')
    on conflict (user_id, token_type) do update
    set id = excluded.id, token_hash = excluded.token_hash, relates_to = excluded.relates_to,
        created_at = excluded.created_at, updated_at = excluded.updated_at";

/// Keeps a code in place of an earlier one for the same purpose.
pub(crate) async fn put(tx: &mut Transaction, token: &NewToken<'_>) -> Result<(), pg::Error> {
    let NewToken { id, user_id, purpose, hash, relates_to, at } = token;
    tx.execute(PUT, &[id, user_id, &purpose.name(), hash, relates_to, at]).await.map(drop)
}

/// A code that was taken.
pub(crate) struct Taken {
    pub(crate) purpose: Purpose,
    /// The address or number that it was sent to, in lower case.
    pub(crate) relates_to: String,
}

/// The condition for the code with one of the hashes `$1` for one of the purposes `$2`, sent to the contact `$3` where one
/// is named.
macro_rules! is_presented {
    () => {
        "token_hash = any($1) and token_type::text = any($2) and relates_to = coalesce(lower($3), relates_to)"
    };
}

const OWNER: &str = concat!("select user_id from auth.one_time_tokens where ", is_presented!());

/// Whose code [`take`] would take.
pub(crate) async fn owner(
    db: &Db,
    hashes: &[String],
    purposes: &[Purpose],
    contact: Option<&str>,
) -> Result<Option<Uuid>, pg::Error> {
    let names: Vec<_> = purposes.iter().map(|purpose| purpose.name()).collect();
    let rows = db.read(&Context::service(), OWNER, &[&hashes, &names, &contact]).await?;
    Ok(rows.first().map(|row| row.get("user_id")))
}

const TAKE: &str = concat!(
    "delete from auth.one_time_tokens where user_id = $4 and ",
    is_presented!(),
    " returning token_type::text as token_type, relates_to"
);

/// Takes the code of a user with one of these hashes for one of these purposes, and which was sent to this contact where
/// one is named. The user is locked already, as where a code is sent: two that take codes of one user follow each other, and
/// each sees what the other one did. It is back when the transaction fails.
pub(crate) async fn take(
    tx: &mut Transaction,
    user_id: Uuid,
    hashes: &[String],
    purposes: &[Purpose],
    contact: Option<&str>,
) -> Result<Option<Taken>, pg::Error> {
    let names: Vec<_> = purposes.iter().map(|purpose| purpose.name()).collect();
    let rows = tx.query(TAKE, &[&hashes, &names, &contact, &user_id]).await?;
    Ok(rows.first().and_then(|row| {
        let name: &str = row.get("token_type");
        let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.name() == name)?;
        Some(Taken { purpose, relates_to: row.get("relates_to") })
    }))
}

// What is sent was asked for a moment ago; the row may have been written since.
const SENT_CONFIRMATION: &str = "
    update auth.users set confirmation_token = $2, confirmation_sent_at = $3, updated_at = greatest(updated_at, $3)
    where id = $1";
const SENT_RECOVERY: &str = "
    update auth.users set recovery_token = $2, recovery_sent_at = $3, updated_at = greatest(updated_at, $3)
    where id = $1";

/// Notes in the user's row that a confirmation mail was sent.
pub(crate) async fn sent_confirmation(
    tx: &mut Transaction,
    user_id: Uuid,
    hash: &str,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(SENT_CONFIRMATION, &[&user_id, &hash, &at]).await.map(drop)
}

/// Notes in the user's row that a recovery mail was sent.
pub(crate) async fn sent_recovery(
    tx: &mut Transaction,
    user_id: Uuid,
    hash: &str,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(SENT_RECOVERY, &[&user_id, &hash, &at]).await.map(drop)
}

/// A change of address that is under way.
pub(crate) struct EmailChange<'a> {
    pub(crate) user_id: Uuid,
    pub(crate) new_email: &'a str,
    pub(crate) new_hash: &'a str,
    /// Empty where the old address need not agree.
    pub(crate) current_hash: &'a str,
    pub(crate) at: Timestamp,
}

const SENT_EMAIL_CHANGE: &str = "
    update auth.users
    set email_change = $2, email_change_token_new = $3, email_change_token_current = $4,
        email_change_sent_at = $5, email_change_confirm_status = 0, updated_at = greatest(updated_at, $5)
    where id = $1";

/// Notes in the user's row that the mails of a change of address were sent.
pub(crate) async fn sent_email_change(tx: &mut Transaction, change: &EmailChange<'_>) -> Result<(), pg::Error> {
    let EmailChange { user_id, new_email, new_hash, current_hash, at } = change;
    tx.execute(SENT_EMAIL_CHANGE, &[user_id, new_email, new_hash, current_hash, at]).await.map(drop)
}

const SENT_EMAIL_CHANGE_TO: &str = "
    with stale as (
      delete from auth.one_time_tokens o using auth.users u
      where u.id = $1 and o.user_id = u.id and u.email_change is distinct from $2
        and o.token_type in ('email_change_token_new', 'email_change_token_current'))
    update auth.users
    set email_change = $2,
        email_change_token_new = case when $3 then $4 when email_change is distinct from $2 then ''
          else email_change_token_new end,
        email_change_token_current = case when not $3 then $4 when email_change is distinct from $2 then ''
          else email_change_token_current end,
        email_change_sent_at = $5, email_change_confirm_status = 0, updated_at = $5
    where id = $1";

/// Notes in the user's row the code of one side of a change of address: the new one's or the old one's. That of
/// the other side stays good for the same new address only.
pub(crate) async fn sent_email_change_to(
    tx: &mut Transaction,
    user_id: Uuid,
    (new_email, is_new): (&str, bool),
    hash: &str,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(SENT_EMAIL_CHANGE_TO, &[&user_id, &new_email, &is_new, &hash, &at]).await.map(drop)
}

const SENT_REAUTHENTICATION: &str =
    "update auth.users set reauthentication_token = $2, reauthentication_sent_at = $3, updated_at = $3 where id = $1";

/// Notes in the user's row that a code for reauthentication was sent.
pub(crate) async fn sent_reauthentication(
    tx: &mut Transaction,
    user_id: Uuid,
    hash: &str,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(SENT_REAUTHENTICATION, &[&user_id, &hash, &at]).await.map(drop)
}

const SENT_PHONE_CHANGE: &str = "
    update auth.users set phone_change = $2, phone_change_token = $3, phone_change_sent_at = $4, updated_at = $4
    where id = $1";

/// Notes in the user's row that the code of a change of number was sent.
pub(crate) async fn sent_phone_change(
    tx: &mut Transaction,
    user_id: Uuid,
    (new_phone, hash): (&str, &str),
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(SENT_PHONE_CHANGE, &[&user_id, &new_phone, &hash, &at]).await.map(drop)
}

const DELETE: &str = "delete from auth.one_time_tokens where user_id = $1 and token_type::text = $2";

/// Takes back a user's code, whatever it is; false when there is none.
pub(crate) async fn delete(tx: &mut Transaction, user_id: Uuid, purpose: Purpose) -> Result<bool, pg::Error> {
    Ok(tx.execute(DELETE, &[&user_id, &purpose.name()]).await? > 0)
}

const KEPT: &str = "select token_hash from auth.one_time_tokens where user_id = $1 and token_type::text = $2";

/// The hash that is kept of a user's code.
pub(crate) async fn kept(db: &Db, user_id: Uuid, purpose: Purpose) -> Result<Option<String>, pg::Error> {
    let rows = db.read(&Context::service(), KEPT, &[&user_id, &purpose.name()]).await?;
    Ok(rows.first().map(|row| row.get("token_hash")))
}
