//! The plan of one page of rows: order, where to go on, and the statement. No database here.
//!
//! Pages follow the chosen column and then a tie-breaker: the primary key, or the place in the table (`ctid`)
//! where there is none that may be shown. Views and foreign tables have neither and are paged by number; without
//! a chosen order that is the order in which they give their rows.

use pg::ident;
use serde::{Deserialize, Serialize};

use super::catalog::{Column, Table};
use super::cursor;
use super::filter::Conditions;
use super::projection;
use crate::error::Error;

/// Where a page ended: the last row's values in the order of the sort, or a number of rows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Position {
    After(Vec<Option<String>>),
    Skip(u64),
}

/// A chosen order.
pub(crate) struct Order<'a> {
    column: &'a Column,
    descends: bool,
}

impl<'a> Order<'a> {
    /// Reads `<column>.asc` or `<column>.desc`.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Masked`].
    pub(crate) fn parse(table: &'a Table, text: &str) -> Result<Self, Error> {
        let (column, direction) = text.rsplit_once('.').unwrap_or((text, ""));
        let descends = match direction {
            "asc" => false,
            "desc" => true,
            _ => return Err(Error::Invalid(format!("order `{text}` is not of the form `<column>.asc|desc`"))),
        };
        Ok(Self { column: table.comparable(column)?, descends })
    }
}

/// What rows are told apart by.
enum Tie<'a> {
    Key(Vec<&'a Column>),
    Place(&'static [&'static str]),
    None,
}

impl<'a> Tie<'a> {
    fn of(table: &'a Table) -> Self {
        let key = table.key();
        if !key.is_empty() && key.iter().all(|column| !column.masked) {
            return Self::Key(key);
        }
        match table.kind {
            "table" | "materialized view" => Self::Place(&["ctid"]),
            "partitioned table" => Self::Place(&["tableoid", "ctid"]),
            _ => Self::None,
        }
    }

    fn expressions(&self) -> Vec<String> {
        match self {
            Self::Key(key) => key.iter().map(|column| format!("source.{}", ident::quote(&column.name))).collect(),
            Self::Place(columns) => columns.iter().map(|column| format!("source.{column}")).collect(),
            Self::None => Vec::new(),
        }
    }
}

/// A page to read.
pub(crate) struct Plan<'a> {
    table: &'a Table,
    order: Option<Order<'a>>,
    tie: Tie<'a>,
    skip: u64,
    conditions: Conditions,
    limit: u32,
    max_bytes: usize,
}

/// What a page may hold.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rows: u32,
    pub(crate) bytes: usize,
}

impl<'a> Plan<'a> {
    /// Plans a page that goes on after `position`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the position does not fit the order.
    pub(crate) fn new(
        table: &'a Table,
        order: Option<Order<'a>>,
        conditions: Conditions,
        position: Option<Position>,
        size: Size,
    ) -> Result<Self, Error> {
        let tie = Tie::of(table);
        let mut plan = Self { table, order, tie, skip: 0, conditions, limit: size.rows, max_bytes: size.bytes };
        match position {
            None => {}
            Some(Position::Skip(rows)) if matches!(plan.tie, Tie::None) => plan.skip = rows,
            Some(Position::After(values)) if !matches!(plan.tie, Tie::None) => plan.go_on_after(values)?,
            Some(_) => return Err(cursor::invalid()),
        }
        Ok(plan)
    }

    fn go_on_after(&mut self, mut values: Vec<Option<String>>) -> Result<(), Error> {
        let tie = self.tie.expressions();
        let ordered = usize::from(self.order.is_some());
        if values.len() != tie.len() + ordered {
            return Err(cursor::invalid());
        }
        let keys: Option<Vec<String>> = values.split_off(ordered).into_iter().collect();
        let places: Vec<_> =
            keys.ok_or_else(cursor::invalid)?.into_iter().map(|value| self.conditions.bind(value)).collect();
        let beyond_tie = format!("({}) > ({})", tie.join(", "), places.join(", "));
        let condition = match (&self.order, values.pop()) {
            (Some(order), Some(value)) => {
                let place = value.map(|value| self.conditions.bind(value));
                beyond(order, place.as_deref(), &beyond_tie)
            }
            _ => beyond_tie,
        };
        self.conditions.sql.push(condition);
        Ok(())
    }

