//! The root document: what the API offers to a role, as Swagger 2.0.
//!
//! Names and types are in the schema cache; comments, privileges and what else only this document needs are asked
//! of the database when somebody asks for it.

mod document;
mod paths;
mod values;

use serde::Deserialize;

use crate::Settings;
use crate::schema::relationship::{Link, Relationship};
use crate::schema::{Column, SchemaCache, Table};
use document::{Document, ExternalDocs, Info, Ordered, Schema};
use values::{format, items, kind, summary};

/// Types of bodies that functions and relations make.
const OBJECTS: &[&str] =
    &["application/json", "application/vnd.pgrst.object+json;nulls=stripped", "application/vnd.pgrst.object+json"];
const ROWS: &[&str] = &[
    "application/json",
    "application/vnd.pgrst.object+json;nulls=stripped",
    "application/vnd.pgrst.object+json",
    "text/csv",
];

/// What is in the schema `$1` for the current role, or for anybody when `$2` is true; one JSON object.
pub(crate) const DESCRIBED: &str = "
select json_build_object(
  'comment', (select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = $1),
  'tables', coalesce((
    select json_agg(json_build_object(
      'name', c.relname, 'comment', obj_description(c.oid, 'pg_class'), 'columns', coalesce((
        select json_agg(json_build_object(
          'name', a.attname, 'comment', col_description(c.oid, a.attnum),
          'nullable', not (a.attnotnull or t.typtype = 'd' and t.typnotnull),
          'max_length', case
            when coalesce(nullif(t.typbasetype, 0), t.oid) in ('varchar'::regtype, 'bpchar'::regtype)
              and greatest(a.atttypmod, t.typtypmod) > 4 then greatest(a.atttypmod, t.typtypmod) - 4
            when coalesce(nullif(t.typbasetype, 0), t.oid) in ('bit'::regtype, 'varbit'::regtype)
              then nullif(greatest(a.atttypmod, t.typtypmod), -1) end,
          'choices', (
            select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e
            where e.enumtypid = coalesce(nullif(t.typbasetype, 0), t.oid))) order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]')) order by c.relname)
    from pg_class c
    where c.relnamespace = (select oid from pg_namespace where nspname = $1)
      and c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition
      and ($2 or pg_has_role(c.relowner, 'usage')
        or has_table_privilege(c.oid, 'select, insert, update, delete, truncate, references, trigger')
        or has_any_column_privilege(c.oid, 'select, insert, update, references'))), '[]'),
  'functions', coalesce((
    select json_agg(json_build_object('oid', p.oid::bigint, 'comment', obj_description(p.oid, 'pg_proc')))
    from pg_proc p
    where p.pronamespace = (select oid from pg_namespace where nspname = $1) and p.prokind = 'f'
      and ($2 or has_function_privilege(p.oid, 'execute'))), '[]'))::text";

/// What the database says about a schema.
#[derive(Debug, Deserialize)]
pub(crate) struct Described {
    comment: Option<String>,
    tables: Vec<DescribedTable>,
    functions: Vec<DescribedFunction>,
}

#[derive(Debug, Deserialize)]
struct DescribedTable {
    name: String,
    comment: Option<String>,
    columns: Vec<DescribedColumn>,
}

impl DescribedTable {
    fn column(&self, name: &str) -> Option<&DescribedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

#[derive(Debug, Deserialize)]
struct DescribedColumn {
    name: String,
    comment: Option<String>,
    nullable: bool,
    max_length: Option<i32>,
    choices: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
struct DescribedFunction {
    oid: u32,
    comment: Option<String>,
}

/// Writes the document for a schema; `host` is where the client found us.
pub(crate) fn document(
    schema: &str,
    described: &Described,
    cache: &SchemaCache,
    (settings, host): (&Settings, Option<&str>),
) -> Vec<u8> {
    let tables: Vec<(&Table, &DescribedTable)> = described
        .tables
        .iter()
        .filter_map(|table| Some((cache.table(&crate::schema::Name::new(schema, &table.name))?, table)))
        .collect();
    let mut all = vec![("/".to_owned(), paths::root())];
    all.extend(
        tables.iter().map(|(table, described)| (format!("/{}", table.name.name), paths::relation(table, described))),
    );
    for routine in cache.routines_of(schema) {
        let Some(known) = described.functions.iter().find(|function| function.oid == routine.oid) else { continue };
        let path = format!("/rpc/{}", routine.name.name);
        // Overloads share a path; the one with most parameters is shown.
        all.retain(|(known, _)| *known != path);
        all.push((path, paths::function(routine, known.comment.as_deref())));
    }
    let definitions = tables.iter().map(|(table, described)| {
        (table.name.name.clone(), definition(table, described, cache.relationships(&table.name)))
    });
    let (title, description) = summary(described.comment.as_deref());
    let place = Place::of(settings.proxy_uri.as_deref(), host);
    let document = Document {
        swagger: "2.0",
        info: Info {
            title: title.unwrap_or_else(|| "Data API".to_owned()),
            description: description.unwrap_or_else(|| "Tables, views and functions of this project".to_owned()),
            version: env!("CARGO_PKG_VERSION"),
        },
        host: place.host,
        base_path: place.path,
        schemes: [place.scheme],
        consumes: ROWS,
        produces: ROWS,
        definitions: Ordered(definitions.collect()),
        parameters: paths::shared(tables.iter().copied()),
        paths: Ordered(all),
        security_definitions: settings.openapi_security.then(|| {
            serde_json::json!({"JWT": {
                "type": "apiKey", "in": "header", "name": "Authorization",
                "description": "Add the token prepending \"Bearer \" (without quotes) to it",
            }})
        }),
        security: settings.openapi_security.then(|| serde_json::json!([{"JWT": []}])),
        external_docs: ExternalDocs {
            description: "PostgREST Documentation",
            url: "https://postgrest.org/en/latest/references/api.html",
        },
    };
    serde_json::to_vec(&document).expect("text, numbers and maps with text as keys serialise")
}

/// Where clients find the API.
struct Place {
    scheme: &'static str,
    host: Option<String>,
    path: String,
}

impl Place {
    fn of(proxy_uri: Option<&str>, host: Option<&str>) -> Self {
        let Some(uri) = proxy_uri.and_then(|uri| uri.parse::<http::Uri>().ok()) else {
            return Self { scheme: "http", host: host.map(str::to_owned), path: "/".to_owned() };
        };
        let is_secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
        Self {
            scheme: if is_secure { "https" } else { "http" },
            host: uri.host().map(|host| format!("{host}:{port}")),
            path: uri.path().to_owned(),
        }
    }
}

fn definition(table: &Table, described: &DescribedTable, relationships: &[Relationship]) -> Schema {
    let is_required = |column: &&Column| described.column(&column.name).is_some_and(|known| !known.nullable);
    let property = |column: &Column| {
        let known = described.column(&column.name);
        (column.name.clone(), property(column, known, &notes(table, column, relationships)))
    };
    Schema {
        description: described.comment.clone(),
        kind: Some("object"),
        required: table.columns.iter().filter(is_required).map(|column| column.name.clone()).collect(),
        properties: Some(Ordered(table.columns.iter().map(property).collect())),
        ..Schema::default()
    }
}

fn property(column: &Column, known: Option<&DescribedColumn>, notes: &[String]) -> Schema {
    // Types of the catalog are named without their modifiers, and domains over them by what they are made of.
    let type_name = if column.base_type.contains('.') { &column.type_name } else { &column.base_type };
    let comment = known.and_then(|known| known.comment.clone());
    let description = if notes.is_empty() {
        comment
    } else {
        let before = comment.map(|comment| format!("{comment}\n\n")).unwrap_or_default();
        Some(format!("{before}Note:\n{}", notes.join("\n")))
    };
    Schema {
        description,
        default: column.default.as_deref().and_then(|default| values::default(type_name, default)),
        max_length: known.and_then(|known| known.max_length),
        format: Some(format(type_name)),
        choices: known.and_then(|known| known.choices.clone()),
        items: items(type_name),
        kind: kind(type_name),
        ..Schema::default()
    }
}

/// Which keys a column belongs to, in the form that generators of clients look for.
fn notes(table: &Table, column: &Column, relationships: &[Relationship]) -> Vec<String> {
    let mut notes = Vec::new();
    if table.key.contains(&column.name) {
        notes.push("This is a Primary Key.<pk/>".to_owned());
    }
    let far = |known: &&Relationship| match &known.link {
        Link::Key { columns, .. } if known.holds_key => match columns.as_slice() {
            [(near, far)] if *near == column.name => Some((known.to_view, known.to.name.clone(), far.clone())),
            _ => None,
        },
        Link::Key { .. } | Link::Junction { .. } | Link::Function { .. } => None,
    };
    let mut targets: Vec<_> = relationships.iter().filter_map(|known| far(&known)).collect();
    targets.sort_by_key(|(is_view, ..)| *is_view);
    if let Some((_, to, far)) = targets.first() {
        notes.push(format!("This is a Foreign Key to `{to}.{far}`.<fk table='{to}' column='{far}'/>"));
    }
    notes
}
