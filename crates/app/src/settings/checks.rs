//! Settings that are valid one by one and not together.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use auth::{Kind, Part};

use super::project_file::Project;
use super::{Settings, table, values, variable};

/// Names of which each says the opposite of the other.
const OPPOSITES: [(&str, &str); 3] = [
    ("GOTRUE_DISABLE_SIGNUP", "VESTIBULE_ENABLE_SIGNUP"),
    ("GOTRUE_MAILER_AUTOCONFIRM", "VESTIBULE_ENABLE_CONFIRMATIONS"),
    ("GOTRUE_SMS_AUTOCONFIRM", "VESTIBULE_ENABLE_PHONE_CONFIRMATIONS"),
];

/// Names that say the same in two ways.
const TWICE: [(&str, &str); 2] = [
    ("GOTRUE_JWT_KEYS", "VESTIBULE_SIGNING_KEYS_PATH"),
    ("GOTRUE_PASSWORD_REQUIRED_CHARACTERS", "VESTIBULE_PASSWORD_REQUIREMENTS"),
];

/// The longest that access tokens should last, and do with the Supabase CLI.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// The name that a letter's part was given by.
pub fn name_of_part(part: Option<Part>, kind: Kind, locale: Option<&str>) -> String {
    let upper = kind.name().to_ascii_uppercase();
    let part = match part {
        Some(Part::Subject) => "SUBJECTS",
        Some(Part::Html) => "TEMPLATES",
        Some(Part::Plain) => "TEXTS",
        Some(Part::Sms) | None => "…",
    };
    if let Some(locale) = locale {
        let locale = locale.to_ascii_uppercase().replace('-', "_");
        return format!("VESTIBULE_MAILER_{part}_{upper}__{locale}");
    }
    let prefix = if part == "TEXTS" { "VESTIBULE" } else { "GOTRUE" };
    let name = format!("{prefix}_MAILER_{part}_{upper}");
    match table::find(&name).and_then(|setting| setting.key.as_deref()) {
        Some(key) => format!("{name} (`{key}`)"),
        None => name,
    }
}

/// Refuses an environment that says two things at once, and a secret that stands for a file.
///
/// # Errors
/// For the first names that contradict each other or say the same, and for such a secret.
pub(super) fn environment(environment: &HashMap<String, String>) -> Result<()> {
    for (name, other) in TWICE {
        if variable(environment, name).is_some() && variable(environment, other).is_some() {
            bail!("environment {name}: {other} says the same, and one of them can count only");
        }
    }
    if let Some((name, secret)) = variable(environment, "JWT_SECRET")
        && name == "PGRST_JWT_SECRET"
        && secret.starts_with('@')
    {
        bail!("environment {name}: the name of a file is not read here, the secret itself is expected");
    }
    for (name, opposite) in OPPOSITES {
        let (Some((_, one)), Some((_, other))) = (variable(environment, name), variable(environment, opposite)) else {
            continue;
        };
        if values::switch(&one)? == values::switch(&other)? {
            bail!("environment {name}: it is the opposite of {opposite}, and both are {one}");
        }
    }
    Ok(())
}

impl Settings {
    /// What the accounts service is to reach.
    ///
    /// # Errors
    /// What is missing or wrong, by its name.
    pub fn reach(&self) -> Result<auth::OutsideSettings> {
        let mfa = &self.auth.mfa;
        let sends_messages = self.auth.phone_enabled || mfa.phone_enroll_enabled || mfa.phone_verify_enabled;
        self.outside.settings(&self.auth.site_url, sends_messages)
    }

    /// Checks the accounts service's settings, and notes those of them that count otherwise than they are written, or that
    /// few would want.
    ///
    /// # Errors
    /// For the first one that cannot be, by its name.
    pub(super) fn check_accounts(&mut self) -> Result<()> {
        self.auth.validate().map_err(|wrong| match name_of(wrong.setting) {
            Some(name) => anyhow!("{name}: {}", wrong.reason),
            None => anyhow::Error::new(wrong).context("settings of accounts"),
        })?;
        for (setting, least) in self.auth.raised() {
            let name = name_of(setting).unwrap_or(setting);
            self.warnings.push(format!("{name} is below the least that is possible: {least} counts"));
        }
        if self.auth.jwt_exp > WEEK {
            let name = name_of("jwt_exp").unwrap_or_default();
            self.warnings.push(format!("{name} is over a week: a stolen token is good for as long"));
        }
        Ok(())
    }

