//! `supabase/migrations/<version>_<name>.sql`, in the order of their versions, each once.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pg::Session;

const APPLIED: &str = "select version from supabase_migrations.schema_migrations";
const RECORD: &str =
    "insert into supabase_migrations.schema_migrations (version, statements, name) values ($1, $2, $3)";

/// A file of the folder.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Migration {
    version: String,
    name: String,
    path: PathBuf,
}

/// Applies the migrations that the database has not had yet.
///
/// # Errors
/// For the first file that fails; those before it stay applied, as the Supabase CLI has it.
pub(super) async fn apply(folder: &Path, session: &Session) -> Result<()> {
    let migrations = find(folder)?;
    let rows = session.query(APPLIED, &[]).await?;
    let applied: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    for migration in migrations.into_iter().filter(|migration| !applied.contains(&migration.version)) {
        let place = migration.path.display().to_string();
        let text = std::fs::read_to_string(&migration.path).with_context(|| format!("cannot read {place}"))?;
        session.batch("begin").await?;
        match run(session, &migration, &text, &place).await {
            Ok(()) => session.batch("commit").await.with_context(|| place.clone())?,
            Err(error) => {
                session.batch("rollback").await?;
                return Err(error);
            }
        }
        tracing::info!(migration = place, "applied");
    }
    Ok(())
}

async fn run(session: &Session, migration: &Migration, text: &str, place: &str) -> Result<()> {
    let statements = super::run_statements(session, text, place).await?;
    // A migration may have changed the role or the search path.
    session.batch("reset all").await?;
    session.query(RECORD, &[&migration.version, &statements, &migration.name]).await?;
    Ok(())
}

/// The files of the folder that are migrations, in order. Others are skipped with a warning, as the CLI does.
fn find(folder: &Path) -> Result<Vec<Migration>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
    };
    let mut migrations = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(stem) = file.strip_suffix(".sql") else { continue };
        let (version, name) = stem.split_once('_').unwrap_or((stem, ""));
        if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
            tracing::warn!(file, "not a migration: its name does not match <version>_<name>.sql");
            continue;
        }
        migrations.push(Migration { version: version.to_owned(), name: name.to_owned(), path });
    }
    migrations.sort();
    if let Some(twins) = migrations.windows(2).find(|pair| pair[0].version == pair[1].version) {
        bail!("{} and {} have the same version", twins[0].path.display(), twins[1].path.display());
    }
    Ok(migrations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_ordered_by_version_and_others_are_skipped() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        for name in ["20240102000000_b.sql", "20240101000000_a.sql", "README.md", "draft.sql"] {
            std::fs::write(folder.path().join(name), "select 1").expect("a file");
        }
        let found = find(folder.path()).expect("a readable folder");
        let names: Vec<_> = found.iter().map(|migration| migration.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(find(&folder.path().join("nowhere")).expect("no folder is no migration"), []);
        std::fs::write(folder.path().join("20240101000000_c.sql"), "").expect("a file");
        assert!(find(folder.path()).expect_err("twins").to_string().contains("the same version"));
    }
}
