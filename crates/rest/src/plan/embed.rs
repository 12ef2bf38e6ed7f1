//! Which relationship an embedded resource means.

use crate::error::SchemaError;
use crate::request::ast::SelectRelation;
use crate::schema::relationship::{Cardinality, Link, Relationship};
use crate::schema::{Name, SchemaCache};

/// Finds the one relationship from `parent` that `target` names.
///
/// # Errors
/// [`SchemaError::NoRelationship`] or [`SchemaError::AmbiguousRelationship`].
pub(super) fn relationship<'a>(
    cache: &'a SchemaCache,
    parent: &Name,
    target: &SelectRelation,
) -> Result<&'a Relationship, SchemaError> {
    let hint = target.hint.as_deref();
    let in_schema = |known: &&Relationship| known.to.schema == parent.schema;
    let mut found: Vec<&Relationship> = cache
        .relationships(parent)
        .iter()
        .filter(in_schema)
        .filter(|known| is_meant(known, &target.name, hint))
        .collect();
    found.sort_by_key(|known| known.rank());
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(SchemaError::NoRelationship {
            parent: parent.name.clone(),
            child: target.name.clone(),
            hint: target.hint.clone(),
            schema: parent.schema.clone(),
            suggestion: cache.similar_relationship(parent, &target.name).map(Box::new),
        }),
        _ => Err(SchemaError::AmbiguousRelationship {
            parent: parent.name.clone(),
            child: target.name.clone(),
            candidates: found.iter().map(|known| known.described()).collect(),
            hints: found.iter().map(|known| known.hint()).collect(),
        }),
    }
}

fn is_meant(known: &Relationship, target: &str, hint: Option<&str>) -> bool {
    let names_target = known.to.name == target;
    match (&known.link, hint) {
        (Link::Function { function, .. }, _) => function.name == target,
        // Of a relation to itself the relation's name means the children, the column's name the parent.
        (Link::Key { cardinality: Cardinality::OneToMany, columns, .. }, hint) if known.is_self() => {
            names_target && hint.is_none_or(|hint| single_far(columns) == Some(hint))
        }
        (Link::Key { cardinality: Cardinality::ManyToOne, columns, .. }, None) if known.is_self() => {
            single_near(columns) == Some(target)
        }
        (_, _) if known.is_self() => false,
        (Link::Key { constraint, columns, .. }, None) => {
            names_target || !known.to_view && (constraint == target || single_near(columns) == Some(target))
        }
        (Link::Junction { .. }, None) => names_target,
        (Link::Key { constraint, columns, .. }, Some(hint)) => {
            names_target
                && (constraint == hint || single_near(columns) == Some(hint) || single_far(columns) == Some(hint))
        }
        (Link::Junction { table, .. }, Some(hint)) => names_target && table.name == hint,
    }
}

fn single_near(columns: &[(String, String)]) -> Option<&str> {
    match columns {
        [(near, _)] => Some(near),
        _ => None,
    }
}

fn single_far(columns: &[(String, String)]) -> Option<&str> {
    match columns {
        [(_, far)] => Some(far),
        _ => None,
    }
}
