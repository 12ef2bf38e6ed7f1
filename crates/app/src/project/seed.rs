//! Seed files: run once on a database that was new, after its migrations.

use std::path::Path;

use anyhow::{Context, Result};
use pg::Session;
use sha2::{Digest, Sha256};

/// That a new database awaits its seed is a row, so that a failed start does not lose it.
const REMEMBER: &str = "
    insert into vestibule.settings (key, value, version) values ('project.seed', '\"pending\"', 1)
    on conflict (key) do nothing";
const IS_PENDING: &str = "select true from vestibule.settings where key = 'project.seed' and value = '\"pending\"'";
const DONE: &str = "update vestibule.settings set value = '\"done\"', updated_at = now() where key = 'project.seed'";
const RECORD: &str = "
    insert into supabase_migrations.seed_files (path, hash) values ($1, $2)
    on conflict (path) do update set hash = excluded.hash";

/// Notes that this database is new and is to be seeded.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn remember(session: &Session) -> Result<()> {
    Ok(session.batch(REMEMBER).await?)
}

/// Runs the seed files if the database awaits them: all of them or none.
///
/// # Errors
/// With file, line and SQLSTATE; the database is as before then and is seeded at the next start.
pub(super) async fn apply(folder: &Path, paths: &[String], session: &Session) -> Result<()> {
    if session.query(IS_PENDING, &[]).await?.is_empty() {
        return Ok(());
    }
    session.batch("begin").await?;
    match run(folder, paths, session).await {
        Ok(()) => Ok(session.batch("commit").await?),
        Err(error) => {
            session.batch("rollback").await?;
            Err(error)
        }
    }
}

async fn run(folder: &Path, paths: &[String], session: &Session) -> Result<()> {
    for path in paths {
        let file = folder.join(path);
        let place = file.display().to_string();
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {place}")),
        };
        super::run_statements(session, &text, &place).await?;
        session.batch("reset all").await?;
        let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        session.query(RECORD, &[path, &hash]).await?;
        tracing::info!(file = place, "seeded");
    }
    Ok(session.batch(DONE).await?)
}
