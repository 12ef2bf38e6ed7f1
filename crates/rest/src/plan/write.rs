//! Inserts, updates, upserts and deletes.

use std::collections::BTreeSet;

use super::condition::Resolver;
use super::read::Root;
use super::{Condition, Format, Planner, ReadNode};
use crate::error::{Error, RequestError, SchemaError};
use crate::request::Mutation;
use crate::request::ast::{Operation, QuantOperator};
use crate::request::body::{JsonRows, Payload};
use crate::request::media::MediaType;
use crate::request::prefer::{Missing, Representation, Resolution};
use crate::schema::{Column, Name, Table};

/// A change of rows.
#[derive(Debug)]
pub struct WritePlan {
    /// The relation.
    pub relation: Name,
    /// Its method.
    pub mutation: Mutation,
    /// What is done.
    pub change: Change,
    /// Columns that the change returns: none, all (`*`) or these.
    pub returning: Vec<String>,
    /// What the response shows of them.
    pub rows: ReadNode,
    /// How the result is written.
    pub format: Format,
    /// Type of the response.
    pub media: MediaType,
}

/// What is done to rows.
#[derive(Debug)]
pub enum Change {
    /// Rows are added.
    Insert(Insert),
    /// Rows are changed.
    Update {
        /// Their new values.
        values: Values,
        /// Which rows.
        conditions: Vec<Condition>,
    },
    /// Rows are removed.
    Delete {
        /// Which rows.
        conditions: Vec<Condition>,
    },
}

/// Added rows.
#[derive(Debug)]
pub struct Insert {
    /// Their values.
    pub values: Values,
    /// What happens to rows that exist, and the columns that tell.
    pub conflict: Option<(Resolution, Vec<String>)>,
    /// What the new row must be: the filters of a PUT.
    pub must_be: Vec<Condition>,
    /// Primary key of the relation.
    pub key: Vec<String>,
    /// The response tells where the new row is.
    pub locates: bool,
}

/// Values from a JSON body.
#[derive(Debug)]
pub struct Values {
    /// The columns that the body gives.
    pub columns: Vec<Column>,
    /// The body.
    pub body: JsonRows,
    /// Keys that are missing in an object become the column's default.
    pub uses_defaults: bool,
}

impl Planner<'_> {
    pub(super) fn write(&self, relation: &str, mutation: Mutation) -> Result<WritePlan, Error> {
        let relation = self.name(relation);
        let table = self.table(&relation)?;
        let rows = self.rows(Root::Written(&relation))?;
        let change = match mutation {
            Mutation::Insert => Change::Insert(self.insert(table)?),
            Mutation::Replace => Change::Insert(self.replace(table)?),
            Mutation::Update => {
                Change::Update { values: self.values(table, self.uses_defaults())?, conditions: self.conditions(table) }
            }
            Mutation::Delete => Change::Delete { conditions: self.conditions(table) },
        };
        self.check_preferences()?;
        let (format, media) = self.negotiate(&relation, &rows)?;
        let representation = self.request.preferences.representation;
        let returning = match representation {
            None | Some(Representation::Minimal) => Vec::new(),
            Some(Representation::Full | Representation::HeadersOnly) => needed_columns(&rows, &table.key),
        };
        let format = if representation == Some(Representation::Full) { format } else { Format::Nothing };
        Ok(WritePlan { relation, mutation, change, returning, rows, format, media })
    }

    fn insert(&self, table: &Table) -> Result<Insert, Error> {
        let preferences = &self.request.preferences;
        let target = self.request.query.on_conflict.clone().unwrap_or_else(|| table.key.clone());
        Ok(Insert {
            values: self.values(table, self.uses_defaults())?,
            conflict: preferences.resolution.filter(|_| !target.is_empty()).map(|resolution| (resolution, target)),
            must_be: Vec::new(),
            key: table.key.clone(),
            locates: preferences.representation == Some(Representation::HeadersOnly),
        })
    }

    /// PUT: the filters are `eq` on exactly the primary key.
    fn replace(&self, table: &Table) -> Result<Insert, Error> {
        let query = &self.request.query;
        let key: BTreeSet<&str> = table.key.iter().map(String::as_str).collect();
        let filtered: BTreeSet<&str> = query.filter_names.iter().map(String::as_str).collect();
        let is_equality =
            |operation: &Operation| matches!(operation, Operation::Quantified(QuantOperator::Equal, None, _));
        let all_equal =
            query.filters.iter().all(|filter| !filter.value.negated && is_equality(&filter.value.operation));
        if key.is_empty() || key != filtered || !all_equal || !query.logic.is_empty() {
            return Err(RequestError::PutFilters.into());
        }
        Ok(Insert {
            values: self.values(table, false)?,
            conflict: Some((Resolution::MergeDuplicates, table.key.clone())),
            must_be: self.conditions(table),
            key: table.key.clone(),
            locates: false,
        })
    }

    fn uses_defaults(&self) -> bool {
        self.request.preferences.missing == Some(Missing::Default)
    }

    fn values(&self, table: &Table, uses_defaults: bool) -> Result<Values, Error> {
        let Payload::Json(body) = &self.request.payload else {
            return Err(RequestError::Body("Empty or invalid json".to_owned()).into());
        };
        let found = |name: &String| {
            table
                .column(name)
                .cloned()
                .ok_or_else(|| SchemaError::NoColumn { table: table.name.name.clone(), column: name.clone() })
        };
        let columns = body.keys.iter().map(found).collect::<Result<_, _>>()?;
        Ok(Values { columns, body: body.clone(), uses_defaults })
    }

    /// Filters of the root level; those of embedded resources are for the response.
    fn conditions(&self, table: &Table) -> Vec<Condition> {
        let query = &self.request.query;
        let filters: Vec<_> =
            query.filters.iter().filter(|filter| filter.path.is_empty()).map(|at| &at.value).collect();
        let logic: Vec<_> = query.logic.iter().filter(|logic| logic.path.is_empty()).map(|at| &at.value).collect();
        Resolver { table: Some(table), embed: &|_| None }.all(&filters, &logic)
    }
}

/// Columns that the response needs: those selected or ordered by, those of joins, and the key for the location.
pub(super) fn needed_columns(rows: &ReadNode, key: &[String]) -> Vec<String> {
    let everything = || vec!["*".to_owned()];
    if rows.embeds.iter().any(|embed| embed.needs_all) {
        return everything();
    }
    let selected = rows.select.iter().map(|selected| selected.column.name.as_str());
    let ordered = rows.order.iter().filter(|term| term.embed.is_none()).map(|term| term.column.name.as_str());
    let joined = rows.embeds.iter().flat_map(|embed| embed.needs.iter().map(String::as_str));
    let all: BTreeSet<&str> = selected.chain(ordered).chain(joined).chain(key.iter().map(String::as_str)).collect();
    if all.contains("*") { everything() } else { all.into_iter().map(str::to_owned).collect() }
}
