//! Changing rows of the application's own tables. Values come as JSON and the database converts them, so that
//! arrays, ranges and composite types work as in its own `json_populate_record`.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use http::StatusCode;
use pg::{Context, Param, Row, Transaction, ident};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::catalog::Table;
use super::masked::{is_locked, is_system};
use super::{projection, rows};
use crate::audit::Entry;
use crate::error::Error;
use crate::extract::{Json, Path};
use crate::operators::sessions::Operator;
use crate::state::State;

/// The most rows that one request deletes.
const MAX_KEYS: usize = 1000;

type Values = Map<String, Value>;
type Place = Path<(String, String)>;

/// A row as the database returned it after the change.
#[derive(Serialize)]
pub(crate) struct Changed {
    row: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Insert {
    values: Values,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    key: Values,
    values: Values,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delete {
    keys: Vec<Values>,
}

/// `POST /tables/<schema>/<table>/rows`
pub(crate) async fn insert(
    Extract(state): Extract<State>,
    operator: Operator,
    Path((schema, name)): Place,
    Json(Insert { values }): Json<Insert>,
) -> Result<(StatusCode, JsonBody<Changed>), Error> {
    let change = Change::begin(&state, &operator, &schema, &name).await?;
    let (quoted, columns) = (change.table.quoted(), change.names(&values)?);
    let source = format!("({columns}) select {columns} from json_populate_record(null::{quoted}, $1::text::json)");
    let text = Value::Object(values).to_string();
    let (sql, params): (_, Vec<Param<'_>>) = if columns.is_empty() {
        (format!("insert into {quoted} as source default values"), Vec::new())
    } else {
        (format!("insert into {quoted} as source {source}"), vec![&text])
    };
    let (transaction, changed) = change.run(&change.returning(&sql), &params).await?;
    let row = changed.first().ok_or_else(|| Error::Invalid("a trigger of the table dropped the row".into()))?;
    let row = rows::json(row)?;
    change.finish(transaction, "row.insert", json!({ "columns": columns })).await?;
    Ok((StatusCode::CREATED, JsonBody(Changed { row })))
}

/// `PATCH /tables/<schema>/<table>/rows`
pub(crate) async fn update(
    Extract(state): Extract<State>,
    operator: Operator,
    Path((schema, name)): Place,
    Json(Update { key, values }): Json<Update>,
) -> Result<JsonBody<Changed>, Error> {
    let change = Change::begin(&state, &operator, &schema, &name).await?;
    let (quoted, columns) = (change.table.quoted(), change.names(&values)?);
    if columns.is_empty() {
        return Err(Error::Invalid("`values` is empty".into()));
    }
    let keys = change.key_names(std::slice::from_ref(&key))?;
    let sql = format!(
        "update {quoted} as source
         set ({columns}) = (select {columns} from json_populate_record(null::{quoted}, $1::text::json))
         where ({keys}) = (select {keys} from json_populate_record(null::{quoted}, $2::text::json))"
    );
    let (values, key) = (Value::Object(values).to_string(), Value::Object(key));
    let (transaction, changed) = change.run(&change.returning(&sql), &[&values, &key.to_string()]).await?;
    let row = match changed.as_slice() {
        [row] => rows::json(row)?,
        [] => return Err(Error::RowNotFound),
        _ => return Err(Error::NoKey(change.table.name)),
    };
    change.finish(transaction, "row.update", json!({ "columns": columns, "key": key })).await?;
    Ok(JsonBody(Changed { row }))
}

/// `DELETE /tables/<schema>/<table>/rows`
pub(crate) async fn delete(
    Extract(state): Extract<State>,
    operator: Operator,
    Path((schema, name)): Place,
    Json(Delete { keys }): Json<Delete>,
) -> Result<JsonBody<Value>, Error> {
    let change = Change::begin(&state, &operator, &schema, &name).await?;
    if keys.is_empty() || keys.len() > MAX_KEYS {
        return Err(Error::Invalid(format!("`keys` must hold 1 to {MAX_KEYS} keys")));
    }
    let (quoted, names) = (change.table.quoted(), change.key_names(&keys)?);
    let sql = format!(
        "with gone as (
             delete from {quoted} as source
             where ({names}) in (select {names} from json_populate_recordset(null::{quoted}, $1::text::json))
             returning 1
         ) select count(*) from gone"
    );
    let keys: Value = keys.into_iter().map(Value::Object).collect();
    let (transaction, counted) = change.run(&sql, &[&keys.to_string()]).await?;
    let deleted: i64 = counted.first().map_or(0, |row| row.get(0));
    change.finish(transaction, "row.delete", json!({ "deleted": deleted, "keys": keys })).await?;
    Ok(JsonBody(json!({ "deleted": deleted })))
}

/// A change of rows of a table that is not locked.
struct Change<'a> {
    state: &'a State,
    operator: &'a Operator,
    table: Table,
}

impl<'a> Change<'a> {
    async fn begin(state: &'a State, operator: &'a Operator, schema: &str, name: &str) -> Result<Self, Error> {
        if is_locked(schema) || is_system(schema) {
            return Err(Error::SchemaLocked(schema.to_owned()));
        }
        Ok(Self { state, operator, table: Table::find(state, schema, name).await? })
    }

    /// The columns that values are given for.
    fn names(&self, values: &Values) -> Result<String, Error> {
        for name in values.keys() {
            self.table.column(name)?;
        }
        Ok(ident::list(values.keys().map(String::as_str)))
    }

    /// The primary key's columns, after checking that each key has exactly those.
    fn key_names(&self, keys: &[Values]) -> Result<String, Error> {
        let names: Vec<&str> = self.table.key().iter().map(|column| column.name.as_str()).collect();
        if names.is_empty() {
            return Err(Error::NoKey(self.table.name.clone()));
        }
        let fits = |key: &Values| key.len() == names.len() && names.iter().all(|name| key.contains_key(*name));
        if !keys.iter().all(fits) {
            return Err(Error::Invalid(format!("a key must hold the primary key's columns: {}", names.join(", "))));
        }
        Ok(ident::list(names))
    }

    /// Wraps a statement on `source` so that it gives the changed rows as JSON.
    fn returning(&self, sql: &str) -> String {
        let columns = projection::for_json(&self.table, "source");
        format!(
            "with changed as ({sql} returning source.*)
             select row_to_json(shown.*)::text
             from changed source cross join lateral (select {columns}) shown"
        )
    }

    async fn run(&self, sql: &str, params: &[Param<'_>]) -> Result<(Transaction, Vec<Row>), Error> {
        let timeout = self.state.settings().read_timeout.as_millis().to_string();
        let context = Context::service().role_setting("statement_timeout", timeout);
        let mut transaction = self.state.db().write(&context).await?;
        let rows = transaction.query(sql, params).await.map_err(Error::from_operators_input)?;
        Ok((transaction, rows))
    }

    /// Notes the change and makes it last, both or neither.
    async fn finish(&self, mut transaction: Transaction, action: &'static str, detail: Value) -> Result<(), Error> {
        let target = Some(format!("{}.{}", self.table.schema, self.table.name));
        Entry { operator: self.operator, action, target, detail }.write_in(&mut transaction).await?;
        transaction.commit().await.map_err(Error::from_operators_input)
    }
}
