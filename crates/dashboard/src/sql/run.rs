//! Running an operator's statements on a connection of their own.

use std::time::Instant;

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use futures_util::{TryStreamExt, pin_mut};
use pg::{Session, SimpleColumn, SimpleQueryMessage, SimpleQueryRow};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::failure::SqlFailure;
use super::statement::{Statement, split_runnable, without_literals};
use crate::audit::Entry;
use crate::error::Error;
use crate::extract::Json;
use crate::operators::sessions::Operator;
use crate::state::State;

/// How many statements' columns get their types; each costs a round trip.
const MAX_DESCRIBED: usize = 100;

/// How much of a text goes into the audit trail.
const TRAIL_BYTES: usize = 2000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    query: String,
    #[serde(default)]
    read_only: bool,
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(crate) struct Answer {
    results: Vec<Outcome>,
    notices: Vec<String>,
}

#[derive(Serialize)]
struct Outcome {
    command: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Option<String>>>,
    row_count: u64,
    truncated: bool,
    duration_ms: f64,
}

#[derive(Clone, Serialize)]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

/// `POST /sql`
pub(crate) async fn run(
    Extract(state): Extract<State>,
    operator: Operator,
    Json(request): Json<Request>,
) -> Result<JsonBody<Answer>, Error> {
    let query = request.query.as_str();
    let statements = split_runnable(query);
    refuse_impossible(&statements, request.read_only)?;
    let limit = limit(&state, request.limit)?;
    note(&state, &operator, "sql.run", query).await?;

    let mut session = state.open_session().await?;
    if request.read_only {
        // The first snapshot fixes the mode: after it no statement can switch to read write.
        session.batch("begin read only; select 1").await?;
    }
    let collecting = Collecting { limit, budget: state.settings().max_result_bytes, results: Vec::new() };
    let mut results = collecting.collect(&session, query).await.map_err(|error| explain(error, query))?;
    let mut notices = session.notices();
    name_results(&session, &mut results, &statements).await;
    if !request.read_only && leaves_transaction(&session, &statements).await? {
        notices.push("WARNING: the transaction was left open, so it has been rolled back".into());
    }
    Ok(JsonBody(Answer { results, notices }))
}

