//! Paths with their operations, and the parameters that they share.

use super::document::{Operation, Ordered, Parameter, ParameterOrRef, PathItem, Ref, Response, Schema, SchemaOrRef};
use super::values::{format, items, kind, summary};
use super::{DescribedTable, OBJECTS};
use crate::schema::Table;
use crate::schema::routine::{Parameter as Argument, Routine, Volatility};

pub(super) fn parameter_ref(name: &str) -> ParameterOrRef {
    ParameterOrRef::Ref(Ref { to: format!("#/parameters/{name}") })
}

fn definition_ref(name: &str) -> SchemaOrRef {
    SchemaOrRef::Ref(Ref { to: format!("#/definitions/{name}") })
}

fn answers(status: &str, description: &'static str) -> Ordered<Response> {
    Ordered(vec![(status.to_owned(), Response { description, schema: None })])
}

/// `/`
pub(super) fn root() -> PathItem {
    let get = Operation {
        tags: ["Introspection".to_owned()],
        summary: Some("OpenAPI description (this document)".to_owned()),
        description: None,
        produces: Some(&["application/openapi+json", "application/json"]),
        parameters: Vec::new(),
        responses: answers("200", "OK"),
    };
    PathItem { get: Some(get), ..PathItem::default() }
}

/// `/name`
pub(super) fn relation(table: &Table, described: &DescribedTable) -> PathItem {
    let name = &table.name.name;
    let (summary, description) = summary(described.comment.as_deref());
    let operation = |parameters: Vec<String>, responses| Operation {
        tags: [name.clone()],
        summary: summary.clone(),
        description: description.clone(),
        produces: None,
        parameters: parameters.iter().map(|parameter| parameter_ref(parameter)).collect(),
        responses,
    };
    let filters = || table.columns.iter().map(|column| format!("rowFilter.{name}.{}", column.name));
    let with = |fixed: &[&str]| fixed.iter().map(|fixed| (*fixed).to_owned()).collect::<Vec<_>>();
    let body = format!("body.{name}");
    let rows = Schema { kind: Some("array"), items: Some(Box::new(definition_ref(name))), ..Schema::default() };
    let read = Ordered(vec![
        ("200".to_owned(), Response { description: "OK", schema: Some(rows) }),
        ("206".to_owned(), Response { description: "Partial Content", schema: None }),
    ]);
    let shown = ["select", "order", "range", "rangeUnit", "offset", "limit", "preferCount"];
    let mut item =
        PathItem { get: Some(operation(filters().chain(with(&shown)).collect(), read)), ..PathItem::default() };
    if table.insertable || table.updatable || table.deletable {
        let changed: Vec<String> = filters().chain([body.clone(), "preferReturn".to_owned()]).collect();
        let removed: Vec<String> = filters().chain(["preferReturn".to_owned()]).collect();
        item.post = Some(operation(with(&[&body, "select", "preferPost"]), answers("201", "Created")));
        item.patch = Some(operation(changed, answers("204", "No Content")));
        item.delete = Some(operation(removed, answers("204", "No Content")));
    }
    item
}

/// `/rpc/name`
pub(super) fn function(routine: &Routine, comment: Option<&str>) -> PathItem {
    let (summary, description) = summary(comment);
    let operation = |parameters| Operation {
        tags: [format!("(rpc) {}", routine.name.name)],
        summary: summary.clone(),
        description: description.clone(),
        produces: Some(OBJECTS),
        parameters,
        responses: answers("200", "OK"),
    };
    let schema = &routine.name.schema;
    let properties = routine.parameters.iter().map(|argument| (argument.name.clone(), property(argument, schema)));
    let required = routine.parameters.iter().filter(|argument| argument.required);
    let arguments = Schema {
        description: comment.map(str::to_owned),
        kind: Some("object"),
        required: required.map(|argument| argument.name.clone()).collect(),
        properties: Some(Ordered(properties.collect())),
        ..Schema::default()
    };
    let body = Parameter {
        name: "args".to_owned(),
        required: true,
        place: "body",
        schema: Some(SchemaOrRef::Schema(Box::new(arguments))),
        ..Parameter::default()
    };
    let post = operation(vec![ParameterOrRef::Parameter(Box::new(body)), parameter_ref("preferParams")]);
    let in_query = |argument: &Argument| ParameterOrRef::Parameter(Box::new(query_parameter(argument, schema)));
    let get = match routine.volatility {
        Volatility::Volatile => None,
        Volatility::Stable | Volatility::Immutable => {
            Some(operation(routine.parameters.iter().map(in_query).collect()))
        }
    };
    PathItem { get, post: Some(post), ..PathItem::default() }
}

