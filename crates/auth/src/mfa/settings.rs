//! What an installation decides about second factors.

use std::time::Duration;

use crate::settings::Invalid;

/// Settings of second factors. The defaults are Supabase's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfaSettings {
    /// Users may add authenticator apps.
    pub totp_enroll_enabled: bool,
    /// Codes of authenticator apps are taken.
    pub totp_verify_enabled: bool,
    /// Users may add phones.
    pub phone_enroll_enabled: bool,
    /// Codes are sent to phones, and taken.
    pub phone_verify_enabled: bool,
    /// How many digits such a code has: 6 to 10.
    pub phone_otp_length: usize,
    /// The least time between two codes to one phone.
    pub phone_max_frequency: Duration,
    /// The text of messages with such codes, in Go's template syntax; `{{ .Code }}` is the code.
    pub phone_template: String,
    /// How long a challenge can be answered; at least 300 seconds count.
    pub challenge_expiry: Duration,
    /// How long a factor may stay unverified without a challenge; at least 300 seconds count.
    pub factor_expiry: Duration,
    /// How many factors a user may have, verified or not.
    pub max_enrolled_factors: usize,
    /// How many verified factors a user may have.
    pub max_verified_factors: usize,
}

/// The least of both expiry times, below which Supabase does not go either.
pub(crate) const LEAST_EXPIRY: Duration = Duration::from_secs(300);

impl Default for MfaSettings {
    fn default() -> Self {
        Self {
            totp_enroll_enabled: true,
            totp_verify_enabled: true,
            phone_enroll_enabled: false,
            phone_verify_enabled: false,
            phone_otp_length: 6,
            phone_max_frequency: Duration::from_secs(60),
            phone_template: authkit::sms::DEFAULT_TEMPLATE.to_owned(),
            challenge_expiry: LEAST_EXPIRY,
            factor_expiry: LEAST_EXPIRY,
            max_enrolled_factors: 10,
            max_verified_factors: 10,
        }
    }
}

impl MfaSettings {
    /// Checks lengths and the template.
    ///
    /// # Errors
    /// [`Invalid`] for the first that cannot be.
    pub fn validate(&self) -> Result<(), Invalid> {
        if !(6..=10).contains(&self.phone_otp_length) {
            return Err(Invalid { setting: "mfa.phone_otp_length", reason: "must be between 6 and 10".to_owned() });
        }
        authkit::sms::check_template(&self.phone_template)
            .map_err(|reason| Invalid { setting: "mfa.phone_template", reason })
    }

    /// How long a challenge can be answered, as is in force.
    pub(crate) fn challenge_lifetime(&self) -> Duration {
        self.challenge_expiry.max(LEAST_EXPIRY)
    }

    /// How long a factor may stay unverified, as is in force.
    pub(crate) fn factor_lifetime(&self) -> Duration {
        self.factor_expiry.max(LEAST_EXPIRY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_for_phones_have_6_to_10_digits_and_a_template_that_can_be_read() {
        assert_eq!(MfaSettings::default().validate(), Ok(()));
        for (settings, expected) in [
            (MfaSettings { phone_otp_length: 5, ..MfaSettings::default() }, "mfa.phone_otp_length"),
            (MfaSettings { phone_otp_length: 11, ..MfaSettings::default() }, "mfa.phone_otp_length"),
            (MfaSettings { phone_template: "{{ .Code".to_owned(), ..MfaSettings::default() }, "mfa.phone_template"),
        ] {
            assert_eq!(settings.validate().unwrap_err().setting, expected);
        }
    }
}
