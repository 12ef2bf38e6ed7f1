//! What an installation decides about second factors.

use std::time::Duration;

/// Settings of second factors. The defaults are Supabase's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfaSettings {
    /// Users may add authenticator apps.
    pub totp_enroll_enabled: bool,
    /// Codes of authenticator apps are taken.
    pub totp_verify_enabled: bool,
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
const LEAST_EXPIRY: Duration = Duration::from_secs(300);

impl Default for MfaSettings {
    fn default() -> Self {
        Self {
            totp_enroll_enabled: true,
            totp_verify_enabled: true,
            challenge_expiry: LEAST_EXPIRY,
            factor_expiry: LEAST_EXPIRY,
            max_enrolled_factors: 10,
            max_verified_factors: 10,
        }
    }
}

impl MfaSettings {
    /// How long a challenge can be answered, as is in force.
    pub(crate) fn challenge_lifetime(&self) -> Duration {
        self.challenge_expiry.max(LEAST_EXPIRY)
    }

    /// How long a factor may stay unverified, as is in force.
    pub(crate) fn factor_lifetime(&self) -> Duration {
        self.factor_expiry.max(LEAST_EXPIRY)
    }
}
