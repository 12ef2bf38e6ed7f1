//! Media types that the schema itself serves: a domain named like a media type is the result of a function, or
//! of an aggregate over rows.

use std::collections::HashMap;

use serde::Deserialize;

use super::Name;
use crate::request::media::MediaType;

/// What turns rows into a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Aggregate over rows, or the domain that the value is cast to.
    pub function: Name,
    /// Rows are of this relation; without it they may be any.
    pub row_type: Option<Name>,
    /// The body is `jsonb`, which has a form of its own on the wire.
    pub is_jsonb: bool,
    /// Type of the body.
    pub produces: MediaType,
}

/// Handlers by what they are for and the media type that asks for them.
#[derive(Debug, Default)]
pub(super) struct Handlers(HashMap<(Option<Name>, MediaType), Handler>);

/// A handler as the catalog has it.
#[derive(Debug, Deserialize)]
pub(super) struct HandlerSource {
    pub(super) function: Name,
    /// Relation or function; none for any rows.
    pub(super) target: Option<Name>,
    pub(super) is_aggregate: bool,
    pub(super) is_jsonb: bool,
    /// Name of the domain.
    pub(super) domain: String,
}

impl Handlers {
    pub(super) fn new(sources: Vec<HandlerSource>) -> Self {
        Self(sources.into_iter().map(entry).collect())
    }

    /// The handler of rows of `target`, or of any rows when there is none; for rows that are no longer whole
    /// only the latter.
    pub(super) fn find(&self, target: &Name, are_whole: bool, wanted: &MediaType) -> Option<&Handler> {
        let own = |wanted: MediaType| self.0.get(&(Some(target.clone()), wanted));
        let for_target = if are_whole { own(MediaType::Any).or_else(|| own(wanted.clone())) } else { None };
        for_target.or_else(|| self.0.get(&(None, wanted.clone())))
    }
}

fn entry(source: HandlerSource) -> ((Option<Name>, MediaType), Handler) {
    let asked = MediaType::parse(&source.domain);
    let produces = if asked == MediaType::Any { MediaType::Binary } else { asked.clone() };
    let row_type = source.target.clone().filter(|_| source.is_aggregate);
    let handler = Handler { function: source.function, row_type, is_jsonb: source.is_jsonb, produces };
    ((source.target, asked), handler)
}
