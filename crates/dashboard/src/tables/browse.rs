//! Listing schemas and tables, and describing a table.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use serde_json::{Value, json};

use super::catalog::{Table, kind, row_security};
use super::masked::{is_locked, is_system};
use crate::error::Error;
use crate::extract::{Path, Query};
use crate::state::State;

const SCHEMAS: &str = "
    select namespace.nspname::text, count(relation.oid)
    from pg_namespace namespace
    left join pg_class relation
        on relation.relnamespace = namespace.oid and relation.relkind in ('r', 'p', 'v', 'm', 'f')
    where namespace.nspname !~ '^pg_' and namespace.nspname <> 'information_schema'
    group by namespace.nspname order by namespace.nspname <> 'public', 1";

const TABLES: &str = "
    select relation.relname::text, relation.relkind::text, relation.relrowsecurity,
           nullif(relation.reltuples, -1)::bigint, obj_description(relation.oid, 'pg_class')
    from pg_class relation
    join pg_namespace namespace on namespace.oid = relation.relnamespace
    where namespace.nspname = $1 and relation.relkind in ('r', 'p', 'v', 'm', 'f')
    order by 1";

/// `GET /schemas`
pub(crate) async fn schemas(Extract(state): Extract<State>) -> Result<JsonBody<Value>, Error> {
    let rows = state.db().read(&state.reading(), SCHEMAS, &[]).await?;
    let schemas = rows.iter().map(|row| {
        let name: &str = row.get(0);
        json!({"name": name, "locked": is_locked(name), "tables": row.get::<_, i64>(1)})
    });
    Ok(JsonBody(json!({ "schemas": schemas.collect::<Vec<_>>() })))
}

/// `GET /tables?schema=…`
pub(crate) async fn tables(Extract(state): Extract<State>, Query(query): Query) -> Result<JsonBody<Value>, Error> {
    let schema = query.one("schema")?.unwrap_or("public");
    if is_system(schema) {
        return Err(Error::SchemaHidden(schema.to_owned()));
    }
    let rows = state.db().read(&state.reading(), TABLES, &[&schema]).await.map_err(Error::from_operators_input)?;
    let tables = rows.iter().map(|row| {
        let relkind: &str = row.get(1);
        json!({
            "name": row.get::<_, &str>(0),
            "kind": kind(relkind),
            "rls_enabled": row_security(relkind, row.get(2)),
            "row_estimate": row.get::<_, Option<i64>>(3),
            "comment": row.get::<_, Option<&str>>(4),
            "locked": is_locked(schema),
        })
    });
    Ok(JsonBody(json!({ "tables": tables.collect::<Vec<_>>() })))
}

/// `GET /tables/<schema>/<table>`
pub(crate) async fn table(
    Extract(state): Extract<State>,
    Path((schema, name)): Path<(String, String)>,
) -> Result<JsonBody<Table>, Error> {
    Table::find(&state, &schema, &name).await.map(JsonBody)
}