/// Refuses what cannot work over this connection or would leave read-only mode.
pub(crate) fn refuse_impossible(statements: &[Statement<'_>], read_only: bool) -> Result<(), Error> {
    const CONTROL: [&str; 7] =
        ["BEGIN", "START TRANSACTION", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE TRANSACTION"];
    for statement in statements {
        let kind = statement.kind();
        if kind == "COPY" && (statement.has("stdin") || statement.has("stdout")) {
            return Err(Error::Copy);
        }
        if read_only && CONTROL.contains(&kind.as_str()) {
            return Err(Error::NotInReadOnly(kind.to_lowercase()));
        }
    }
    Ok(())
}

/// Puts a run into the audit trail before it happens, without its literals.
pub(crate) async fn note(state: &State, operator: &Operator, action: &'static str, query: &str) -> Result<(), Error> {
    let detail = json!({ "statements": without_literals(query, TRAIL_BYTES) });
    Ok(Entry { operator, action, target: None, detail }.write(state.db()).await?)
}

/// An error of a statement as the editor shows it.
pub(crate) fn explain(error: pg::Error, query: &str) -> Error {
    match SqlFailure::read(&error, query) {
        Some(failure) => Error::Sql(Box::new(failure)),
        None if error.is_unavailable() => Error::Database(error),
        None => Error::Invalid(format!("the query could not be sent: {error}")),
    }
}

fn limit(state: &State, asked: Option<usize>) -> Result<usize, Error> {
    let (default, max) = (state.settings().default_rows, state.settings().max_rows);
    match asked {
        None => Ok(default),
        Some(rows) if (1..=max).contains(&rows) => Ok(rows),
        Some(_) => Err(Error::Invalid(format!("`limit` must be from 1 to {max}"))),
    }
}

/// Results as they come in. Rows over the limit, or over the bytes that one answer may have, are counted only.
struct Collecting {
    limit: usize,
    budget: usize,
    results: Vec<Outcome>,
}

impl Collecting {
    async fn collect(mut self, session: &Session, query: &str) -> Result<Vec<Outcome>, pg::Error> {
        let messages = session.run(query).await?;
        pin_mut!(messages);
        let mut begun = Instant::now();
        let mut open: Option<Outcome> = None;
        while let Some(message) = messages.try_next().await? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    open = Some(self.describe(columns.iter().map(SimpleColumn::name)));
                }
                SimpleQueryMessage::Row(row) => {
                    self.keep(open.get_or_insert_with(|| Outcome::new(Vec::new())), &row)?;
                }
                SimpleQueryMessage::CommandComplete(count) => {
                    let mut outcome = open.take().unwrap_or_else(|| Outcome::new(Vec::new()));
                    outcome.row_count = count;
                    outcome.duration_ms = begun.elapsed().as_secs_f64() * 1000.0;
                    begun = Instant::now();
                    self.results.push(outcome);
                }
                _ => {}
            }
        }
        Ok(self.results)
    }

    /// Begins a result. Where not even the names have room, there are neither columns nor rows.
    fn describe<'n>(&mut self, names: impl Iterator<Item = &'n str> + Clone) -> Outcome {
        let bytes: usize = names.clone().map(|name| name.len() + size_of::<Column>()).sum();
        if bytes > self.budget {
            return Outcome { truncated: true, ..Outcome::new(Vec::new()) };
        }
        self.budget -= bytes;
        let columns = names.map(|name| Column { name: name.to_owned(), kind: String::new() });
        Outcome::new(columns.collect())
    }

    fn keep(&mut self, outcome: &mut Outcome, row: &SimpleQueryRow) -> Result<(), pg::Error> {
        if outcome.truncated || outcome.rows.len() >= self.limit {
            outcome.truncated = true;
            return Ok(());
        }
        let values: Vec<Option<&str>> = (0..row.len()).map(|index| row.try_get(index)).collect::<Result<_, _>>()?;
        let bytes: usize = values.iter().map(|value| value.map_or(0, str::len) + size_of::<Option<String>>()).sum();
        if bytes > self.budget {
            outcome.truncated = true;
            return Ok(());
        }
        self.budget -= bytes;
        outcome.rows.push(values.into_iter().map(|value| value.map(str::to_owned)).collect());
        Ok(())
    }
}

impl Outcome {
    fn new(columns: Vec<Column>) -> Self {
        Self { command: String::new(), columns, rows: Vec::new(), row_count: 0, truncated: false, duration_ms: 0.0 }
    }
}

/// Adds what the simple protocol does not tell: the command, and the types of the columns. A statement whose
/// tables are gone by now keeps its types empty.
async fn name_results(session: &Session, results: &mut [Outcome], statements: &[Statement<'_>]) {
    if results.len() != statements.len() {
        return;
    }
    let mut described = 0;
    for (outcome, statement) in results.iter_mut().zip(statements) {
        outcome.command = statement.kind();
        if outcome.columns.is_empty() || described == MAX_DESCRIBED {
            continue;
        }
        described += 1;
        let Ok(described) = session.describe(statement.text).await else { continue };
        let names = described.iter().map(|(name, _)| name);
        if names.eq(outcome.columns.iter().map(|column| &column.name)) {
            outcome.columns = described.into_iter().map(|(name, kind)| Column { name, kind }).collect();
        }
    }
}

/// Whether the statements began a transaction and did not end it: then it is older than this statement.
async fn leaves_transaction(session: &Session, statements: &[Statement<'_>]) -> Result<bool, Error> {
    const IS_OLDER: &str = "select now() < statement_timestamp()";
    let begins = statements.iter().any(|statement| ["BEGIN", "START TRANSACTION"].contains(&statement.kind().as_str()));
    if !begins {
        return Ok(false);
    }
    let messages: Vec<SimpleQueryMessage> = session.run(IS_OLDER).await?.try_collect().await?;
    Ok(messages.iter().any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
}
