//! Protection that asks others: captchas, and passwords known from leaks.

use std::net::IpAddr;

use authkit::breached::Breached;
use authkit::captcha::{Captcha, CaptchaError};
use authkit::strength::{PasswordError, Weakness};
use http::StatusCode;
use serde_json::Value;

use crate::denial::Denial;
use crate::error::Error;
use crate::state::State;

/// What protects the service beyond its database. Without anything, nothing is asked.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// Who judges visitors.
    pub captcha: Option<Captcha>,
    /// Who knows leaked passwords.
    pub breached: Breached,
}

/// Checks the token that a body carries in `gotrue_meta_security.captcha_token`.
pub(crate) async fn check_captcha(state: &State, fields: &Value, ip: Option<IpAddr>) -> Result<(), Error> {
    let Some(captcha) = &state.protection.captcha else { return Ok(()) };
    let token = fields["gotrue_meta_security"]["captcha_token"].as_str().unwrap_or_default();
    let failed = |text| Denial::telling(StatusCode::BAD_REQUEST, "captcha_failed", text).into();
    captcha.check(token, ip).await.map_err(|error| match error {
        CaptchaError::Missing => failed("captcha protection: request disallowed (no captcha_token found)".to_owned()),
        CaptchaError::Failed { codes } => {
            failed(format!("captcha protection: request disallowed ({})", codes.join(", ")))
        }
        CaptchaError::Unreachable(_) | CaptchaError::NotUnderstood(_) => {
            Error::Internal("captcha verification process failed", error.to_string())
        }
    })
}

impl State {
    /// Checks a new password against the rules and against leaks; all reasons are told at once.
    pub(crate) async fn check_password(&self, password: &str) -> Result<(), Error> {
        let mut weakness = match self.settings.password.check(password) {
            Ok(()) => Weakness { message: String::new(), reasons: Vec::new() },
            Err(PasswordError::Weak(weakness)) => weakness,
            Err(error) => return Err(error.into()),
        };
        let knows = self.protection.breached.knows(&password.into()).await;
        if knows.map_err(|error| Error::Internal("Internal Server Error", error.to_string()))? {
            let separator = if weakness.message.is_empty() { "" } else { " " };
            weakness.message.push_str(separator);
            weakness.message.push_str("Password is known to be weak and easy to guess, please choose a different one.");
            weakness.reasons.push("pwned");
        }
        if weakness.reasons.is_empty() { Ok(()) } else { Err(Error::WeakPassword(weakness)) }
    }
}
