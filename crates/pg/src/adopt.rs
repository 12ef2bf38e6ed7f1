//! Takes over a database in which Supabase's own service keeps its accounts: schema `auth` stays as it is, rows,
//! rights, policies and triggers with it, and only what our migrations have besides is added.
//!
//! What schema `auth` must have is not listed here: our migrations make it anew beside the one that is there, in a
//! transaction that is undone, and the catalogue is read of both.

use std::collections::HashMap;

use crate::migrate::{HAS_HISTORY, MIGRATIONS, MigrateError, record};
use crate::{Error, Session, Target};

/// The newest migration of Supabase's service that our schema `auth` is equal to.
pub const VERSION: &str = "20260625000000";

/// Migrations of ours that are about schema `auth` alone, and those about schema `storage`.
const AUTH: [i32; 2] = [2, 3];
const STORAGE: [i32; 3] = [4, 5, 6];

/// How the record of migrations tells what was not applied. The SQL of later ones asks for these names.
const ADOPTED: &str = " (adopted)";
const LEFT_OUT: &str = " (left out)";

const TAKEN: &str = "
    select current_database()::text, to_regnamespace('auth') is not null, to_regnamespace('storage') is not null,
      (select count(*) = 2 from pg_catalog.pg_attribute
       where (attrelid, attname) in (
         (to_regclass('auth.schema_migrations'), 'version'), (to_regclass('auth.users'), 'encrypted_password')))";

/// Supabase's service is told by its first migration, which has this name and not a time as the others.
const NEWEST: &str = r#"
    select max(version::text collate "C"), coalesce(bool_or(version::text = '00'), false) from auth.schema_migrations"#;

/// Whether schema `storage` was left out, or would be.
const OTHERS_FILES: &str = "
    select case
      when exists (select from vestibule.migrations)
      then exists (select from vestibule.migrations where name = '0004_storage_tables (left out)')
      else to_regnamespace('storage') is not null and to_regclass('auth.schema_migrations') is not null
    end";
const OTHERS_FILES_BEFORE: &str = "
    select to_regnamespace('storage') is not null and to_regclass('auth.schema_migrations') is not null";

/// What schema `auth` is made of; the last column makes what is missing.
const PARTS: &str = "
    select 'type' as kind, t.typname::text as name,
      (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid) as definition,
      null as statement
    from pg_type t where t.typnamespace = 'auth'::regnamespace and t.typtype = 'e'
    union all
    select 'column', format('%s.%s', c.relname, a.attname), concat_ws(' ', format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end,
        case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) when d.oid is not null then 'default' end),
      null
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      and pg_get_expr(d.adbin, d.adrelid) not like 'NULL::%'
    where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r' and c.relname <> 'schema_migrations'
    union all
    select 'constraint', format('%s.%s', c.relname, n.conname), pg_get_constraintdef(n.oid),
      format('alter table auth.%I add constraint %I %s', c.relname, n.conname, pg_get_constraintdef(n.oid))
    from pg_constraint n join pg_class c on c.oid = n.conrelid
    where c.relnamespace = 'auth'::regnamespace and n.contype in ('p', 'u', 'f', 'c')
      and c.relname <> 'schema_migrations'
    union all
    select 'index', i.relname::text, '', pg_get_indexdef(i.oid)
    from pg_index x join pg_class i on i.oid = x.indexrelid
    where i.relnamespace = 'auth'::regnamespace
      and not exists (select from pg_constraint n where n.conindid = x.indexrelid and n.contype in ('p', 'u'))
    union all
    select 'function', p.oid::regprocedure::text, pg_get_function_result(p.oid), pg_get_functiondef(p.oid)
    from pg_proc p where p.pronamespace = 'auth'::regnamespace and p.prokind = 'f'";

/// Gives tables and types to the role that the service logs in as; whoever had them keeps its rights through it.
const GIVE: &str = "
    select statement from (
      select 1 as step, 'grant all on schema auth to supabase_auth_admin' as statement
      where not has_schema_privilege('supabase_auth_admin', 'auth', 'usage')
        or not has_schema_privilege('supabase_auth_admin', 'auth', 'create')
      union all
      select 2, format('alter %s auth.%I owner to supabase_auth_admin', kind, name)
      from (
        select 'table' as kind, relname as name, relowner as owner from pg_class
        where relnamespace = 'auth'::regnamespace and relkind = 'r'
        union all
        select 'type', typname, typowner from pg_type where typnamespace = 'auth'::regnamespace and typtype = 'e'
      ) owned
      where owner <> 'supabase_auth_admin'::regrole and (name::text = any($1) or name = 'schema_migrations')
      union all
      select distinct 3, format('grant supabase_auth_admin to %I', r.rolname)
      from pg_class c join pg_roles r on r.oid = c.relowner
      where c.relnamespace = 'auth'::regnamespace and c.relkind = 'r' and c.relname::text = any($1)
        and not r.rolsuper and r.rolname <> 'supabase_auth_admin'
    ) given order by step";

/// Why a database that has a schema `auth` or `storage` is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The schemas are of something else.
    #[error(
        "database {database} already has: schema {taken}\nhint: start with an empty database, or with one whose \
         schema auth is of Supabase's service at version {VERSION}"
    )]
    Taken {
        /// The database.
        database: String,
        /// Its schemas.
        taken: &'static str,
    },
    /// Another version than ours.
    #[error(
        "schema auth is of Supabase's service at version {version}, and only {VERSION} can be taken over: {}",
        if version.as_str() < VERSION {
            "let that service's newest version migrate it first, then do this again"
        } else {
            "use a newer release of this program"
        }
    )]
    Version {
        /// The newest of its migrations.
        version: String,
    },
    /// The version is ours, but somebody has changed it.
    #[error("schema auth is of Supabase's service at version {VERSION}, but differs from it: {}", .0.join("; "))]
    Differs(Vec<String>),
}

