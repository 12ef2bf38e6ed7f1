//! The project folder: `supabase/migrations` and the seed files, applied as the Supabase CLI does.

mod migrations;
mod seed;

use std::path::Path;

use anyhow::{Context, Result};
use pg::migrate::Before;
use pg::{Session, Target};

use crate::settings::Settings;

/// One process at a time, whatever node it is on.
const LOCK: &str = "select pg_advisory_lock(7221804452)";

const CREATE_HISTORY: &str = "
    create schema if not exists supabase_migrations;
    create table if not exists supabase_migrations.schema_migrations (
        version text primary key, statements text[], name text
    );
    create table if not exists supabase_migrations.seed_files (path text primary key, hash text not null)";

/// Applies what is new in the project's folder. `before` is what the database was: only a new one is seeded.
///
/// # Errors
/// When a file fails: its name, the line, the SQLSTATE. That file has changed nothing then.
pub async fn apply(folder: &Path, settings: &Settings, administrator: &Target, before: Before) -> Result<()> {
    let folder = folder.join("supabase");
    let session = Session::open(administrator).await?;
    session.batch(LOCK).await?;
    session.batch(CREATE_HISTORY).await.context("cannot keep the history of migrations")?;
    if before == Before::Empty && settings.seed {
        seed::remember(&session).await?;
    }
    if settings.migrations {
        migrations::apply(&folder.join("migrations"), &session).await?;
    }
    if settings.seed {
        seed::apply(&folder, &settings.seed_paths, &session).await?;
    }
    Ok(())
}

/// Runs the statements of a file one by one within the open transaction, so that a failure can be placed.
///
/// # Errors
/// With the file's name, the line and the SQLSTATE.
async fn run_statements(session: &Session, text: &str, place: &str) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    for statement in pg::statements::split(text).into_iter().filter(|statement| !statement.tokens.is_empty()) {
        session.batch(statement.whole).await.map_err(|error| failed(&error, text, &statement, place))?;
        statements.push(statement.whole.trim().trim_end_matches(';').to_owned());
    }
    Ok(statements)
}

fn failed(error: &pg::Error, text: &str, statement: &pg::statements::Statement<'_>, place: &str) -> anyhow::Error {
    // Without a position, as with a violated constraint, the line of the statement's first word.
    let first_word = statement.tokens.first().and_then(|token| statement.whole.find(token.text)).unwrap_or(0);
    let line_at = |bytes: usize| 1 + text[..bytes].matches('\n').count();
    let line = match error.line_in(statement.whole) {
        Some(line) => line_at(statement.start) + line - 1,
        None => line_at(statement.start + first_word),
    };
    let failure = error.failure();
    let mut message = format!("{place}: line {line}: {}", failure.message);
    if let Some(sqlstate) = &failure.sqlstate {
        message.push_str(&format!(" (SQLSTATE {sqlstate})"));
    }
    for (name, value) in [("detail", &failure.detail), ("hint", &failure.hint), ("function", &failure.function)] {
        if let Some(value) = value {
            message.push_str(&format!("\n{name}: {value}"));
        }
    }
    anyhow::anyhow!(message)
}
