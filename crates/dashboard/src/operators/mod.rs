//! Operators: the people who may use the console. They are no users of the application.

pub mod passwords;
pub(crate) mod sessions;
pub(crate) mod throttle;

use base::{Clock, Random};
use jiff::Timestamp;
use pg::{Context, Db, Row};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

pub use crate::access::Role;
use passwords::Hashing;

/// The address of the operator that a new installation starts with.
pub const FIRST_EMAIL: &str = "admin@vestibule.local";

/// The operator that was made at the first start.
#[derive(Debug)]
pub struct FirstOperator {
    /// The address to sign in with.
    pub email: String,
    /// The one-time password, which must be changed at the first log-in.
    pub password: SecretString,
}

/// Why an operator could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] pg::Error),
    /// The text is no e-mail address.
    #[error("`{0}` is not an email address")]
    Email(String),
    /// There is one already.
    #[error("there is an operator {0} already")]
    Exists(String),
    /// There is none.
    #[error("there is no operator {0}")]
    NotFound(String),
    /// The password does not keep the rules.
    #[error("{0}")]
    Weak(&'static str),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Hashing,
}

const HAS_ANY: &str = "select exists (select from vestibule.operators)";

const INSERT: &str = "
    insert into vestibule.operators (email, password_hash, role, must_change_password, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $5)
    on conflict (lower(email)) do nothing
    returning id";

const IS_PENDING: &str = "
    select exists (select from vestibule.operators
                   where lower(email) = lower($1) and must_change_password and disabled_at is null)";

const RESET: &str = "
    with changed as (
        update vestibule.operators set password_hash = $2, must_change_password = true, updated_at = $3
        where lower(email) = lower($1)
        returning id
    ), ended as (
        delete from vestibule.operator_sessions where operator_id in (select id from changed)
    )
    select id from changed";

/// Makes the first operator if there is none; of several nodes that start together, one does.
///
/// # Errors
/// [`Error::Database`].
pub async fn ensure_first(db: &Db, clock: &Clock, random: &Random) -> Result<Option<FirstOperator>, Error> {
    let has_any: bool = db.read(&Context::service(), HAS_ANY, &[]).await?.first().is_some_and(|row| row.get(0));
    if has_any {
        return Ok(None);
    }
    let password = base::project::one_time_password(random);
    let new = NewOperator { email: FIRST_EMAIL, password: &password, role: Role::Owner, must_change_password: true };
    match create(db, clock, random, &new).await {
        Ok(_) => Ok(Some(FirstOperator { email: FIRST_EMAIL.into(), password })),
        Err(Error::Exists(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the first operator still has the one-time password.
///
/// # Errors
/// [`pg::Error`].
pub async fn still_pending(db: &Db) -> Result<bool, pg::Error> {
    let rows = db.read(&Context::service(), IS_PENDING, &[&FIRST_EMAIL]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// An operator to be made.
#[derive(Debug)]
pub struct NewOperator<'a> {
    /// The address to sign in with.
    pub email: &'a str,
    /// The password, of at least 12 characters.
    pub password: &'a SecretString,
    /// What the operator may do.
    pub role: Role,
    /// Whether the password must be changed at the first log-in.
    pub must_change_password: bool,
}

/// Makes an operator and returns the id.
///
/// # Errors
/// [`Error`] when the address is taken or no address, or the password is weak.
pub async fn create(db: &Db, clock: &Clock, random: &Random, new: &NewOperator<'_>) -> Result<Uuid, Error> {
    let email = normalise(new.email).ok_or_else(|| Error::Email(new.email.to_owned()))?;
    let hash = hash(random, new.password).await?;
    let now = clock.now();
    let role = new.role.name();
    let rows = db
        .read(&Context::service(), INSERT, &[&email, &hash.expose_secret(), &role, &new.must_change_password, &now])
        .await?;
    rows.first().map(|row| row.get(0)).ok_or(Error::Exists(email))
}

/// Gives an operator a new one-time password and ends all of the operator's sessions.
///
/// # Errors
/// [`Error::NotFound`] or [`Error::Database`].
pub async fn reset_password(db: &Db, clock: &Clock, random: &Random, email: &str) -> Result<SecretString, Error> {
    let password = base::project::one_time_password(random);
    let hash = hash(random, &password).await?;
    let rows = db.read(&Context::service(), RESET, &[&email.trim(), &hash.expose_secret(), &clock.now()]).await?;
    if rows.is_empty() {
        return Err(Error::NotFound(email.to_owned()));
    }
    Ok(password)
}

async fn hash(random: &Random, password: &SecretString) -> Result<SecretString, Error> {
    passwords::check_strength(password.expose_secret()).map_err(Error::Weak)?;
    Hashing::new(random.clone()).hash(password.clone()).await.map_err(|_| Error::Hashing)
}

/// An address as it is kept: trimmed and in lower case.
fn normalise(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    let (local, domain) = email.split_once('@')?;
    let is_plain = !email.contains(|c: char| c.is_whitespace() || c.is_control()) && !domain.contains('@');
    (is_plain && !local.is_empty() && !domain.is_empty() && email.len() <= 320).then_some(email)
}

/// What a log-in needs to know.
pub(crate) struct Account {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) role: Role,
    pub(crate) must_change_password: bool,
    pub(crate) password_hash: SecretString,
}

const FIND: &str = "
    select id, email, role, must_change_password, password_hash
    from vestibule.operators where lower(email) = lower($1) and disabled_at is null";

const SET_PASSWORD: &str = "
    update vestibule.operators set password_hash = $2, must_change_password = false, updated_at = $3 where id = $1";

impl Account {
    /// The account of an address, unless it is disabled.
    pub(crate) async fn find(db: &Db, email: &str) -> Result<Option<Self>, pg::Error> {
        let rows = db.read(&Context::service().read_only(), FIND, &[&email]).await?;
        Ok(rows.first().and_then(Self::from_row))
    }

    fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            id: row.get(0),
            email: row.get(1),
            role: Role::named(row.get(2))?,
            must_change_password: row.get(3),
            password_hash: row.get::<_, String>(4).into(),
        })
    }
}

/// Replaces a password by one that the operator chose.
pub(crate) async fn set_password(
    transaction: &mut pg::Transaction,
    id: Uuid,
    hash: &SecretString,
    now: Timestamp,
) -> Result<(), pg::Error> {
    transaction.execute(SET_PASSWORD, &[&id, &hash.expose_secret(), &now]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn addresses_are_trimmed_lower_case_and_have_two_parts() {
        assert_eq!(normalise(" Ann@Example.COM ").as_deref(), Some("ann@example.com"));
        for wrong in ["", "@", "a@", "@b", "a b@c", "a@b@c", "a\n@b"] {
            assert_eq!(normalise(wrong), None, "{wrong:?}");
        }
    }
}
