//! Errors of single flows, which keep status, code and text where they are raised; [`crate::error`] has those
//! that several flows share.

use std::borrow::Cow;

use http::StatusCode;

use crate::error::Error;

/// What a client is denied, and how that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) text: Cow<'static, str>,
    /// After how many seconds to try again.
    pub(crate) retry_after: Option<u64>,
}

impl Denial {
    /// A denial with a fixed text.
    pub(crate) const fn new(status: StatusCode, code: &'static str, text: &'static str) -> Self {
        Self { status, code, text: Cow::Borrowed(text), retry_after: None }
    }

    /// A denial with a text of the moment.
    pub(crate) const fn telling(status: StatusCode, code: &'static str, text: String) -> Self {
        Self { status, code, text: Cow::Owned(text), retry_after: None }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}
