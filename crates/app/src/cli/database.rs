//! Running SQL text as the administrator and printing what comes, in one of several forms, as a stream.

use std::fmt::Write as _;
use std::io::{BufWriter, StdoutLock, Write as _};

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use futures_util::StreamExt;
use pg::{Error, Session, SimpleQueryMessage};

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns, for people
    Table,
    /// RFC 4180; NULL is an empty field, the empty string is ""
    Csv,
    /// One JSON object per row, in an array
    Json,
}

/// How many rows are looked at to find the widths of a table's columns.
const LOOK_AHEAD: usize = 200;

/// Runs `sql` and prints its results.
///
/// # Errors
/// The database's error with the line in `sql` where it can be told.
pub(super) async fn print(session: &Session, sql: &str, format: Format, place: Option<&str>) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let printed = match format {
        Format::Csv => csv(session, sql, &mut out).await,
        Format::Json => json(session, sql, &mut out).await,
        Format::Table => table(session, sql, &mut out).await,
    };
    let flushed = out.flush();
    match printed {
        Ok(()) => Ok(flushed.or_else(ignore_closed)?),
        Err(stop) => stop.explain(sql, place).map_or(Ok(()), Err),
    }
}

/// Why printing stopped.
enum Stop {
    Database(Error),
    Output(std::io::Error),
}

impl Stop {
    /// The error to show; none when the reader of our output went away.
    fn explain(self, sql: &str, place: Option<&str>) -> Option<anyhow::Error> {
        match self {
            Self::Database(error) => Some(located(&error, sql, place)),
            Self::Output(error) => {
                ignore_closed(error).err().map(|error| anyhow!(error).context("cannot write the result"))
            }
        }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

fn ignore_closed(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// A database error with the place in the text, its SQLSTATE, and PostgreSQL's hint.
pub(crate) fn located(error: &Error, sql: &str, place: Option<&str>) -> anyhow::Error {
    let Some(db) = error.db() else { return anyhow!("cannot run the SQL: {error}") };
    let mut text = String::new();
    let line = error.line_in(sql);
    match (place, line) {
        (Some(place), Some(line)) => drop(write!(text, "{place}: line {line}: ")),
        (Some(place), None) => drop(write!(text, "{place}: ")),
        (None, Some(line)) if sql.contains('\n') => drop(write!(text, "line {line}: ")),
        _ => {}
    }
    let _ = write!(text, "{} (SQLSTATE {})", db.message(), db.code().code());
    if let Some(detail) = db.detail() {
        let _ = write!(text, "\ndetail: {detail}");
    }
    if let Some(hint) = db.hint() {
        let _ = write!(text, "\nhint: {hint}");
    }
    anyhow!(text)
}

type Output = BufWriter<StdoutLock<'static>>;

async fn csv(session: &Session, sql: &str, out: &mut Output) -> Result<(), Stop> {
    let mut chunks = std::pin::pin!(pg::csv::encode(session.run(sql).await?));
    while let Some(chunk) = chunks.next().await {
        out.write_all(&chunk?)?;
    }
    Ok(())
}

/// Types whose text is JSON already.
const BARE_TYPES: [&str; 9] = ["int2", "int4", "int8", "float4", "float8", "numeric", "bool", "json", "jsonb"];

async fn json(session: &Session, sql: &str, out: &mut Output) -> Result<(), Stop> {
    // Several statements cannot be described together; their values are printed as text then.
    let columns = session.describe(sql).await.unwrap_or_default();
    let is_bare = |index: usize| columns.get(index).is_some_and(|(_, kind)| BARE_TYPES.contains(&kind.as_str()));
    let mut messages = std::pin::pin!(session.run(sql).await?);
    let mut separator = "[";
    while let Some(message) = messages.next().await {
        let SimpleQueryMessage::Row(row) = message? else { continue };
        let members = (0..row.len()).map(|index| {
            let name = serde_json::Value::from(row.columns()[index].name());
            format!("{name}:{}", json_value(row.get(index), is_bare(index)))
        });
        let object = members.collect::<Vec<_>>().join(",");
        out.write_all(format!("{separator}{{{object}}}").as_bytes())?;
        separator = ",\n ";
    }
    out.write_all(if separator == "[" { b"[]\n" } else { b"]\n" })?;
    Ok(())
}

fn json_value(text: Option<&str>, is_bare: bool) -> String {
    match text {
        None => "null".to_owned(),
        Some("t") if is_bare => "true".to_owned(),
        Some("f") if is_bare => "false".to_owned(),
        // `NaN` and `Infinity` are numbers to PostgreSQL and not to JSON.
        Some(text) if is_bare && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => text.to_owned(),
        Some(text) => serde_json::Value::from(text).to_string(),
    }
}

async fn table(session: &Session, sql: &str, out: &mut Output) -> Result<(), Stop> {
    let mut messages = std::pin::pin!(session.run(sql).await?);
    let mut waiting: Vec<Vec<String>> = Vec::new();
    let mut widths: Option<Vec<usize>> = None;
    while let Some(message) = messages.next().await {
        match message? {
            SimpleQueryMessage::RowDescription(columns) => {
                waiting = vec![columns.iter().map(|column| column.name().to_owned()).collect()];
                widths = None;
            }
            SimpleQueryMessage::Row(row) => {
                waiting.push((0..row.len()).map(|index| cell(row.get(index))).collect());
                if waiting.len() > LOOK_AHEAD {
                    write_rows(out, &mut waiting, &mut widths)?;
                }
            }
            SimpleQueryMessage::CommandComplete(count) => {
                let had_rows = widths.is_some() || !waiting.is_empty();
                write_rows(out, &mut waiting, &mut widths)?;
                let noun = if count == 1 { "row" } else { "rows" };
                let line = if had_rows { format!("({count} {noun})\n") } else { format!("done ({count} {noun})\n") };
                out.write_all(line.as_bytes())?;
                widths = None;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A value in one line; control characters could play tricks on a terminal.
fn cell(text: Option<&str>) -> String {
    let text = text.unwrap_or("NULL");
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn write_rows(out: &mut Output, rows: &mut Vec<Vec<String>>, widths: &mut Option<Vec<usize>>) -> std::io::Result<()> {
    let is_first = widths.is_none();
    let widths = widths.get_or_insert_with(|| {
        let columns = rows.first().map_or(0, Vec::len);
        (0..columns).map(|index| rows.iter().map(|row| row[index].chars().count()).max().unwrap_or(0)).collect()
    });
    for (number, row) in rows.drain(..).enumerate() {
        let cells: Vec<_> = row.iter().zip(widths.iter()).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.write_all(format!("{}\n", cells.join(" | ").trim_end()).as_bytes())?;
        if is_first && number == 0 {
            let rule: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
            out.write_all(format!("{}\n", rule.join("-+-")).as_bytes())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_json_by_their_type() {
        assert_eq!(json_value(Some("27"), true), "27");
        assert_eq!(json_value(Some("27"), false), "\"27\"");
        assert_eq!(json_value(Some("t"), true), "true");
        assert_eq!(json_value(Some("NaN"), true), "\"NaN\"");
        assert_eq!(json_value(Some("{\"a\": 1}"), true), "{\"a\": 1}");
        assert_eq!(json_value(None, true), "null");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(cell(Some("a\u{1b}[31m\nb")), "a\u{fffd}[31m\u{fffd}b");
        assert_eq!(cell(None), "NULL");
    }
}
