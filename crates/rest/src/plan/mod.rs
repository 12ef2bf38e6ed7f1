//! From a request and the schema cache to what is to be done. All names are resolved here, and all errors about
//! them are raised here.

mod call;
mod condition;
mod embed;
mod negotiate;
mod node;
mod read;
mod tree;
mod write;

use std::cell::Cell;

use crate::error::{Error, RequestError, SchemaError};
use crate::request::ast::Operation;
use crate::request::media::MediaType;
use crate::request::{Action, Invocation, Request, Resource};
use crate::schema::{Name, SchemaCache, Table};
use crate::settings::OpenApiMode;
use crate::{Settings, schema};

pub use call::{Arguments, CallPlan};
pub use negotiate::Format;
pub use node::{
    Column, Condition, Embed, JoinOn, Label, LiftedAggregate, OrderBy, ReadNode, SelectedColumn, Shape, Source,
};
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

impl ReadPlan {
    /// The answer may be long, so that it is sent in parts: its rows are not limited, or not to a few.
    pub fn is_parted(&self) -> bool {
        /// What Supabase limits answers to; fewer rows are not worth the effort.
        const FEW: i64 = 1000;
        let may_be_long = self.rows.range.limit.is_none_or(|limit| limit > FEW);
        let is_text = matches!(self.format, Format::Array { .. } | Format::Csv | Format::GeoJson);
        may_be_long && is_text && !matches!(self.media, MediaType::Plan(_))
    }
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
