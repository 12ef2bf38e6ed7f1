//! Reading one setting of accounts from text.

use anyhow::{Result, bail};
use auth::Settings;

use super::apply::{at_least, character_sets, duration, limit, list, seconds, switch, url};

/// Sets what the table calls `name`.
///
/// # Errors
/// When the text is not a value of that setting.
pub(super) fn apply(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    match name {
        "GOTRUE_SITE_URL" => auth.site_url = url(text)?,
        "GOTRUE_URI_ALLOW_LIST" => auth.uri_allow_list = list(text),
        "GOTRUE_JWT_EXP" => auth.jwt_exp = seconds(text)?,
        "GOTRUE_DISABLE_SIGNUP" => auth.disable_signup = switch(text)?,
        "VESTIBULE_ENABLE_SIGNUP" => auth.disable_signup = !switch(text)?,
        "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED" => auth.anonymous_enabled = switch(text)?,
        "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED" => auth.manual_linking_enabled = switch(text)?,
        "GOTRUE_EXPERIMENTAL_CURSOR_PAGINATION_ENABLED" => auth.cursor_pagination_enabled = switch(text)?,
        "GOTRUE_EXTERNAL_PHONE_ENABLED" => auth.phone_enabled = switch(text)?,
        "GOTRUE_SMS_AUTOCONFIRM" => auth.sms.autoconfirm = switch(text)?,
        "VESTIBULE_ENABLE_PHONE_CONFIRMATIONS" => auth.sms.autoconfirm = !switch(text)?,
        "GOTRUE_SMS_MAX_FREQUENCY" => auth.sms.max_frequency = duration(text)?,
        "GOTRUE_PASSWORD_MIN_LENGTH" => auth.password.min_length = at_least(text, 0, "a number of bytes")?,
        "GOTRUE_PASSWORD_REQUIRED_CHARACTERS" => auth.password.required_characters = character_sets(text),
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION" => {
            auth.update_password_require_reauthentication = switch(text)?;
        }
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD" => {
            auth.update_password_require_current_password = switch(text)?;
        }
        _ => return apply_mail(auth, name, text),
    }
    Ok(())
}

fn apply_mail(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    match name {
        "GOTRUE_EXTERNAL_EMAIL_ENABLED" => auth.email_enabled = switch(text)?,
        "GOTRUE_EXTERNAL_EMAIL_MAGIC_LINK_ENABLED" => auth.magic_link_enabled = switch(text)?,
        "VESTIBULE_VERIFY_ASKS_FIRST" => auth.verify_asks_first = switch(text)?,
        "GOTRUE_MAILER_AUTOCONFIRM" => auth.mailer_autoconfirm = switch(text)?,
        "VESTIBULE_ENABLE_CONFIRMATIONS" => auth.mailer_autoconfirm = !switch(text)?,
        "GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED" => auth.mailer_secure_email_change = switch(text)?,
        "GOTRUE_MAILER_OTP_EXP" => auth.mailer_otp_exp = seconds(text)?,
        "GOTRUE_MAILER_OTP_LENGTH" => auth.mailer_otp_length = at_least(text, 6, "a number of digits (6 to 10)")?,
        "GOTRUE_SMTP_MAX_FREQUENCY" => auth.mailer_max_frequency = duration(text)?,
        "GOTRUE_SMTP_ADMIN_EMAIL" => text.clone_into(&mut auth.mailer_from),
        "GOTRUE_SMTP_SENDER_NAME" => text.clone_into(&mut auth.mailer_from_name),
        _ => return apply_session(auth, name, text),
    }
    Ok(())
}

fn apply_session(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    match name {
        "GOTRUE_SESSIONS_TIMEBOX" => auth.sessions_timebox = limit(text)?,
        "GOTRUE_SESSIONS_INACTIVITY_TIMEOUT" => auth.sessions_inactivity_timeout = limit(text)?,
        "GOTRUE_SESSIONS_ALLOW_LOW_AAL" => auth.sessions_allow_low_aal = limit(text)?,
        "GOTRUE_SESSIONS_SINGLE_PER_USER" => auth.sessions_single_per_user = switch(text)?,
        "GOTRUE_SESSIONS_TAGS" => auth.sessions_tags = list(text),
        "GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED" => auth.refresh_token_rotation = switch(text)?,
        "GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL" => auth.refresh_token_reuse_interval = seconds(text)?,
        "GOTRUE_SECURITY_REFRESH_TOKEN_ALLOW_REUSE" => auth.refresh_token_allow_reuse = switch(text)?,
        "GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION" => {
            auth.refresh_token_algorithm_version = at_least(text, 0, "0, 1 or 2")?;
        }
        "GOTRUE_SECURITY_REFRESH_TOKEN_UPGRADE_PERCENTAGE" => {
            auth.refresh_token_upgrade_percentage = at_least(text, 0, "a percentage (0 to 100)")?;
        }
        _ => return apply_mfa(auth, name, text),
    }
    Ok(())
}

fn apply_mfa(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    let mfa = &mut auth.mfa;
    match name {
        "GOTRUE_MFA_TOTP_ENROLL_ENABLED" => mfa.totp_enroll_enabled = switch(text)?,
        "GOTRUE_MFA_TOTP_VERIFY_ENABLED" => mfa.totp_verify_enabled = switch(text)?,
        "GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION" => mfa.challenge_expiry = seconds(text)?,
        "GOTRUE_MFA_FACTOR_EXPIRY_DURATION" => mfa.factor_expiry = duration(text)?,
        "GOTRUE_MFA_MAX_ENROLLED_FACTORS" => mfa.max_enrolled_factors = at_least(text, 0, "a number of factors")?,
        "GOTRUE_MFA_MAX_VERIFIED_FACTORS" => mfa.max_verified_factors = at_least(text, 0, "a number of factors")?,
        _ => bail!("there is no such setting"),
    }
    Ok(())
}