/// A part of schema `auth`, and what makes it.
struct Part {
    definition: Option<String>,
    statement: Option<String>,
}

type Parts = HashMap<(String, String), Part>;

/// Takes the database over if Supabase's service keeps accounts there; whether it does. Runs within the transaction
/// in which the record of our migrations was found empty.
pub(crate) async fn adopt(session: &Session) -> Result<bool, MigrateError> {
    let Some(has_storage) = recognise(session).await? else { return Ok(false) };
    // First the record: what the database's owner has decided is not changed by migrations that see it.
    for migration in MIGRATIONS {
        if AUTH.contains(&migration.version) {
            record(session, migration.version, &format!("{}{ADOPTED}", migration.name)).await?;
        } else if has_storage && STORAGE.contains(&migration.version) {
            record(session, migration.version, &format!("{}{LEFT_OUT}", migration.name)).await?;
        }
    }
    let roles = &MIGRATIONS[0];
    session.batch(roles.sql).await.map_err(|error| roles.failed(error))?;
    record(session, roles.version, roles.name).await?;
    complete(session).await?;
    Ok(true)
}

/// Whether schema `auth` is one that can be taken over, and if so whether there is a schema `storage` too.
async fn recognise(session: &Session) -> Result<Option<bool>, MigrateError> {
    let rows = session.query(TAKEN, &[]).await?;
    let [taken] = rows.as_slice() else { return Ok(None) };
    let (database, has_auth, has_storage, is_like_supabases) = (taken.get(0), taken.get(1), taken.get(2), taken.get(3));
    let taken = match (has_auth, has_storage) {
        (false, false) => return Ok(None),
        (true, false) => "auth",
        (false, true) => "storage",
        (true, true) => "auth, storage",
    };
    let newest = if is_like_supabases { session.query(NEWEST, &[]).await? } else { Vec::new() };
    match newest.first().map(|row| (row.get::<_, Option<String>>(0), row.get(1))) {
        Some((Some(version), true)) if version == VERSION => Ok(Some(has_storage)),
        Some((Some(version), true)) => Err(Refusal::Version { version }.into()),
        _ => Err(Refusal::Taken { database, taken }.into()),
    }
}

/// Adds to schema `auth` what our migrations have besides Supabase's.
async fn complete(session: &Session) -> Result<(), MigrateError> {
    let wanted = wanted(session).await?;
    let found = parts(session).await?;
    let differing = differing(&wanted, &found);
    if !differing.is_empty() {
        return Err(Refusal::Differs(differing).into());
    }
    let names: Vec<&str> =
        wanted.keys().map(|(_, name)| name.split_once('.').map_or(name.as_str(), |(table, _)| table)).collect();
    for row in session.query(GIVE, &[&names]).await? {
        session.batch(row.get(0)).await?;
    }
    session.batch("set local role supabase_auth_admin").await?;
    let missing = wanted.iter().filter(|(key, _)| !found.contains_key(key));
    for statement in missing.filter_map(|(_, part)| part.statement.as_deref()) {
        tracing::debug!(statement, "added to schema auth");
        session.batch(statement).await?;
    }
    session.batch("reset role").await?;
    Ok(())
}

/// The parts that our migrations would make. The schema that is there steps aside for the moment; nobody else sees
/// that, and it is undone.
async fn wanted(session: &Session) -> Result<Parts, MigrateError> {
    session.batch("savepoint wanted; alter schema auth rename to vestibule_adopts_auth").await?;
    for migration in MIGRATIONS.iter().filter(|migration| AUTH.contains(&migration.version)) {
        session.batch(migration.sql).await.map_err(|error| migration.failed(error))?;
    }
    let parts = parts(session).await?;
    session.batch("rollback to savepoint wanted").await?;
    Ok(parts)
}

/// With nothing on the search path every name is told in full.
async fn parts(session: &Session) -> Result<Parts, Error> {
    session.batch("savepoint parts; set local search_path = ''").await?;
    let rows = session.query(PARTS, &[]).await?;
    session.batch("rollback to savepoint parts").await?;
    let part =
        |row: &crate::SessionRow| ((row.get(0), row.get(1)), Part { definition: row.get(2), statement: row.get(3) });
    Ok(rows.iter().map(part).collect())
}

/// What is there and not as it must be, or is missing and cannot just be made.
fn differing(wanted: &Parts, found: &Parts) -> Vec<String> {
    let mut differing: Vec<String> = wanted
        .iter()
        .filter_map(|(key @ (kind, name), part)| match found.get(key) {
            Some(found) if found.definition == part.definition => None,
            Some(_) => Some(format!("{kind} {name} is another")),
            None if part.statement.is_some() => None,
            None => Some(format!("{kind} {name} is missing")),
        })
        .collect();
    differing.sort_unstable();
    differing
}

/// Whether files in this database are another service's, so that only accounts can be served from it.
///
/// # Errors
/// [`Error`] when the database cannot be reached.
pub async fn has_others_files(administrator: &Target) -> Result<bool, Error> {
    let session = Session::open(administrator).await?;
    let has = async |sql| Ok::<bool, Error>(session.query(sql, &[]).await?.first().is_some_and(|row| row.get(0)));
    if has(HAS_HISTORY).await? { has(OTHERS_FILES).await } else { has(OTHERS_FILES_BEFORE).await }
}
