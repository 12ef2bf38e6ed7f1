//! Errors of single flows, which keep status, code and text where they are raised; [`crate::error`] has those
//! that several flows share.

use std::borrow::Cow;

use http::StatusCode;

use crate::error::Error;

/// What a client is refused, and how that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with a fixed text.
    pub(crate) const fn new(status: StatusCode, code: &'static str, text: &'static str) -> Self {
        Self { status, code, text: Cow::Borrowed(text) }
    }

    /// A refusal with a text of the moment.
    pub(crate) const fn telling(status: StatusCode, code: &'static str, text: String) -> Self {
        Self { status, code, text: Cow::Owned(text) }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
