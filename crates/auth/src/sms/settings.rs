//! What an installation decides about codes that are sent to phones.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::settings::Invalid;

/// Settings of codes that are sent to phones. The defaults are those of the Supabase CLI; only codes are good for a
/// minute, as the original has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsSettings {
    /// Numbers count as confirmed at once.
    pub autoconfirm: bool,
    /// How long codes are valid.
    pub otp_exp: Duration,
    /// How many digits a code has: 6 to 10.
    pub otp_length: usize,
    /// The least time between two codes of a kind to one user.
    pub max_frequency: Duration,
    /// The text, in Go's template syntax; `{{ .Code }}` is the code.
    pub template: String,
    /// Numbers (normalised) that get no message and whose code is always this one.
    pub test_otp: BTreeMap<String, String>,
    /// Until when these codes are good; without end when there is no time.
    pub test_otp_valid_until: Option<Timestamp>,
}

impl Default for SmsSettings {
    fn default() -> Self {
        Self {
            autoconfirm: true,
            otp_exp: Duration::from_secs(60),
            otp_length: 6,
            max_frequency: Duration::from_secs(5),
            template: authkit::sms::DEFAULT_TEMPLATE.to_owned(),
            test_otp: BTreeMap::new(),
            test_otp_valid_until: None,
        }
    }
}

impl SmsSettings {
    /// Checks lengths and the form of numbers.
    ///
    /// # Errors
    /// [`Invalid`] for the first that cannot be.
    pub fn validate(&self) -> Result<(), Invalid> {
        let invalid = |setting, reason| Err(Invalid { setting, reason });
        if !(6..=10).contains(&self.otp_length) {
            return invalid("sms.otp_length", "must be between 6 and 10".to_owned());
        }
        let is_normal = |number: &str| authkit::address::phone(number).as_deref() == Some(number);
        if let Some(number) = self.test_otp.keys().find(|number| !is_normal(number)) {
            return invalid("sms.test_otp", format!("{number:?} is no phone number"));
        }
        authkit::sms::check_template(&self.template).or_else(|reason| invalid("sms.template", reason))
    }

    /// The code that is always good for a number.
    pub(crate) fn test_code(&self, number: &str, now: Timestamp) -> Option<&str> {
        let is_over = self.test_otp_valid_until.is_some_and(|end| now > end);
        self.test_otp.get(number).map(String::as_str).filter(|_| !is_over)
    }
}
