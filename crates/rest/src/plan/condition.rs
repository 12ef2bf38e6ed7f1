//! Filters and logic trees on the columns of a table.

use super::{Condition, column};
use crate::request::ast::{Filter, IsValue, Logic, Operation};
use crate::schema::Table;

/// Resolves the conditions of one level.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'a> {
    /// The table, when the cache knows it.
    pub(super) table: Option<&'a Table>,
    /// Finds an embedded resource by the name that it is shown under.
    pub(super) embed: &'a dyn Fn(&str) -> Option<usize>,
}

impl Resolver<'_> {
    pub(super) fn all(self, filters: &[&Filter], logic: &[&Logic]) -> Vec<Condition> {
        let filters = filters.iter().map(|filter| self.filter(filter));
        filters.chain(logic.iter().map(|logic| self.logic(logic))).collect()
    }

    fn logic(self, logic: &Logic) -> Condition {
        match logic {
            Logic::Filter(filter) => self.filter(filter),
            Logic::Group { negated, junction, terms } => Condition::Group {
                negated: *negated,
                junction: *junction,
                terms: terms.iter().map(|term| self.logic(term)).collect(),
            },
        }
    }

    fn filter(self, filter: &Filter) -> Condition {
        if let (Operation::Is(value @ (IsValue::Null | IsValue::NotNull)), true) =
            (&filter.operation, filter.field.path.is_empty())
            && let Some(embed) = (self.embed)(&filter.field.name)
        {
            let exists = (*value == IsValue::NotNull) != filter.negated;
            return Condition::Embedded { embed, exists };
        }
        Condition::Filter {
            column: column(self.table, &filter.field, Some(&filter.operation)),
            negated: filter.negated,
            operation: filter.operation.clone(),
            read_by: self.table.and_then(|table| table.column(&filter.field.name)?.representation.text_input.clone()),
        }
    }
}
