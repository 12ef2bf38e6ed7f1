//! What the operator may give of a letter, and why that cannot be used.

use super::engine::{Part, TemplateError};
use super::kind::Kind;
use super::load::LoadError;
use super::source::Body;

/// How the operator wants a letter. What is not given is as in the letter for everybody, and where that has nothing
/// either, as it is built in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// The subject.
    pub subject: Option<String>,
    /// The HTML part.
    pub html: Option<Body>,
    /// The plain text part; made from the HTML part when only that is given.
    pub plain: Option<Body>,
}

/// Why a letter cannot be as it is wanted.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A text is broken.
    #[error(transparent)]
    Broken(#[from] TemplateError),
    /// A text did not come.
    #[error("there is no {part} part")]
    Missing {
        /// The part of the letter.
        part: Part,
        /// What went wrong.
        #[source]
        cause: LoadError,
    },
    /// The name of a locale is no language tag.
    #[error("{0:?} is no locale")]
    Locale(String),
}

impl CatalogueError {
    /// The part of the letter that cannot be, when it is one.
    #[must_use]
    pub fn part(&self) -> Option<Part> {
        match self {
            Self::Broken(error) => Some(error.part),
            Self::Missing { part, .. } => Some(*part),
            Self::Locale(_) => None,
        }
    }
}

/// A letter that cannot be as it is wanted.
#[derive(Debug)]
pub struct Unusable {
    /// The language that it is for; all, when there is none.
    pub locale: Option<String>,
    /// The letter.
    pub kind: Kind,
    /// What is wrong.
    pub cause: CatalogueError,
}
