//! Levels of the select list become levels of the statement.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::condition::Resolver;
use super::tree::{Level, Names, Reach, shown_name};
use super::{
    Column, Embed, JoinOn, Label, LiftedAggregate, OrderBy, Planner, ReadNode, SelectedColumn, Shape, Source, column,
    embed,
};
use crate::error::{Error, RequestError};
use crate::request::ast::{JsonKey, OrderTerm, SelectColumn};
use crate::schema::relationship::{Link, Relationship};
use crate::schema::{self, Name, Table};

/// What the top level reads.
#[derive(Debug, Clone, Copy)]
pub(super) enum Root<'a> {
    /// The relation itself.
    Relation(&'a Name),
    /// What was written to it.
    Written(&'a Name),
    /// What a function returned: rows of this relation, or of a type of this name.
    Called(&'a Name),
}

/// What a level is given by the one above.
struct Parent<'a> {
    /// The relation that its rows are of.
    relation: &'a Name,
    label: Label,
    /// Names that are taken further up.
    taken: &'a [&'a str],
    depth: usize,
}

impl Planner<'_> {
    /// Plans the rows of a request with everything embedded in them.
    pub(super) fn rows(&self, root: Root<'_>) -> Result<ReadNode, Error> {
        let (relation, source, label, reach) = match root {
            Root::Relation(name) => {
                (name, Source::Relation(name.clone()), Label::Relation(name.clone()), Reach::Everything)
            }
            Root::Written(name) => (name, Source::Statement, Label::Alias(name.name.clone()), Reach::AfterWrite),
            Root::Called(name) => (name, Source::Statement, Label::Alias(name.name.clone()), Reach::Everything),
        };
        let names = if self.settings.legacy_target_names { Names::AliasOrRelation } else { Names::Alias };
        let level = Level::root(self.request, reach, names)?;
        let rows = ReadNode { source, label: label.clone(), ..ReadNode::default() };
        let parent = Parent { relation, label, taken: &[&relation.name], depth: 0 };
        let mut rows = self.level(&level, rows, &parent)?;
        if reach == Reach::Everything {
            self.cap(&mut rows);
        }
        Ok(rows)
    }

    /// No level gives more rows than the server allows.
    fn cap(&self, rows: &mut ReadNode) {
        rows.range = rows.range.capped(self.settings.max_rows.map(i64::from));
        for embed in &mut rows.embeds {
            self.cap(&mut embed.rows);
        }
    }

    /// Fills in a level whose source and label are known; `place` is the level itself as its children see it.
    fn level(&self, level: &Level<'_>, mut rows: ReadNode, place: &Parent<'_>) -> Result<ReadNode, Error> {
        let table = self.cache.table(place.relation);
        for child in &level.children {
            rows.embeds.push(self.embed(child, place)?);
        }
        rows.select = self.select(level, place)?;
        let find = |name: &str| level.child(name);
        rows.conditions = Resolver { table, embed: &find }.all(&level.filters, &level.logic);
        rows.order = self.order(level, &rows.embeds, place)?;
        rows.range = level.range;
        Ok(rows)
    }

    fn select(&self, level: &Level<'_>, place: &Parent<'_>) -> Result<Vec<SelectedColumn>, RequestError> {
        let table = self.cache.table(place.relation);
        let is_aggregated = level.is_aggregated();
        if is_aggregated && !self.settings.aggregates {
            return Err(RequestError::Aggregates);
        }
        let shown_by = |selected: &SelectColumn| table?.column(&selected.field.name)?.representation.output.clone();
        let resolved = |selected: &&SelectColumn| SelectedColumn {
            column: column(table, &selected.field, None),
            shown_by: shown_by(selected),
            cast: selected.cast.clone(),
            marks_row: false,
            aggregate: selected.aggregate,
            aggregate_cast: selected.aggregate_cast.clone(),
            alias: selected.alias.clone().or_else(|| path_name(selected)).or_else(|| {
                let keeps_name = selected.aggregate.is_none() && shown_by(selected).is_some();
                keeps_name.then(|| selected.field.name.clone())
            }),
        };
        // A spread gives its columns to the parent one by one, and groups are made of columns: both need names.
        // So does a column whose type is shown in its own way.
        let has_own_way = |table: &Table| table.columns.iter().any(|known| known.representation.output.is_some());
        let is_listed =
            is_aggregated || level.relation.is_some_and(|relation| relation.spread) || table.is_some_and(has_own_way);
        let is_everything = |selected: &SelectedColumn| selected.column.name == "*" && selected.aggregate.is_none();
        let expanded = |selected: SelectedColumn| match table {
            Some(table) if is_listed && is_everything(&selected) => {
                table.columns.iter().map(SelectedColumn::known).collect()
            }
            _ => vec![selected],
        };
        let mut select: Vec<SelectedColumn> = level.columns.iter().map(resolved).flat_map(expanded).collect();
        if select.is_empty() && level.children.is_empty() {
            select.push(SelectedColumn::everything());
        }
        Ok(select)
    }

    /// Takes the aggregates out of a spread, with those of spreads in it: each becomes a column that carries what it
    /// is computed over.
    fn lift(&self, rows: &mut ReadNode, is_to_one: bool) -> Result<Vec<LiftedAggregate>, RequestError> {
        let mut lifted = Vec::new();
        for selected in &mut rows.select {
            let Some(aggregate) = selected.aggregate.take() else { continue };
            let carrier = format!("~carrier {}", self.carriers.replace(self.carriers.get() + 1));
            let name = selected.alias.replace(carrier.clone()).unwrap_or_else(|| aggregate.name().to_owned());
            selected.marks_row = selected.column.name == "*";
            lifted.push(LiftedAggregate { carrier, aggregate, cast: selected.aggregate_cast.take(), name });
        }
        lifted.extend(rows.embeds.iter().flat_map(|embed| embed.lifted.clone()));
        rows.lifts = true;
        if !is_to_one && !lifted.is_empty() {
            let details = "Aggregates are not implemented for one-to-many or many-to-many spreads.";
            return Err(RequestError::NotImplemented(details.to_owned()));
        }
        Ok(lifted)
    }

    fn order(&self, level: &Level<'_>, embeds: &[Embed], place: &Parent<'_>) -> Result<Vec<OrderBy>, RequestError> {
        let table = self.cache.table(place.relation);
        let resolved = |term: &OrderTerm| {
            let embed = match &term.relation {
                None => None,
                Some(name) => Some(related(level, embeds, name, place)?),
            };
            let table = if embed.is_some() { None } else { table };
            let column = column(table, &term.field, None);
            Ok(OrderBy { embed, column, direction: term.direction, nulls: term.nulls })
        };
        level.order.iter().map(resolved).collect()
    }

    fn embed(&self, level: &Level<'_>, parent: &Parent<'_>) -> Result<Embed, Error> {
        let asked = level.relation.expect("only the root has no relation, and it is nobody's child");
        let relationship = embed::relationship(self.cache, parent.relation, asked)?;
        let depth = parent.depth + 1;
        let alias = free_alias(&format!("{}_{depth}", relationship.to.name), parent.taken);
        let label = Label::Alias(alias.clone());
        let (source, join) = joined(relationship, &label, parent, depth);
        let mut taken = parent.taken.to_vec();
        taken.push(&alias);
        let place = Parent { relation: &relationship.to, label: label.clone(), taken: &taken, depth };
        let mut rows = self.level(level, ReadNode { source, label, join, ..ReadNode::default() }, &place)?;
        let lifted = if asked.spread { self.lift(&mut rows, relationship.is_to_one())? } else { Vec::new() };
        Ok(Embed {
            rows,
            lifted,
            name: shown_name(asked).to_owned(),
            alias: bounded(&format!("{}_{}_{depth}", parent.relation.name, shown_name(asked))),
            shape: match (asked.spread, relationship.is_to_one()) {
                (false, true) => Shape::Object,
                (false, false) => Shape::Array,
                (true, true) => Shape::SpreadObject,
                (true, false) => Shape::SpreadArray,
            },
            inner: asked.inner,
            is_hidden: level.shows_nothing(),
            old_name: level.is_named_old.then(|| asked.name.clone()),
            needs: relationship.near_columns().map(str::to_owned).collect(),
            needs_all: matches!(relationship.link, Link::Function { .. }),
        })
    }
}

