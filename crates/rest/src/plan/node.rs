//! Rows of one level of a result: where they come from, what is shown of them, and what is embedded in them.

use crate::request::ast::{Aggregate, Direction, JsonStep, Junction, Nulls, Operation};
use crate::request::range::RowRange;
use crate::schema::Name;

/// Rows of one level with everything that is embedded in them.
#[derive(Debug)]
pub struct ReadNode {
    /// Where rows come from.
    pub source: Source,
    /// What columns are qualified with.
    pub label: Label,
    /// Selected columns.
    pub select: Vec<SelectedColumn>,
    /// Conditions, all of which hold.
    pub conditions: Vec<Condition>,
    /// How these rows belong to their parent.
    pub join: Vec<JoinOn>,
    /// Order.
    pub order: Vec<OrderBy>,
    /// Which rows.
    pub range: RowRange,
    /// What is embedded.
    pub embeds: Vec<Embed>,
    /// Aggregates of spreads below are left to the level above.
    pub lifts: bool,
}

impl ReadNode {
    /// Names that parameters should no longer use, each with the right one.
    pub fn old_names(&self) -> Vec<(&str, &str)> {
        let mut names = Vec::new();
        for embed in &self.embeds {
            names.extend(embed.old_name.as_deref().map(|old| (old, embed.name.as_str())));
            names.extend(embed.rows.old_names());
        }
        names
    }
}

/// Where rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A relation, under its own name or an alias.
    Relation(Name),
    /// A relation next to a junction, which has an alias as well.
    ThroughJunction {
        /// The relation.
        relation: Name,
        /// The junction.
        junction: Name,
        /// Alias of the junction.
        alias: String,
    },
    /// What the statement wrote, or the function returned.
    Statement,
    /// A function of the parent's row.
    Function {
        /// The function.
        function: Name,
        /// The parent's alias or name.
        argument: Label,
        /// Relation that the parent's rows are of.
        row_type: Name,
    },
}

/// What a column is qualified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// A relation by its full name.
    Relation(Name),
    /// An alias.
    Alias(String),
}

/// A column, resolved as far as the cache knows it; PostgreSQL may know more (computed columns).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, `*` for all.
    pub name: String,
    /// Steps into its JSON.
    pub path: Vec<JsonStep>,
    /// It is turned into jsonb before the steps.
    pub to_json: bool,
    /// It is turned into a tsvector, with a configuration if one is given.
    pub to_tsvector: Option<Option<String>>,
}

/// A selected column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedColumn {
    /// The column.
    pub column: Column,
    /// Function that its type is shown by; SQL text of the catalog.
    pub shown_by: Option<String>,
    /// Cast before any aggregate.
    pub cast: Option<String>,
    /// Aggregate.
    pub aggregate: Option<Aggregate>,
    /// Cast of the aggregate.
    pub aggregate_cast: Option<String>,
    /// Name in the result.
    pub alias: Option<String>,
    /// It stands for the whole row, which an aggregate further up counts.
    pub marks_row: bool,
}

/// Something that holds for a row or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A comparison.
    Filter {
        /// What is compared.
        column: Column,
        /// It must not hold.
        negated: bool,
        /// With what.
        operation: Operation,
        /// Function that reads the value; SQL text of the catalog.
        read_by: Option<String>,
    },
    /// An embedded resource has rows, or has none.
    Embedded {
        /// Index among the level's embeds.
        embed: usize,
        /// It has rows.
        exists: bool,
    },
    /// Several conditions.
    Group {
        /// They must not hold.
        negated: bool,
        /// All or one of them.
        junction: Junction,
        /// The conditions.
        terms: Vec<Condition>,
    },
}

/// Two columns that are equal in a join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinOn {
    /// One side.
    pub left: (Label, String),
    /// The other.
    pub right: (Label, String),
}

/// A term of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderBy {
    /// The embed that has the column, by its index.
    pub embed: Option<usize>,
    /// The column.
    pub column: Column,
    /// Direction.
    pub direction: Option<Direction>,
    /// Place of nulls.
    pub nulls: Option<Nulls>,
}

/// An embedded resource.
#[derive(Debug)]
pub struct Embed {
    /// Its rows.
    pub rows: ReadNode,
    /// Its name in the result.
    pub name: String,
    /// Alias of its subquery.
    pub alias: String,
    /// How its rows become part of the parent.
    pub shape: Shape,
    /// Parents without rows are dropped.
    pub inner: bool,
    /// It is joined but not shown.
    pub is_hidden: bool,
    /// The relation's name, when a parameter names the embed so although it has an alias.
    pub old_name: Option<String>,
    /// Columns of the parent that the join needs.
    pub needs: Vec<String>,
    /// Every column of the parent may be needed.
    pub needs_all: bool,
    /// Aggregates over its columns, computed at the level that it is spread into.
    pub lifted: Vec<LiftedAggregate>,
}

/// An aggregate inside a spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiftedAggregate {
    /// Column of the spread that carries its values.
    pub carrier: String,
    /// What is computed.
    pub aggregate: Aggregate,
    /// Cast of the result.
    pub cast: Option<String>,
    /// Name in the result.
    pub name: String,
}

/// How embedded rows become part of the parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// An object or null.
    Object,
    /// An array of objects.
    Array,
    /// Its columns become columns of the parent.
    SpreadObject,
    /// Its columns become arrays in the parent.
    SpreadArray,
}
