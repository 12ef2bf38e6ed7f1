//! Defaults of accounts that stand in for the original behind another gateway. Elsewhere those of the Supabase CLI
//! count, which are for a developer's machine: there, addresses count as confirmed without proof.

use anyhow::Result;

use super::Settings;

/// The settings whose defaults the original and the CLI do not share, as the original has them.
const DEFAULTS: [(&str, &str); 6] = [
    ("GOTRUE_MAILER_AUTOCONFIRM", "false"),
    ("GOTRUE_SMS_AUTOCONFIRM", "false"),
    ("GOTRUE_SMTP_MAX_FREQUENCY", "1m"),
    ("GOTRUE_SMS_MAX_FREQUENCY", "1m"),
    ("GOTRUE_MAILER_OTP_EXP", "86400"),
    ("GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL", "0"),
];

impl Settings {
    /// Sets them, before anything is read.
    ///
    /// # Errors
    /// Never: each is a value of its setting.
    pub(super) fn apply_originals_defaults(&mut self) -> Result<()> {
        DEFAULTS.iter().try_for_each(|(name, text)| self.apply(name, text))
    }
}

/// What the documentation says of them.
pub(super) fn page() -> String {
    let all = DEFAULTS.map(|(name, text)| format!("`{name}={text}`")).join(", ");
    format!("With `VESTIBULE_NO_PREFIX` (`serve --only auth --no-prefix`) the original's defaults count: {all}.\n\n")
}