impl SelectedColumn {
    /// All columns.
    fn everything() -> Self {
        Self::named("*")
    }

    /// A column as it is.
    fn named(name: &str) -> Self {
        let column = Column { name: name.to_owned(), path: Vec::new(), to_json: false, to_tsvector: None };
        Self {
            column,
            shown_by: None,
            cast: None,
            aggregate: None,
            aggregate_cast: None,
            alias: None,
            marks_row: false,
        }
    }

    /// A column of a table, shown in the way of its type.
    fn known(known: &schema::Column) -> Self {
        let shown_by = known.representation.output.clone();
        let alias = shown_by.is_some().then(|| known.name.clone());
        Self { shown_by, alias, ..Self::named(&known.name) }
    }
}

impl Default for ReadNode {
    fn default() -> Self {
        Self {
            source: Source::Statement,
            label: Label::Alias(String::new()),
            select: Vec::new(),
            conditions: Vec::new(),
            join: Vec::new(),
            order: Vec::new(),
            range: crate::request::range::RowRange::default(),
            embeds: Vec::new(),
            lifts: false,
        }
    }
}

/// The embed that an order goes by, which must have at most one row.
fn related(level: &Level<'_>, embeds: &[Embed], name: &str, place: &Parent<'_>) -> Result<usize, RequestError> {
    let Some(index) = level.child(name) else {
        return Err(RequestError::NotEmbedded { name: name.to_owned(), alias: None });
    };
    match embeds.get(index).map(|embed| embed.shape) {
        Some(Shape::Object | Shape::SpreadObject) => Ok(index),
        _ => Err(RequestError::RelatedOrder { from: place.relation.name.clone(), to: name.to_owned() }),
    }
}

