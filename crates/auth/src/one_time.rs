//! One-time codes: digits for a person to type, and the hash that a link carries and the database keeps.

use authkit::otp;

use crate::state::State;

/// A code and its hash.
pub(crate) struct Code {
    pub(crate) digits: String,
    pub(crate) hash: String,
}

impl Code {
    /// A new code for an email address. With `is_pkce` the link ends in a code to be exchanged.
    pub(crate) fn generate(state: &State, contact: &str, is_pkce: bool) -> Self {
        let digits = otp::code(&state.random, state.settings.mailer_otp_length);
        let hash = state.code_key.hash(contact, &digits);
        Self { hash: if is_pkce { otp::pkce(&hash) } else { hash }, digits }
    }
}
