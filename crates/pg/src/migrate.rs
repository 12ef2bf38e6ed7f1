//! Our own migrations: numbered, forward only, each in a transaction, one node at a time; and the passwords of
//! the roles that the services log in as.

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::error::SqlState;

use crate::adopt::{Refusal, adopt};
use crate::{Error, Session, Target, ident};

/// One file of `sql/`.
pub struct Migration {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal),* $(,)?) => {
        /// All migrations, in order.
        pub const MIGRATIONS: &[Migration] = &[$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../sql/", $name, ".sql")),
        }),*];
    };
}

migrations! {
    1 "0001_roles",
    2 "0002_auth_tables",
    3 "0003_auth_functions",
    4 "0004_storage_tables",
    5 "0005_storage_functions",
    6 "0006_storage_listing",
    7 "0007_vestibule",
    8 "0008_grants",
    9 "0009_schema_reload",
    10 "0010_auth_protection",
    11 "0011_unsent_letters",
    12 "0012_users_list",
    13 "0013_users_ranks",
    14 "0014_clean_up",
    15 "0015_history",
    16 "0016_users_moves_owner",
    17 "0017_users_list_covered",
    18 "0018_trigrams_planned_once",
    19 "0019_floors_and_long_hashes",
    20 "0020_letters_asked",
    21 "0021_phone_change",
}

/// The roles that services log in as.
pub const LOGIN_ROLES: [&str; 3] = ["supabase_auth_admin", "authenticator", "supabase_storage_admin"];

/// The advisory lock under which one node migrates: an arbitrary number that is ours. It belongs to the transaction
/// and not to the connection, which a pooler changes.
const LOCK: &str = "select pg_advisory_xact_lock(7221804451)";

const CREATE_HISTORY: &str = "
    create schema if not exists vestibule;
    create table if not exists vestibule.migrations (
        version integer primary key,
        name text not null,
        applied_at timestamptz not null default now()
    )";

pub(crate) const HAS_HISTORY: &str = "select to_regclass('vestibule.migrations') is not null";
const APPLIED: &str = "select version from vestibule.migrations";
const RECORD: &str = "insert into vestibule.migrations (version, name) values ($1, $2)";

/// A migration that failed.
#[derive(Debug, thiserror::Error)]
#[error("migration {name} failed: {error}{}", hint(.error))]
pub struct Failed {
    /// The file's name.
    pub name: &'static str,
    /// What the database said. No source: it is told once.
    pub error: Error,
}

fn hint(error: &Error) -> String {
    error.failure().hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default()
}

impl Migration {
    pub(crate) fn failed(&self, error: Error) -> Failed {
        Failed { name: self.name, error }
    }
}

/// Why a database could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A migration failed and was undone.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// It is another's database.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The database could not be asked.
    #[error(transparent)]
    Database(#[from] Error),
}

/// What a database was before it was brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// None of our migrations had been applied.
    Empty,
    /// Supabase's own service kept its accounts there.
    Supabases,
    /// It was ours already.
    Ours,
}

/// Brings the database up to date. Nodes that start together wait for each other; when nothing is to be done it
/// costs one connection and two queries.
///
/// # Errors
/// [`MigrateError`] when a migration fails, which leaves the database as the one before it left it.
pub async fn migrate(administrator: &Target) -> Result<Before, MigrateError> {
    let mut session = Session::open(administrator).await?;
    if pending(&session).await?.is_empty() {
        return Ok(Before::Ours);
    }
    let is_adopted = in_turn(&session, async || {
        session.batch(CREATE_HISTORY).await?;
        Ok::<_, MigrateError>(session.query(APPLIED, &[]).await?.is_empty() && adopt(&session).await?)
    })
    .await?;
    let mut applied = 0;
    for migration in MIGRATIONS {
        applied += usize::from(apply(&session, migration).await.map_err(|error| migration.failed(error))?);
        // What a migration had to leave out on this server, with the way to mend it.
        for notice in session.notices().into_iter().filter(|notice| notice.starts_with("WARNING")) {
            tracing::warn!(migration = migration.name, "{notice}");
        }
    }
    Ok(match is_adopted {
        true => Before::Supabases,
        false if applied == MIGRATIONS.len() => Before::Empty,
        false => Before::Ours,
    })
}

/// Whether nothing is to be done, as a login sees it that may not do it: what it may not look at is not up to date.
///
/// # Errors
/// [`Error`] when the database cannot be reached.
pub async fn is_up_to_date(login: &Target) -> Result<bool, Error> {
    match pending(&Session::open(login).await?).await {
        Ok(pending) => Ok(pending.is_empty()),
        Err(error) if error.sqlstate() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn pending(session: &Session) -> Result<Vec<&'static Migration>, Error> {
    let has_history: bool = session.query(HAS_HISTORY, &[]).await?.first().is_some_and(|row| row.get(0));
    if !has_history {
        return Ok(MIGRATIONS.iter().collect());
    }
    let applied: Vec<i32> = session.query(APPLIED, &[]).await?.iter().map(|row| row.get(0)).collect();
    Ok(MIGRATIONS.iter().filter(|migration| !applied.contains(&migration.version)).collect())
}

/// Applies a migration unless another node has done so meanwhile; whether it did.
async fn apply(session: &Session, migration: &'static Migration) -> Result<bool, Error> {
    in_turn(session, async || {
        if !pending(session).await?.iter().any(|pending| pending.version == migration.version) {
            return Ok(false);
        }
        session.batch(migration.sql).await?;
        record(session, migration.version, migration.name).await?;
        tracing::debug!(migration = migration.name, "migrated");
        Ok(true)
    })
    .await
}

pub(crate) async fn record(session: &Session, version: i32, name: &str) -> Result<(), Error> {
    session.query(RECORD, &[&version, &name]).await.map(drop)
}

/// Runs something in a transaction while no other node is in one like it.
async fn in_turn<T, E: From<Error>>(session: &Session, run: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, E> {
    session.batch("begin").await?;
    let outcome = match session.batch(LOCK).await {
        Ok(()) => run().await,
        Err(error) => Err(error.into()),
    };
    session.batch(if outcome.is_ok() { "commit" } else { "rollback" }).await?;
    outcome
}

/// Makes sure that `role` can log in with `password`: on a database that was empty by setting it, else by trying
/// first, since another node may just be using it.
///
/// # Errors
/// [`Error`] when the database cannot be reached or the administrator may not set passwords.
pub async fn ensure_login(
    administrator: &Target,
    role: &str,
    password: &SecretString,
    before: Before,
) -> Result<(), Error> {
    if before != Before::Empty {
        match Session::open(&administrator.as_role(role, password)).await {
            Ok(_) => return Ok(()),
            Err(error) if is_refused(&error) => tracing::warn!(role, "the role's password is set anew"),
            Err(error) => return Err(error),
        }
    }
    let session = Session::open(administrator).await?;
    // PostgreSQL fails rather than waits when two nodes alter a role at once.
    let (role, password) = (ident::quote(role), ident::literal(password.expose_secret()));
    session.batch(&format!("{LOCK}; alter role {role} password {password}")).await
}

fn is_refused(error: &Error) -> bool {
    let refusals = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
    error.sqlstate().is_some_and(|state| refusals.contains(state))
}
