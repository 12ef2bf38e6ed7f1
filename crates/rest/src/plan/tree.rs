//! The select list as a tree of levels, each with the filters, order and range that are meant for it.

use crate::error::RequestError;
use crate::request::Request;
use crate::request::ast::{Filter, Logic, OrderTerm, SelectColumn, SelectItem, SelectRelation};
use crate::request::range::RowRange;

/// One level of the select list.
#[derive(Debug, Default)]
pub(super) struct Level<'a> {
    /// The item that embeds it; the root has none.
    pub(super) relation: Option<&'a SelectRelation>,
    pub(super) columns: Vec<&'a SelectColumn>,
    pub(super) filters: Vec<&'a Filter>,
    pub(super) logic: Vec<&'a Logic>,
    pub(super) order: &'a [OrderTerm],
    pub(super) range: RowRange,
    pub(super) children: Vec<Level<'a>>,
    /// A parameter names it by its relation although it has an alias.
    pub(super) is_named_old: bool,
}

/// Which parameters apply to the rows that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All of them.
    Everything,
    /// Filters of the root were for the rows to change; limits do not apply at all.
    AfterWrite,
}

/// How parameters name embedded resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// As they are shown.
    Alias,
    /// As they are shown, or by their relation.
    AliasOrRelation,
}

impl<'a> Level<'a> {
    /// Sorts the parameters of a request into the levels of its select list.
    ///
    /// # Errors
    /// [`RequestError::NotEmbedded`] when a parameter is for a level that is not there.
    pub(super) fn root(request: &'a Request, reach: Reach, names: Names) -> Result<Self, RequestError> {
        let query = &request.query;
        let mut root = Self::of(None, &query.select);
        let applies = |path: &[String]| reach == Reach::Everything || !path.is_empty();
        for filter in query.filters.iter().filter(|filter| applies(&filter.path)) {
            root.at(&filter.path, names)?.filters.push(&filter.value);
        }
        for order in &query.order {
            root.at(&order.path, names)?.order = &order.value;
        }
        if reach == Reach::Everything {
            for (path, range) in &query.ranges {
                root.at(path, names)?.range = *range;
            }
            root.range = request.range;
        }
        for logic in query.logic.iter().filter(|logic| applies(&logic.path)) {
            root.at(&logic.path, names)?.logic.push(&logic.value);
        }
        Ok(root)
    }

    fn of(relation: Option<&'a SelectRelation>, items: &'a [SelectItem]) -> Self {
        let mut level = Self { relation, ..Self::default() };
        for item in items {
            match item {
                SelectItem::Column(column) => level.columns.push(column),
                SelectItem::Relation(relation) => level.children.push(Self::of(Some(relation), &relation.items)),
            }
        }
        level
    }

    fn at(&mut self, path: &[String], names: Names) -> Result<&mut Self, RequestError> {
        let Some((name, rest)) = path.split_first() else { return Ok(self) };
        let is_shown_as = |child: &Self| child.relation.is_some_and(|relation| shown_name(relation) == name);
        let is_of = |child: &Self| child.relation.is_some_and(|relation| relation.name == *name);
        let meant = match names {
            Names::AliasOrRelation => self.children.iter().position(|child| is_shown_as(child) || is_of(child)),
            Names::Alias => self.children.iter().position(is_shown_as),
        };
        let Some(meant) = meant else {
            let renamed = self.children.iter().find(|child| is_of(child)).and_then(|child| child.relation);
            let alias = renamed.and_then(|relation| relation.alias.clone());
            return Err(RequestError::NotEmbedded { name: name.clone(), alias });
        };
        let child = &mut self.children[meant];
        child.is_named_old |= !is_shown_as(child);
        child.at(rest, names)
    }

    /// Neither it nor anything below it selects a column.
    pub(super) fn shows_nothing(&self) -> bool {
        self.columns.is_empty() && self.children.iter().all(Self::shows_nothing)
    }

    /// An aggregate is computed at this level, its own or one of a spread.
    pub(super) fn is_aggregated(&self) -> bool {
        let is_spread = |child: &&Self| child.relation.is_some_and(|relation| relation.spread);
        self.columns.iter().any(|selected| selected.aggregate.is_some())
            || self.children.iter().filter(is_spread).any(Self::is_aggregated)
    }

    /// The index of the child that goes by this name in the result.
    pub(super) fn child(&self, name: &str) -> Option<usize> {
        self.children.iter().position(|child| child.relation.is_some_and(|relation| shown_name(relation) == name))
    }
}

/// The name of an embedded resource in the result.
pub(super) fn shown_name(relation: &SelectRelation) -> &str {
    relation.alias.as_deref().unwrap_or(&relation.name)
}
