//! What the catalog says about one table, and what the console adds: locked, masked.

use pg::{Row, ident};
use serde::Serialize;

use super::masked::{is_locked, is_masked, is_system};
use crate::error::Error;
use crate::state::State;

const COLUMNS: &str = "
    select relation.relkind::text, relation.relrowsecurity, attribute.attname::text,
           format_type(attribute.atttypid, attribute.atttypmod),
           not attribute.attnotnull, pg_get_expr(preset.adbin, preset.adrelid),
           coalesce(attribute.attnum = any(key.conkey), false),
           attribute.attgenerated <> '' or attribute.attidentity = 'a',
           reference.schema, reference.table, reference.column,
           col_description(relation.oid, attribute.attnum),
           coalesce(nullif(base.typbasetype, 0), attribute.atttypid)::bigint,
           array_position(key.conkey, attribute.attnum)
    from pg_class relation
    join pg_namespace namespace on namespace.oid = relation.relnamespace
    join pg_attribute attribute on attribute.attrelid = relation.oid
    join pg_type base on base.oid = attribute.atttypid
    left join pg_attrdef preset on preset.adrelid = relation.oid and preset.adnum = attribute.attnum
    left join pg_constraint key on key.conrelid = relation.oid and key.contype = 'p'
    left join lateral (
        select foreign_namespace.nspname::text as schema, foreign_relation.relname::text as table,
               foreign_attribute.attname::text as column
        from pg_constraint foreign_key
        join pg_class foreign_relation on foreign_relation.oid = foreign_key.confrelid
        join pg_namespace foreign_namespace on foreign_namespace.oid = foreign_relation.relnamespace
        join pg_attribute foreign_attribute
            on foreign_attribute.attrelid = foreign_relation.oid and foreign_attribute.attnum = foreign_key.confkey[1]
        where foreign_key.conrelid = relation.oid and foreign_key.contype = 'f'
          and foreign_key.conkey = array[attribute.attnum]
        order by foreign_key.conname limit 1
    ) reference on true
    where namespace.nspname = $1 and relation.relname = $2 and relation.relkind in ('r', 'p', 'v', 'm', 'f')
      and attribute.attnum > 0 and not attribute.attisdropped
    order by attribute.attnum";

/// A column.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) nullable: bool,
    pub(crate) default: Option<String>,
    pub(crate) primary_key: bool,
    pub(crate) masked: bool,
    /// The database computes it and takes no value.
    pub(crate) generated: bool,
    pub(crate) references: Option<Reference>,
    pub(crate) comment: Option<String>,
    /// The type's id, that of its base type for a domain.
    #[serde(skip)]
    pub(crate) type_id: i64,
    /// Its place in the primary key, from one.
    #[serde(skip)]
    pub(crate) key_place: Option<i32>,
}

/// What a foreign key of one column refers to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reference {
    schema: String,
    table: String,
    column: String,
}

/// A table, view or the like.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) locked: bool,
    pub(crate) rls_enabled: Option<bool>,
    pub(crate) columns: Vec<Column>,
}

/// The word for a kind of relation.
pub(crate) fn kind(relkind: &str) -> &'static str {
    match relkind {
        "p" => "partitioned table",
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ => "table",
    }
}

/// Only tables have row level security.
pub(crate) fn row_security(relkind: &str, enabled: bool) -> Option<bool> {
    matches!(relkind, "r" | "p").then_some(enabled)
}

impl Table {
    /// Reads a table's description.
    ///
    /// # Errors
    /// [`Error::SchemaHidden`] for PostgreSQL's own schemas, [`Error::NotFound`] when there is no such table.
    pub(crate) async fn find(state: &State, schema: &str, name: &str) -> Result<Self, Error> {
        if is_system(schema) {
            return Err(Error::SchemaHidden(schema.to_owned()));
        }
        let rows = state.db().read(&state.reading(), COLUMNS, &[&schema, &name]).await;
        let rows = rows.map_err(Error::from_operators_input)?;
        let first = rows.first().ok_or_else(|| Error::NotFound(format!("table {schema}.{name}")))?;
        let relkind: &str = first.get(0);
        Ok(Self {
            schema: schema.to_owned(),
            name: name.to_owned(),
            kind: kind(relkind),
            locked: is_locked(schema),
            rls_enabled: row_security(relkind, first.get(1)),
            columns: rows.iter().map(|row| column(row, schema, name)).collect(),
        })
    }

    /// The quoted name with its schema.
    pub(crate) fn quoted(&self) -> String {
        ident::qualified(&self.schema, &self.name)
    }

    /// A column by its name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none.
    pub(crate) fn column(&self, name: &str) -> Result<&Column, Error> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .ok_or_else(|| Error::Invalid(format!("table {} has no column {name}", self.name)))
    }

    /// A column whose values may be compared.
    ///
    /// # Errors
    /// [`Error::Masked`] when it holds secrets: comparing them would tell them.
    pub(crate) fn comparable(&self, name: &str) -> Result<&Column, Error> {
        let column = self.column(name)?;
        if column.masked { Err(Error::Masked(column.name.clone())) } else { Ok(column) }
    }

    /// The primary key's columns in its order.
    pub(crate) fn key(&self) -> Vec<&Column> {
        let mut key: Vec<&Column> = self.columns.iter().filter(|column| column.primary_key).collect();
        key.sort_by_key(|column| column.key_place);
        key
    }
}

fn column(row: &Row, schema: &str, table: &str) -> Column {
    let name: String = row.get(2);
    let reference: Option<String> = row.get(8);
    Column {
        masked: is_masked(schema, table, &name),
        name,
        kind: row.get(3),
        nullable: row.get(4),
        default: row.get(5),
        primary_key: row.get(6),
        generated: row.get(7),
        references: reference.map(|schema| Reference { schema, table: row.get(9), column: row.get(10) }),
        comment: row.get(11),
        type_id: row.get(12),
        key_place: row.get(13),
    }
}
