//! What the exposed schemas hold: relations, relationships, functions. Read once, kept, replaced as a whole.

mod load;
pub mod media;
pub mod relationship;
pub mod roles;
pub mod routine;
mod stored;
mod suggest;
mod view;
mod watch;

use std::collections::HashMap;

use serde::Deserialize;

use crate::request::media::MediaType;

pub use load::load;
use relationship::Relationship;
use routine::Routine;
pub(crate) use watch::{Loaded, Shared, Source, watch};

/// Name of a relation or function with its schema.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
pub struct Name {
    /// The schema.
    pub schema: String,
    /// The name.
    pub name: String,
}

impl Name {
    /// A name in a schema.
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// Both parts quoted, for a statement.
    pub fn quoted(&self) -> String {
        pg::ident::qualified(&self.schema, &self.name)
    }
}

/// Everything that plans need to know.
#[derive(Debug, Default)]
pub struct SchemaCache {
    tables: HashMap<Name, Table>,
    relationships: HashMap<Name, Vec<Relationship>>,
    routines: HashMap<Name, Vec<Routine>>,
    handlers: media::Handlers,
}

/// A relation: table, view, materialized view, foreign or partitioned table.
#[derive(Debug, Clone, Deserialize)]
pub struct Table {
    /// Its name.
    #[serde(flatten)]
    pub name: Name,
    /// It is a view or materialized view.
    pub is_view: bool,
    /// Rows can be inserted, by its nature and not by privilege.
    pub insertable: bool,
    /// Rows can be updated.
    pub updatable: bool,
    /// Rows can be deleted.
    pub deletable: bool,
    /// Columns of the primary key, sorted by name; of a view those of its base tables.
    pub key: Vec<String>,
    /// Its columns in order.
    pub columns: Vec<Column>,
}

impl Table {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type with modifiers, as SQL text.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its type with domains resolved, as SQL text.
    pub base_type: String,
    /// The SQL expression of its default.
    pub default: Option<String>,
    /// How its type, a domain, is shown and read, where there are casts for it.
    #[serde(flatten)]
    pub representation: Representation,
}

/// Functions of the implicit casts of a domain, as SQL text.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Representation {
    /// From the domain to json, for responses.
    pub output: Option<String>,
    /// From text to the domain, for filters.
    pub text_input: Option<String>,
    /// From json to the domain, for bodies.
    pub json_input: Option<String>,
}

impl SchemaCache {
    /// Puts the cache together.
    pub(crate) fn new(
        tables: Vec<Table>,
        relationships: Vec<Relationship>,
        routines: Vec<Routine>,
        schemas: &[String],
    ) -> Self {
        let mut cache = Self::default();
        cache.tables.extend(tables.into_iter().map(|table| (table.name.clone(), table)));
        for relationship in relationships {
            let is_within = relationship.is_within(schemas);
            // A relation whose relationships are all hidden is still one that has some, for hints.
            let known = cache.relationships.entry(relationship.from.clone()).or_default();
            if is_within {
                known.push(relationship);
            }
        }
        for routine in routines {
            cache.routines.entry(routine.name.clone()).or_default().push(routine);
        }
        for overloads in cache.routines.values_mut() {
            // Those with as many parameters by name and type, which is the order that errors list them in.
            overloads.sort_by_key(|routine| (routine.parameters.len(), routine.signature()));
        }
        cache
    }

    /// The relation of this name.
    pub fn table(&self, name: &Name) -> Option<&Table> {
        self.tables.get(name)
    }

    /// How many relations there are.
    pub fn table_count(&self) -> usize {
        self.tables.len()
    }

    /// The relationships that start at a relation.
    pub fn relationships(&self, from: &Name) -> &[Relationship] {
        self.relationships.get(from).map_or(&[], Vec::as_slice)
    }

    /// Takes the media types that the schema serves.
    fn serve(mut self, handlers: Vec<media::HandlerSource>) -> Self {
        self.handlers = media::Handlers::new(handlers);
        self
    }

    /// What serves rows of a relation, or the value of a function, as this media type; rows of which only some
    /// columns are left are served by what serves any rows.
    pub fn handler(&self, target: &Name, are_whole: bool, wanted: &MediaType) -> Option<&media::Handler> {
        self.handlers.find(target, are_whole, wanted)
    }

    /// All functions of this name, those with fewer parameters first.
    pub fn routines(&self, name: &Name) -> &[Routine] {
        self.routines.get(name).map_or(&[], Vec::as_slice)
    }

    /// All functions of a schema by name, those with fewer parameters first.
    pub fn routines_of(&self, schema: &str) -> Vec<&Routine> {
        let mut all: Vec<&Routine> =
            self.routines.values().flatten().filter(|routine| routine.name.schema == schema).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name).then(a.parameters.len().cmp(&b.parameters.len())));
        all
    }

    /// A relation of the schema whose name is similar.
    pub fn similar_table(&self, name: &Name) -> Option<String> {
        /// Larger schemas are not searched: it would take too long for an error message.
        const MAX_SEARCHED: usize = 500;
        let names: Vec<&str> =
            self.tables.keys().filter(|known| known.schema == name.schema).map(|known| known.name.as_str()).collect();
        if names.len() > MAX_SEARCHED {
            return None;
        }
        suggest::similar(&names, &name.name, suggest::STRICT)
    }

    /// A function of the schema whose name is similar, or, when the name is known, its most similar parameters.
    pub fn similar_routine(&self, name: &Name, arguments: &[String]) -> Option<String> {
        let overloads = self.routines(name);
        if overloads.is_empty() {
            let names: Vec<&str> = self
                .routines
                .keys()
                .filter(|known| known.schema == name.schema)
                .map(|known| known.name.as_str())
                .collect();
            return suggest::similar(&names, &name.name, suggest::STRICT);
        }
        let listed = |names: &mut Vec<&str>| {
            names.sort_unstable();
            format!("({})", names.join(", "))
        };
        let known: Vec<String> = overloads
            .iter()
            .map(|routine| listed(&mut routine.parameters.iter().map(|parameter| parameter.name.as_str()).collect()))
            .collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let given = listed(&mut arguments.iter().map(String::as_str).collect());
        suggest::similar(&known, &given, suggest::LOOSE).map(|parameters| format!("{}{parameters}", name.name))
    }

    /// A better parent or child for a relationship that was not found: the right name and the given one.
    pub fn similar_relationship(&self, parent: &Name, child: &str) -> Option<(String, String)> {
        let in_schema = |relationship: &&Relationship| relationship.to.schema == parent.schema;
        match self.relationships.get(parent) {
            Some(known) => {
                let children: Vec<&str> =
                    known.iter().filter(in_schema).map(|relationship| relationship.to.name.as_str()).collect();
                if children.contains(&child) {
                    return None;
                }
                suggest::similar(&children, child, suggest::LOOSE).map(|right| (right, child.to_owned()))
            }
            None => {
                let parents: Vec<&str> = self
                    .relationships
                    .keys()
                    .filter(|known| known.schema == parent.schema)
                    .map(|known| known.name.as_str())
                    .collect();
                suggest::similar(&parents, &parent.name, suggest::LOOSE).map(|right| (right, parent.name.clone()))
            }
        }
    }
}