/// Where the rows of an embed come from and how they belong to the parent's.
fn joined(relationship: &Relationship, label: &Label, parent: &Parent<'_>, depth: usize) -> (Source, Vec<JoinOn>) {
    let on = |left: &Label, right: &Label, columns: &[(String, String)]| -> Vec<JoinOn> {
        let pair = |(near, far): &(String, String)| JoinOn {
            left: (left.clone(), near.clone()),
            right: (right.clone(), far.clone()),
        };
        columns.iter().map(pair).collect()
    };
    let relation = relationship.to.clone();
    match &relationship.link {
        Link::Key { columns, .. } => (Source::Relation(relation), on(&parent.label, label, columns)),
        Link::Junction { table, near, far } => {
            let alias = free_alias(&format!("{}_{depth}_via", table.name), parent.taken);
            let junction = Label::Alias(alias.clone());
            let mut join = on(label, &junction, &far.1);
            join.extend(on(&parent.label, &junction, &near.1));
            (Source::ThroughJunction { relation, junction: table.clone(), alias }, join)
        }
        Link::Function { function, .. } => {
            let source = Source::Function {
                function: function.clone(),
                argument: parent.label.clone(),
                row_type: parent.relation.clone(),
            };
            (source, Vec::new())
        }
    }
}

/// PostgreSQL cuts longer names off, and two that begin alike would become one.
const MAX_NAME_BYTES: usize = 63;

/// A name of bearable length; one that is too long is replaced by a digest of it.
fn bounded(wanted: &str) -> String {
    if wanted.len() <= MAX_NAME_BYTES {
        return wanted.to_owned();
    }
    let mut digest = DefaultHasher::new();
    wanted.hash(&mut digest);
    let start: String = wanted.chars().take(10).collect();
    format!("{start}_{:016x}", digest.finish())
}

/// An alias that hides no name of the levels above.
fn free_alias(wanted: &str, taken: &[&str]) -> String {
    let mut alias = bounded(wanted);
    while taken.contains(&alias.as_str()) {
        alias.push('_');
    }
    alias
}

/// A selected JSON path is called after its last key, or after the column when it has only indexes.
fn path_name(selected: &SelectColumn) -> Option<String> {
    if selected.field.path.is_empty() || selected.aggregate.is_some() {
        return None;
    }
    let last_key = selected.field.path.iter().rev().find_map(|step| match &step.key {
        // The empty text is a key, but no name of a column.
        JsonKey::Name(name) => Some(name.clone()).filter(|name| !name.is_empty()),
        JsonKey::Index(_) => None,
    });
    Some(last_key.unwrap_or_else(|| selected.field.name.clone()))
}
