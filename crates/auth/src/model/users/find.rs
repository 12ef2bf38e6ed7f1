//! Finding one user.

use pg::{Context, Db, Transaction};
use uuid::Uuid;

use super::{User, user_columns};

const BY_ID: &str = concat!(
    "select ",
    user_columns!(),
    " from auth.users u where u.id = $1 and u.instance_id = '00000000-0000-0000-0000-000000000000'"
);

/// The user with an id.
pub(crate) async fn find(db: &Db, id: Uuid) -> Result<Option<User>, pg::Error> {
    Ok(db.read(&Context::service(), BY_ID, &[&id]).await?.first().map(User::from_row))
}

/// The user with an id as it is within a transaction.
pub(crate) async fn reload(tx: &mut Transaction, id: Uuid) -> Result<Option<User>, pg::Error> {
    Ok(tx.query_opt(BY_ID, &[&id]).await?.as_ref().map(User::from_row))
}

const LOCK: &str = "select from auth.users where id = $1 for no key update";

/// Locks a user, so that what is done to one happens one after the other. The next statement sees what whoever held
/// the lock before has written.
pub(crate) async fn hold(tx: &mut Transaction, id: Uuid) -> Result<(), pg::Error> {
    tx.defer(LOCK, &[&id]).await
}

/// Locks a user, then reads it.
pub(crate) async fn lock(tx: &mut Transaction, id: Uuid) -> Result<Option<User>, pg::Error> {
    hold(tx, id).await?;
    reload(tx, id).await
}

const BY_EMAIL: &str = concat!(
    "select ",
    user_columns!(),
    " from auth.users u
      where u.instance_id = '00000000-0000-0000-0000-000000000000' and lower(u.email) = $1 and u.aud = $2
        and not u.is_sso_user
      limit 1"
);

/// The user with an email address (in lower case) in an audience; not one of single sign-on.
pub(crate) async fn find_by_email(db: &Db, email: &str, aud: &str) -> Result<Option<User>, pg::Error> {
    Ok(db.read(&Context::service(), BY_EMAIL, &[&email, &aud]).await?.first().map(User::from_row))
}

const WITH_EMAIL: &str = concat!(
    "select ",
    user_columns!(),
    " from auth.users u
      where u.id = coalesce(
        (select o.id from auth.identities i join auth.users o on o.id = i.user_id
         where i.email = $1 and i.provider not like 'sso:%' and o.aud = $2 and o.id is distinct from $3
         limit 1),
        (select o.id from auth.users o
         where o.instance_id = '00000000-0000-0000-0000-000000000000' and lower(o.email) = $1 and o.aud = $2
           and not o.is_sso_user and o.id is distinct from $3
         limit 1))"
);

/// The user, other than `besides`, who has an email address as their own or as that of an identity.
pub(crate) async fn find_duplicate(
    db: &Db,
    email: &str,
    aud: &str,
    besides: Option<Uuid>,
) -> Result<Option<User>, pg::Error> {
    Ok(db.read(&Context::service(), WITH_EMAIL, &[&email, &aud, &besides]).await?.first().map(User::from_row))
}

const HAS_PHONE: &str = "
    select true from auth.users
    where instance_id = '00000000-0000-0000-0000-000000000000' and phone = $1 and aud = $2 and not is_sso_user";

/// Whether a phone number (normalised) is taken in an audience.
pub(crate) async fn has_phone(db: &Db, phone: &str, aud: &str) -> Result<bool, pg::Error> {
    Ok(!db.read(&Context::service(), HAS_PHONE, &[&phone, &aud]).await?.is_empty())
}

const IS_EMAIL_CONFIRMED: &str = "
    select true from auth.users
    where instance_id = '00000000-0000-0000-0000-000000000000' and lower(email) = $1 and not is_sso_user
      and email_confirmed_at is not null";

/// Whether somebody has confirmed an email address (in lower case), in whatever audience.
pub(crate) async fn is_email_confirmed(db: &Db, email: &str) -> Result<bool, pg::Error> {
    Ok(!db.read(&Context::service(), IS_EMAIL_CONFIRMED, &[&email]).await?.is_empty())
}

const IS_PHONE_CONFIRMED: &str = "select true from auth.users where phone = $1 and phone_confirmed_at is not null";

/// Whether somebody has confirmed a phone number (normalised), in whatever audience.
pub(crate) async fn is_phone_confirmed(db: &Db, phone: &str) -> Result<bool, pg::Error> {
    Ok(!db.read(&Context::service(), IS_PHONE_CONFIRMED, &[&phone]).await?.is_empty())
}

const IS_TAKEN: &str = "
    select true from auth.users o
    where o.instance_id = '00000000-0000-0000-0000-000000000000' and lower(o.email) = $1 and o.aud = $2
      and not o.is_sso_user and o.id <> $3";

/// Whether somebody else has an email address (in lower case), as seen within a transaction.
pub(crate) async fn is_taken(tx: &mut Transaction, email: &str, aud: &str, besides: Uuid) -> Result<bool, pg::Error> {
    Ok(!tx.query(IS_TAKEN, &[&email, &aud, &besides]).await?.is_empty())
}

const BY_PHONE: &str = concat!(
    "select ",
    user_columns!(),
    " from auth.users u
      where u.instance_id = '00000000-0000-0000-0000-000000000000' and u.phone = $1 and u.aud = $2
        and not u.is_sso_user
      limit 1"
);

/// The user with a phone number (normalised) in an audience; not one of single sign-on.
pub(crate) async fn find_by_phone(db: &Db, phone: &str, aud: &str) -> Result<Option<User>, pg::Error> {
    Ok(db.read(&Context::service(), BY_PHONE, &[&phone, &aud]).await?.first().map(User::from_row))
}

const BY_PHONE_CHANGE: &str = concat!(
    "select ",
    user_columns!(),
    " from auth.users u
      where u.instance_id = '00000000-0000-0000-0000-000000000000' and u.phone_change = $1 and u.phone_change <> ''
        and u.aud = $2 and not u.is_sso_user
      limit 2"
);

/// The user who changes to a phone number; none where several do, since nothing tells whose code it is.
pub(crate) async fn find_by_phone_change(db: &Db, phone: &str, aud: &str) -> Result<Option<User>, pg::Error> {
    let rows = db.read(&Context::service(), BY_PHONE_CHANGE, &[&phone, &aud]).await?;
    Ok(rows.first().filter(|_| rows.len() == 1).map(User::from_row))
}