/// Types of the function's own schema are named without it.
fn short<'a>(argument: &'a Argument, schema: &str) -> &'a str {
    let type_name = argument.type_name.as_str();
    type_name.strip_prefix(schema).and_then(|rest| rest.strip_prefix('.')).unwrap_or(type_name)
}

fn property(argument: &Argument, schema: &str) -> Schema {
    let type_name = short(argument, schema);
    Schema { kind: kind(type_name), format: Some(format(type_name)), items: items(type_name), ..Schema::default() }
}

fn query_parameter(argument: &Argument, schema: &str) -> Parameter {
    let type_name = short(argument, schema);
    let base =
        Parameter { name: argument.name.clone(), required: argument.required, place: "query", ..Parameter::default() };
    if argument.variadic {
        let element = type_name.strip_suffix("[]").unwrap_or(type_name);
        let items = Schema { kind: kind(element), format: Some(format(element)), ..Schema::default() };
        let kind = kind(type_name).or(Some("string"));
        return Parameter { kind, items: Some(Box::new(items)), collection_format: Some("multi"), ..base };
    }
    // In a query string an array is text, `{…}`.
    let kind = kind(type_name).filter(|kind| *kind != "array").unwrap_or("string");
    Parameter { kind: Some(kind), format: Some(format(type_name)), ..base }
}

/// The parameters that paths refer to.
pub(super) fn shared<'a>(tables: impl Iterator<Item = (&'a Table, &'a DescribedTable)>) -> Ordered<Parameter> {
    const FULL: &[&str] = &["return=representation", "return=minimal", "return=none"];
    const POST: &[&str] = &[
        "return=representation",
        "return=minimal",
        "return=none",
        "resolution=ignore-duplicates",
        "resolution=merge-duplicates",
    ];
    let text = |name: &str, place, description: &str| Parameter {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        place,
        kind: Some("string"),
        ..Parameter::default()
    };
    let prefer = |choices| Parameter { choices, ..text("Prefer", "header", "Preference") };
    let paging = "Limiting and Pagination";
    let fixed = [
        ("preferParams", prefer(&[])),
        ("preferReturn", prefer(FULL)),
        ("preferCount", prefer(&["count=none"])),
        ("preferPost", prefer(POST)),
        ("select", text("select", "query", "Filtering Columns")),
        ("on_conflict", text("on_conflict", "query", "On Conflict")),
        ("order", text("order", "query", "Ordering")),
        ("range", text("Range", "header", paging)),
        ("rangeUnit", Parameter { default: Some("items"), ..text("Range-Unit", "header", paging) }),
        ("offset", text("offset", "query", paging)),
        ("limit", text("limit", "query", paging)),
    ];
    let mut all: Vec<(String, Parameter)> =
        fixed.into_iter().map(|(name, parameter)| (name.to_owned(), parameter)).collect();
    for (table, described) in tables {
        let name = &table.name.name;
        let body = Parameter {
            name: name.clone(),
            description: Some(name.clone()),
            place: "body",
            schema: Some(definition_ref(name)),
            ..Parameter::default()
        };
        all.push((format!("body.{name}"), body));
        all.extend(table.columns.iter().map(|column| {
            let comment = described.column(&column.name).and_then(|column| column.comment.clone());
            let filter = Parameter { description: comment, ..text(&column.name, "query", "") };
            (format!("rowFilter.{name}.{}", column.name), filter)
        }));
    }
    Ordered(all)
}
