//! From a request and the schema cache to what is to be done. All names are resolved here, and all errors about
//! them are raised here.

mod call;
mod condition;
mod embed;
mod negotiate;
mod read;
mod tree;
mod write;

use std::cell::Cell;

use crate::error::{Error, RequestError, SchemaError};
use crate::request::ast::{Aggregate, Direction, JsonStep, Junction, Nulls, Operation};
use crate::request::media::MediaType;
use crate::request::range::RowRange;
use crate::request::{Action, Invocation, Request, Resource};
use crate::schema::{Name, SchemaCache, Table};
use crate::settings::OpenApiMode;
use crate::{Settings, schema};

pub use call::{Arguments, CallPlan};
pub use negotiate::Format;
pub use write::{Change, Insert, Values, WritePlan};

/// What is to be done.
#[derive(Debug)]
pub enum Plan {
    /// Read rows.
    Read(ReadPlan),
    /// Change rows.
    Write(WritePlan),
    /// Call a function.
    Call(CallPlan),
    /// Tell the methods of a resource, without the database.
    Methods(String),
    /// Describe the whole API.
    Describe {
        /// Only the headers.
        is_head: bool,
        /// What the role may not use is described as well.
        is_complete: bool,
        /// Type of the response.
        media: MediaType,
    },
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

impl Plan {
    /// The rows that the response shows.
    pub fn rows(&self) -> Option<&ReadNode> {
        match self {
            Self::Read(plan) => Some(&plan.rows),
            Self::Write(plan) => Some(&plan.rows),
            Self::Call(plan) => Some(&plan.rows),
            Self::Methods(_) | Self::Describe { .. } => None,
        }
    }

    /// Type of the response, where the statement makes it.
    pub fn media(&self) -> Option<&MediaType> {
        match self {
            Self::Read(plan) => Some(&plan.media),
            Self::Write(plan) => Some(&plan.media),
            Self::Call(plan) => Some(&plan.media),
            Self::Methods(_) | Self::Describe { .. } => None,
        }
    }
}

/// A read of a relation.
#[derive(Debug)]
pub struct ReadPlan {
    /// What is read.
    pub rows: ReadNode,
    /// The relation.
    pub relation: Name,
    /// How the result is written.
    pub format: Format,
    /// Type of the response.
    pub media: MediaType,
    /// Only the headers are wanted.
    pub is_head: bool,
}

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

/// Plans a request.
///
/// # Errors
/// [`Error::Schema`] for names that are not known, [`Error::Request`] for what cannot be combined.
pub fn plan(request: &Request, cache: &SchemaCache, settings: &Settings) -> Result<Plan, Error> {
    let carriers = Cell::new(0);
    let planner = Planner { request, cache, settings, carriers: &carriers };
    match &request.action {
        Action::Read { relation, is_head } => planner.read(relation, *is_head).map(Plan::Read),
        Action::Write { relation, mutation } => planner.write(relation, *mutation).map(Plan::Write),
        Action::Call { function, invocation } => planner.call(function, *invocation).map(Plan::Call),
        Action::Describe { is_head } => planner.describe(*is_head),
        Action::Options(resource) => planner.methods(resource).map(Plan::Methods),
    }
}

/// What plans are made from.
#[derive(Clone, Copy)]
struct Planner<'a> {
    request: &'a Request,
    cache: &'a SchemaCache,
    settings: &'a Settings,
    /// How many columns have been made that carry values to an aggregate.
    carriers: &'a Cell<usize>,
}

impl<'a> Planner<'a> {
    fn name(&self, name: &str) -> Name {
        Name::new(&self.request.schema, name)
    }

    fn table(&self, name: &Name) -> Result<&'a Table, SchemaError> {
        self.cache.table(name).ok_or_else(|| SchemaError::NoTable {
            schema: name.schema.clone(),
            table: name.name.clone(),
            suggestion: self.cache.similar_table(name),
        })
    }

    fn check_preferences(&self) -> Result<(), RequestError> {
        let preferences = &self.request.preferences;
        if preferences.is_strict() && !preferences.invalid.is_empty() {
            return Err(RequestError::Preferences(preferences.invalid.clone()));
        }
        Ok(())
    }

    fn describe(&self, is_head: bool) -> Result<Plan, Error> {
        if let Some((_, function)) = &self.settings.root_spec {
            let invocation = if is_head { Invocation::Head } else { Invocation::Get };
            return self.call(function, invocation).map(Plan::Call);
        }
        let is_complete = match self.settings.openapi_mode {
            OpenApiMode::FollowPrivileges => false,
            OpenApiMode::IgnorePrivileges => true,
            OpenApiMode::Disabled => return Err(RequestError::RootDisabled.into()),
        };
        let media = negotiate::description(&self.request.accepts)?;
        Ok(Plan::Describe { is_head, is_complete, media })
    }

    fn read(&self, relation: &str, is_head: bool) -> Result<ReadPlan, Error> {
        let relation = self.name(relation);
        self.table(&relation)?;
        let rows = self.rows(read::Root::Relation(&relation))?;
        let (format, media) = self.negotiate(&relation, &rows)?;
        self.check_preferences()?;
        let format = if is_head { Format::Nothing } else { format };
        Ok(ReadPlan { rows, relation, format, media, is_head })
    }

    fn methods(&self, resource: &Resource) -> Result<String, Error> {
        match resource {
            Resource::Root => Ok("OPTIONS,GET,HEAD".to_owned()),
            Resource::Relation(relation) => {
                let table = self.table(&self.name(relation))?;
                let mut methods = vec!["OPTIONS,GET,HEAD"];
                let parts = [
                    (table.insertable, "POST"),
                    (table.insertable && table.updatable && !table.key.is_empty(), "PUT"),
                    (table.updatable, "PATCH"),
                    (table.deletable, "DELETE"),
                ];
                methods.extend(parts.iter().filter(|(is_possible, _)| *is_possible).map(|(_, method)| *method));
                Ok(methods.join(","))
            }
            Resource::Function(function) => match self.find(function, Invocation::Head)?.volatility {
                schema::routine::Volatility::Volatile => Ok("OPTIONS,POST".to_owned()),
                schema::routine::Volatility::Stable | schema::routine::Volatility::Immutable => {
                    Ok("OPTIONS,GET,HEAD,POST".to_owned())
                }
            },
        }
    }
}

/// A field of a table: what has to be done so that the operation is possible on its type.
fn column(table: Option<&Table>, field: &crate::request::ast::Field, operation: Option<&Operation>) -> Column {
    let known = table.and_then(|table| table.column(&field.name));
    let is_json = known.is_some_and(|column| matches!(column.type_name.as_str(), "json" | "jsonb"));
    let to_tsvector = match (operation, known) {
        (Some(Operation::FullText(_, configuration, _)), Some(column)) if column.base_type != "tsvector" => {
            Some(configuration.clone())
        }
        _ => None,
    };
    let to_json = !field.path.is_empty() && !is_json;
    Column { name: field.name.clone(), path: field.path.clone(), to_json, to_tsvector }
}
