//! Which of the accepted media types the response has.

use super::{Planner, ReadNode};
use crate::error::RequestError;
use crate::request::media::MediaType;
use crate::schema::Name;
use crate::schema::media::Handler;

/// How the statement writes its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Not at all: only the headers are wanted.
    Nothing,
    /// A JSON array; of a function that returns one value that value.
    Array {
        /// Members that are null are left out.
        strips_nulls: bool,
    },
    /// A JSON object.
    Object {
        /// Members that are null are left out.
        strips_nulls: bool,
    },
    /// Comma-separated values with a header line.
    Csv,
    /// A `FeatureCollection`; needs PostGIS.
    GeoJson,
    /// As the schema itself has it.
    Custom(Handler),
}

impl Planner<'_> {
    /// Format and type of a response with rows of `target`.
    ///
    /// # Errors
    /// [`RequestError::MediaTypes`] when nothing that is accepted can be produced.
    pub(super) fn negotiate(&self, target: &Name, rows: &ReadNode) -> Result<(Format, MediaType), RequestError> {
        let are_whole = rows.embeds.is_empty() && matches!(rows.select.as_slice(), [all] if all.column.name == "*");
        let own = |accepted: &MediaType| {
            let handler = self.cache.handler(target, are_whole, accepted)?;
            Some((Format::Custom(handler.clone()), handler.produces.clone()))
        };
        let accepts = &self.request.accepts;
        let answer = |accepted: &MediaType| match accepted {
            // Types of PostgREST's own cannot be served otherwise.
            MediaType::Object { .. } | MediaType::StrippedArray => built_in(accepted),
            _ => own(accepted).or_else(|| built_in(accepted)),
        };
        let produced = |accepted: &MediaType| match accepted {
            MediaType::Plan(plan) if self.settings.plans => {
                answer(&plan.of).map(|(format, _)| (format, accepted.clone()))
            }
            _ => answer(accepted),
        };
        accepts.iter().find_map(produced).ok_or_else(|| unacceptable(accepts))
    }
}

fn built_in(accepted: &MediaType) -> Option<(Format, MediaType)> {
    let format = match accepted {
        MediaType::Any => return Some((Format::Array { strips_nulls: false }, MediaType::Json)),
        MediaType::Json => Format::Array { strips_nulls: false },
        MediaType::StrippedArray => Format::Array { strips_nulls: true },
        MediaType::Object { strips_nulls } => Format::Object { strips_nulls: *strips_nulls },
        MediaType::Csv => Format::Csv,
        MediaType::GeoJson => Format::GeoJson,
        MediaType::Form
        | MediaType::Text
        | MediaType::Xml
        | MediaType::Binary
        | MediaType::OpenApi
        | MediaType::Plan(_)
        | MediaType::Other(_) => return None,
    };
    Some((format, accepted.clone()))
}

/// Type of the description of the API, which is JSON under any name.
///
/// # Errors
/// [`RequestError::MediaTypes`] when nothing of that kind is acceptable.
pub(super) fn description(accepts: &[MediaType]) -> Result<MediaType, RequestError> {
    let is_fine = |accepted: &&MediaType| matches!(accepted, MediaType::OpenApi | MediaType::Json | MediaType::Any);
    accepts.iter().find(is_fine).map(|_| MediaType::OpenApi).ok_or_else(|| unacceptable(accepts))
}

fn unacceptable(accepts: &[MediaType]) -> RequestError {
    RequestError::MediaTypes(accepts.iter().map(|accepted| accepted.name().to_owned()).collect())
}
