//! Reading rows.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use pg::{Param, Row, Text};
use serde::Serialize;
use serde_json::value::RawValue;

use super::catalog::Table;
use super::cursor;
use super::filter::Conditions;
use super::page::{Order, Plan, Size};
use crate::error::Error;
use crate::extract::{Path, Query};
use crate::state::State;

/// Up to this many rows are counted exactly.
const EXACT_UP_TO: i64 = 50_000;

const ESTIMATE: &str = "select reltuples::bigint from pg_class where oid = to_regclass($1)";

#[derive(Serialize)]
pub(crate) struct Answer {
    rows: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
    total: Total,
}

#[derive(Serialize)]
struct Total {
    count: i64,
    exact: bool,
}

/// `GET /tables/<schema>/<table>/rows`
pub(crate) async fn rows(
    Extract(state): Extract<State>,
    Path((schema, name)): Path<(String, String)>,
    Query(query): Query,
) -> Result<JsonBody<Answer>, Error> {
    let table = Table::find(&state, &schema, &name).await?;
    let order = query.one("order")?.map(|order| Order::parse(&table, order)).transpose()?;
    let filters = || Conditions::parse(&table, query.all("filter"));
    let position = query.one("cursor")?.map(cursor::read).transpose()?;
    let size = Size { rows: query.limit(100, 1000)?, bytes: state.settings().max_result_bytes };
    let plan = Plan::new(&table, order, filters()?, position, size)?;

    let found = read(&state, &plan.statement(), plan.values()).await?;
    let shown = found.len().min(plan.limit());
    let rows: Vec<Box<RawValue>> = found.iter().take(shown).map(json).collect::<Result<_, _>>()?;
    let has_more = found.first().is_some_and(|row| row.get::<_, i64>(2) > shown as i64);
    let next_cursor =
        found[..shown].last().filter(|_| has_more).map(|last| cursor::write(&plan.position(last.get(1), shown)));
    let total = total(&state, &table, &filters()?).await?;
    Ok(JsonBody(Answer { rows, next_cursor, total }))
}

async fn read(state: &State, sql: &str, values: &[String]) -> Result<Vec<Row>, Error> {
    let texts: Vec<Text<'_>> = values.iter().map(|value| Text(value)).collect();
    let params: Vec<Param<'_>> = texts.iter().map(|text| text as Param<'_>).collect();
    state.db().read(&state.reading(), sql, &params).await.map_err(Error::from_operators_input)
}

pub(crate) fn json(row: &Row) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(row.get(0)).map_err(|_| Error::Internal("a row is no JSON"))
}

async fn total(state: &State, table: &Table, filters: &Conditions) -> Result<Total, Error> {
    let (quoted, clause) = (table.quoted(), filters.clause());
    let sql = format!("select count(*) from (select from {quoted}{clause} limit {EXACT_UP_TO} + 1) counted");
    let rows = read(state, &sql, &filters.values).await?;
    let counted: i64 = rows.first().map_or(0, |row| row.get(0));
    if counted <= EXACT_UP_TO {
        return Ok(Total { count: counted, exact: true });
    }
    if !filters.sql.is_empty() {
        return Ok(Total { count: EXACT_UP_TO, exact: false });
    }
    let rows = state.db().read(&state.reading(), ESTIMATE, &[&quoted]).await?;
    let estimate: Option<i64> = rows.first().and_then(|row| row.get(0));
    Ok(Total { count: estimate.unwrap_or_default().max(counted), exact: false })
}
