//! What is counted together.

use super::settings::RateLimits;
use crate::model::rate_limits::Rate;

/// Requests that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bucket {
    Anonymous,
    Signups,
    Recover,
    Resend,
    MagicLink,
    Otp,
    User,
    Verify,
    /// Codes that are typed in, by whom they are for.
    Code,
    Token,
    FactorChallenge,
    FactorVerify,
}

/// How many may come at once where nothing else is said.
const BURST: u32 = 30;

const MINUTE: f64 = 60.0;
const FIVE_MINUTES: f64 = 300.0;
const HOUR: f64 = 3600.0;

impl Bucket {
    /// The name that clients are told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Signups => "signups",
            Self::Recover => "recover",
            Self::Resend => "resend",
            Self::MagicLink => "magiclink",
            Self::Otp => "otp",
            Self::User => "user",
            Self::Verify => "verify",
            Self::Code => "code",
            Self::Token => "token",
            Self::FactorChallenge => "factor-challenge",
            Self::FactorVerify => "factor-verify",
        }
    }

    /// How fast it fills again and how much it holds.
    pub(super) fn rate(self, limits: &RateLimits) -> Rate {
        let (requests, seconds, burst) = match self {
            Self::Anonymous => (limits.anonymous_users, HOUR, limits.anonymous_users),
            Self::Signups | Self::Recover | Self::Resend | Self::MagicLink | Self::Otp | Self::User => {
                (limits.otp, FIVE_MINUTES, BURST)
            }
            Self::Verify => (limits.verify, FIVE_MINUTES, BURST),
            // Ours alone: who lowers it wants fewer guesses at once, too.
            Self::Code => (limits.codes, FIVE_MINUTES, limits.codes.min(BURST)),
            Self::Token => (limits.token_refresh, FIVE_MINUTES, BURST),
            Self::FactorChallenge | Self::FactorVerify => (limits.mfa_challenge_and_verify, MINUTE, BURST),
        };
        Rate { per_second: f64::from(requests) / seconds, burst: f64::from(burst) }
    }
}