    /// Checks what the project file says against what follows from all places.
    ///
    /// # Errors
    /// For a section that is on and cannot work.
    pub(super) fn check_project(&mut self, project: &Project, environment: &HashMap<String, String>) -> Result<()> {
        if project.has_mail_section && !self.outside.has_mail_server() {
            bail!("the section `auth.email.smtp` is on, and `auth.email.smtp.host` (GOTRUE_SMTP_HOST) is missing");
        }
        let mfa = &self.auth.mfa;
        for (kind, enrolls, verifies) in [
            ("totp", mfa.totp_enroll_enabled, mfa.totp_verify_enabled),
            ("phone", mfa.phone_enroll_enabled, mfa.phone_verify_enabled),
        ] {
            let key = format!("auth.mfa.{kind}.enroll_enabled");
            if enrolls && !verifies && project.found.iter().any(|found| found.key == key) {
                bail!("`{key}` is on, and `auth.mfa.{kind}.verify_enabled` is not: such factors could never be used");
            }
        }
        for hook in self.outside.unsigned_hooks() {
            let key = |field: &str| format!("auth.hook.{}.{field}", hook.name());
            if project.found.iter().any(|found| found.key == key("uri")) {
                // As with the CLI. What the environment says is taken as the original takes it.
                bail!("`{}` is missing: anybody could call `{}`", key("secrets"), key("uri"));
            }
        }
        let is_by_file = variable(environment, "GOTRUE_EXTERNAL_PHONE_ENABLED").is_none();
        if self.auth.phone_enabled && is_by_file && !self.outside.reaches_phones() {
            // As with the CLI: numbers that nobody can prove to be theirs would be confirmed.
            self.auth.phone_enabled = false;
            self.warnings.push(
                "`auth.sms.enable_signup` has no effect without a provider of messages or the hook `send_sms`: accounts \
                 by phone are off, unless GOTRUE_EXTERNAL_PHONE_ENABLED switches them on"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// The name by which a setting of accounts that cannot be was given.
pub(super) fn name_of(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "site_url" => "GOTRUE_SITE_URL (`auth.site_url`)",
        "api_external_url" => "API_EXTERNAL_URL",
        "mailer_from" => "GOTRUE_SMTP_ADMIN_EMAIL (`auth.email.smtp.admin_email`)",
        "mailer_from_name" => "GOTRUE_SMTP_SENDER_NAME (`auth.email.smtp.sender_name`)",
        "mfa.challenge_expiry" => "GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION",
        "mfa.factor_expiry" => "GOTRUE_MFA_FACTOR_EXPIRY_DURATION",
        "flow_state_expiry" => "GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION",
        "uri_allow_list" => "GOTRUE_URI_ALLOW_LIST (`auth.additional_redirect_urls`)",
        "jwt_exp" => "GOTRUE_JWT_EXP (`auth.jwt_expiry`)",
        "jwt_aud" => "GOTRUE_JWT_AUD",
        "jwt_default_role" => "GOTRUE_JWT_DEFAULT_GROUP_NAME",
        "jwt_admin_roles" => "GOTRUE_JWT_ADMIN_ROLES",
        "mailer_otp_length" => "GOTRUE_MAILER_OTP_LENGTH",
        "db_encryption.key_id" => "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID",
        "db_encryption.key" => "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY",
        "db_encryption.decryption_keys" => "GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS",
        "refresh_token_algorithm_version" => "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION",
        "refresh_token_upgrade_percentage" => "GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE",
        "sms.otp_length" => "GOTRUE_SMS_OTP_LENGTH",
        "sms.test_otp" => "GOTRUE_SMS_TEST_OTP (`auth.sms.test_otp`)",
        "sms.template" => "GOTRUE_SMS_TEMPLATE (`auth.sms.template`)",
        "mfa.phone_otp_length" => "GOTRUE_MFA_PHONE_OTP_LENGTH",
        "mfa.phone_template" => "GOTRUE_MFA_PHONE_TEMPLATE (`auth.mfa.phone.template`)",
        "password.min_length" => "GOTRUE_PASSWORD_MIN_LENGTH (`auth.minimum_password_length`)",
        _ => return None,
    })
}
