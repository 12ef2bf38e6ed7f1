//! Calls of functions.

use std::collections::BTreeSet;

use super::read::Root;
use super::write::needed_columns;
use super::{Condition, Format, Planner, ReadNode};
use crate::error::{Error, RequestError, SchemaError, Searched};
use crate::request::Invocation;
use crate::request::body::{JsonRows, Payload};
use crate::request::media::MediaType;
use crate::schema::Name;
use crate::schema::routine::{Call, Choice, Parameter, Routine, Volatility, choose};

/// A call of a function.
#[derive(Debug)]
pub struct CallPlan {
    /// The function.
    pub routine: Routine,
    /// What it is given.
    pub arguments: Arguments,
    /// Columns of its result that are needed: all (`*`) or these.
    pub returning: Vec<String>,
    /// What the response shows of its result.
    pub rows: ReadNode,
    /// How the result is written.
    pub format: Format,
    /// Type of the response.
    pub media: MediaType,
    /// Nothing may be written.
    pub is_read_only: bool,
    /// Only the headers are wanted.
    pub is_head: bool,
}

/// What a function is given.
#[derive(Debug)]
pub enum Arguments {
    /// Nothing.
    Nothing,
    /// Texts by name; several for a variadic parameter.
    Texts(Vec<(Parameter, Vec<String>)>),
    /// Members of a JSON object by name.
    Members(Vec<Parameter>, JsonRows),
    /// The whole body to the only parameter.
    Whole(Parameter, Vec<u8>),
}

impl Planner<'_> {
    pub(super) fn call(&self, function: &str, invocation: Invocation) -> Result<CallPlan, Error> {
        let routine = self.find(function, invocation)?.clone();
        let row_type = if routine.returns.composite { &routine.returns.type_name.name } else { &routine.name.name };
        let relation = Name::new(&routine.name.schema, row_type);
        let rows = self.rows(Root::Called(&relation))?;
        let arguments = self.arguments(&routine);
        let (format, media) = self.negotiate(&relation, &rows)?;
        self.check_preferences()?;
        let preferences = &self.request.preferences;
        if preferences.is_strict() && preferences.max_affected.is_some() && !routine.returns.set {
            return Err(RequestError::MaxAffectedOnSingle.into());
        }
        let is_head = invocation == Invocation::Head;
        Ok(CallPlan {
            arguments,
            returning: returned_columns(&rows),
            rows,
            format: if is_head { Format::Nothing } else { format },
            media,
            is_read_only: invocation != Invocation::Post || routine.volatility != Volatility::Volatile,
            is_head,
            routine,
        })
    }

    /// The one function of this name that takes the request's arguments.
    pub(super) fn find(&self, function: &str, invocation: Invocation) -> Result<&Routine, SchemaError> {
        let name = self.name(function);
        let names = self.argument_names();
        let is_post = invocation == Invocation::Post;
        let whole_body: &[&str] = match (&self.request.content_type, is_post) {
            (MediaType::Json, true) => &["json", "jsonb"],
            (MediaType::Text, true) => &["text"],
            (MediaType::Xml, true) => &["xml"],
            (MediaType::Binary, true) => &["bytea"],
            _ => &[],
        };
        let only_whole_body =
            is_post && matches!(self.request.content_type, MediaType::Text | MediaType::Xml | MediaType::Binary);
        match choose(self.cache.routines(&name), Call { names: &names, whole_body, only_whole_body }) {
            Choice::One(routine) => Ok(routine),
            Choice::Several(routines) => {
                Err(SchemaError::AmbiguousFunction(routines.iter().map(|routine| routine.signature()).collect()))
            }
            Choice::None => {
                let suggestion = if only_whole_body { None } else { self.cache.similar_routine(&name, &names) };
                let arguments = Box::new(searched(&names, whole_body, only_whole_body));
                Err(SchemaError::NoFunction { schema: name.schema, name: name.name, arguments, suggestion })
            }
        }
    }

    fn argument_names(&self) -> Vec<String> {
        let names: BTreeSet<&str> = match &self.request.payload {
            Payload::Json(body) => body.keys.iter().map(String::as_str).collect(),
            Payload::Form(fields) => fields.iter().map(|(name, _)| name.as_str()).collect(),
            Payload::Raw(_) => BTreeSet::new(),
            Payload::None => self.request.query.arguments.iter().map(|(name, _)| name.as_str()).collect(),
        };
        names.into_iter().map(str::to_owned).collect()
    }

    fn arguments(&self, routine: &Routine) -> Arguments {
        let given = self.argument_names();
        let used: Vec<Parameter> =
            routine.parameters.iter().filter(|parameter| given.contains(&parameter.name)).cloned().collect();
        match (&self.request.payload, routine.single_unnamed()) {
            (Payload::Raw(body), Some(only)) => Arguments::Whole(only.clone(), body.clone()),
            (Payload::Json(body), Some(only)) => Arguments::Whole(only.clone(), body.text.clone().into_bytes()),
            (_, _) if used.is_empty() => Arguments::Nothing,
            (Payload::Json(body), None) => Arguments::Members(used, body.clone()),
            (Payload::Form(fields), _) => Arguments::Texts(texts(used, fields)),
            (Payload::None | Payload::Raw(_), _) => Arguments::Texts(texts(used, &self.request.query.arguments)),
        }
    }
}

/// All values of a variadic parameter, the last one of any other.
fn texts(parameters: Vec<Parameter>, given: &[(String, String)]) -> Vec<(Parameter, Vec<String>)> {
    let values = |parameter: Parameter| {
        let mut all = given.iter().filter(|(name, _)| *name == parameter.name).map(|(_, value)| value.clone());
        let values = if parameter.variadic { all.collect() } else { all.next_back().into_iter().collect() };
        (parameter, values)
    };
    parameters.into_iter().map(values).collect()
}

/// Columns of the function's rows that are selected, filtered or ordered by.
fn returned_columns(rows: &ReadNode) -> Vec<String> {
    let mut needed = needed_columns(rows, &[]);
    if needed.is_empty() {
        needed.push("*".to_owned());
    }
    if needed != ["*"] {
        let mut filtered = BTreeSet::new();
        rows.conditions.iter().for_each(|condition| filtered_columns(condition, &mut filtered));
        needed.extend(filtered);
        needed.sort();
        needed.dedup();
    }
    needed
}

fn filtered_columns(condition: &Condition, into: &mut BTreeSet<String>) {
    match condition {
        Condition::Filter { column, .. } => {
            into.insert(column.name.clone());
        }
        Condition::Embedded { .. } => {}
        Condition::Group { terms, .. } => terms.iter().for_each(|term| filtered_columns(term, into)),
    }
}

/// How the error describes what was searched.
fn searched(names: &[String], whole_body: &[&str], only_whole_body: bool) -> Searched {
    let listed = names.join(", ");
    if only_whole_body {
        let type_name = whole_body.first().copied().unwrap_or("text");
        let described = format!(" with a single unnamed {type_name} parameter");
        return Searched { shown: String::new(), described };
    }
    let (shown, mut described) = match names.len() {
        0 => (" without parameters".to_owned(), " without parameters".to_owned()),
        1 => (format!("({listed})"), format!(" with parameter {listed}")),
        _ => (format!("({listed})"), format!(" with parameters {listed}")),
    };
    if !whole_body.is_empty() {
        described.push_str(" or with a single unnamed json/jsonb parameter");
    }
    Searched { shown, described }
}