    /// The statement: JSON of each row, and the values that its position is made of. It stops early when the
    /// rows together are too large; the first row comes in any case.
    pub(crate) fn statement(&self) -> String {
        let table = self.table.quoted();
        let columns = projection::for_json(self.table, "source");
        let position: Vec<_> = self.position_expressions().iter().map(|value| format!("({value})::text")).collect();
        let position = format!("array[{}]::text[]", position.join(", "));
        let (filter, order) = (self.conditions.clause(), self.order_clause());
        let (limit, skip, bytes) = (self.limit + 1, self.skip, self.max_bytes);
        let place = match self.tie {
            Tie::Place(columns) => columns.iter().map(|column| format!(", source.{column}")).collect(),
            Tie::Key(_) | Tie::None => String::new(),
        };
        format!(
            "with page as materialized (
                 select row_to_json(shown.*)::text as row, {position} as position, row_number() over () as place
                 from (select source.*{place} from {table} source{filter}{order} limit {limit} offset {skip}) source
                 cross join lateral (select {columns}) shown
             ), measured as (
                 select page.*, sum(octet_length(row)) over (order by place) - octet_length(row) as before,
                        count(*) over () as found
                 from page
             )
             select row, position, found from measured where before < {bytes} order by place"
        )
    }

    fn position_expressions(&self) -> Vec<String> {
        let chosen = self.order.iter().map(|order| format!("source.{}", ident::quote(&order.column.name)));
        chosen.chain(self.tie.expressions()).collect()
    }

    /// Ascending with nulls last, descending with nulls first: so that indexes serve both.
    fn order_clause(&self) -> String {
        let direction = if self.order.as_ref().is_some_and(|order| order.descends) { " desc" } else { "" };
        let mut terms = self.position_expressions();
        if matches!(self.tie, Tie::None) && self.order.is_some() {
            // Rows that are equal in the chosen column must come in the same order on each page.
            let visible = self.table.columns.iter().filter(|column| !column.masked);
            terms.extend(visible.map(|column| format!("source.{}::text", ident::quote(&column.name))));
        }
        if let Some(first) = terms.first_mut() {
            first.push_str(direction);
        }
        if terms.is_empty() { String::new() } else { format!(" order by {}", terms.join(", ")) }
    }

    /// The values of the statement's parameters.
    pub(crate) fn values(&self) -> &[String] {
        &self.conditions.values
    }

    /// How many rows the page may have.
    pub(crate) fn limit(&self) -> usize {
        self.limit as usize
    }

    /// The position after a page's last row.
    pub(crate) fn position(&self, last: Vec<Option<String>>, rows: usize) -> Position {
        match self.tie {
            Tie::None => Position::Skip(self.skip + rows as u64),
            _ => Position::After(last),
        }
    }
}

/// The condition for rows after one whose ordered value is at `place`, or null when there is none.
fn beyond(order: &Order<'_>, place: Option<&str>, beyond_tie: &str) -> String {
    let name = format!("source.{}", ident::quote(&order.column.name));
    match (place, order.descends) {
        (Some(place), false) => {
            format!("({name} > {place} or ({name} = {place} and {beyond_tie}) or {name} is null)")
        }
        (None, false) => format!("({name} is null and {beyond_tie})"),
        (Some(place), true) => format!("({name} < {place} or ({name} = {place} and {beyond_tie}))"),
        (None, true) => format!("({name} is not null or {beyond_tie})"),
    }
}
