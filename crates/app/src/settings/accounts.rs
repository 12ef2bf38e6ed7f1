//! Reading one setting of accounts from text.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use auth::{Kind, PasswordRules, Settings};

use super::values::{
    at_least, codes, count, digits, duration, exact_seconds, expected, hosts, limit, link_path, list, mail_addresses,
    named_secrets, requirements, seconds, switch, validity,
};

/// How long what is in mails is valid where the environment says zero.
const MAILS_LAST: Duration = Duration::from_secs(86400);

/// The same of messages to phones.
const MESSAGES_LAST: Duration = Duration::from_secs(60);

/// Sets what the table calls `name`.
///
/// # Errors
/// When the text is not a value of that setting.
pub(super) fn apply(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    match name {
        // Apps may have a scheme of their own.
        "GOTRUE_SITE_URL" => text.clone_into(&mut auth.site_url),
        "GOTRUE_URI_ALLOW_LIST" => auth.uri_allow_list = list(text),
        "GOTRUE_JWT_EXP" => auth.jwt_exp = seconds(text)?,
        "GOTRUE_DISABLE_SIGNUP" => auth.disable_signup = switch(text)?,
        "VESTIBULE_ENABLE_SIGNUP" => auth.disable_signup = !switch(text)?,
        "GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED" => auth.anonymous_enabled = switch(text)?,
        "GOTRUE_SECURITY_MANUAL_LINKING_ENABLED" => auth.manual_linking_enabled = switch(text)?,
        "GOTRUE_EXPERIMENTAL_CREATE_EMAIL_IDENTITY_ON_PASSWORD_SET_ENABLED" => {
            auth.create_email_identity_on_password_set = switch(text)?;
        }
        "GOTRUE_EXPERIMENTAL_CURSOR_PAGINATION_ENABLED" => auth.cursor_pagination_enabled = switch(text)?,
        "GOTRUE_AUDIT_LOG_DISABLE_POSTGRES" => auth.audit_disable_postgres = switch(text)?,
        "GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION" => auth.flow_state_expiry = duration(text)?,
        "GOTRUE_API_MAX_REQUEST_DURATION" => auth.max_request_duration = duration(text)?,
        "GOTRUE_JWT_AUD" => text.clone_into(&mut auth.jwt_aud),
        "GOTRUE_JWT_DEFAULT_GROUP_NAME" => text.clone_into(&mut auth.jwt_default_role),
        "GOTRUE_JWT_ADMIN_ROLES" => auth.jwt_admin_roles = list(text),
        "GOTRUE_JWT_ADMIN_GROUP_NAME" => text.clone_into(&mut auth.jwt_admin_group),
        "GOTRUE_PASSWORD_MIN_LENGTH" => auth.password.min_length = at_least(text, 0, "a number of bytes")?,
        "GOTRUE_PASSWORD_REQUIRED_CHARACTERS" => {
            auth.password.required_characters = PasswordRules::parse_required_characters(text);
        }
        "VESTIBULE_PASSWORD_REQUIREMENTS" => auth.password.required_characters = requirements(text)?,
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION" => {
            auth.update_password_require_reauthentication = switch(text)?;
        }
        "GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD" => {
            auth.update_password_require_current_password = switch(text)?;
        }
        "GOTRUE_DB_CLEANUP_ENABLED" => auth.db_cleanup_enabled = switch(text)?,
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT" => auth.db_encryption.encrypt = switch(text)?,
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID" => text.clone_into(&mut auth.db_encryption.key_id),
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY" => auth.db_encryption.key = text.into(),
        "GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS" => auth.db_encryption.decryption_keys = named_secrets(text)?,
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
        "GOTRUE_MAILER_EMAIL_BACKGROUND_SENDING" => auth.letters.in_background = switch(text)?,
        "GOTRUE_MAILER_OTP_EXP" => auth.mailer_otp_exp = validity(text, MAILS_LAST)?,
        "GOTRUE_MAILER_OTP_LENGTH" => auth.mailer_otp_length = digits(text)?,
        "GOTRUE_SMTP_MAX_FREQUENCY" => auth.mailer_max_frequency = duration(text)?,
        "GOTRUE_SMTP_SENDER_NAME" => text.clone_into(&mut auth.mailer_from_name),
        "GOTRUE_SMTP_HEADERS" => {
            auth.letters.headers = auth::parse_headers(text)?;
        }
        "GOTRUE_MAILER_EXTERNAL_HOSTS" => auth.letters.external_hosts = hosts(text)?,
        "GOTRUE_EXTERNAL_EMAIL_AUTHORIZED_ADDRESSES" => auth.letters.authorized_addresses = mail_addresses(text)?,
        "GOTRUE_MAILER_URLPATHS_INVITE" => auth.letters.urlpaths.invite = link_path(text)?,
        "GOTRUE_MAILER_URLPATHS_CONFIRMATION" => auth.letters.urlpaths.confirmation = link_path(text)?,
        "GOTRUE_MAILER_URLPATHS_RECOVERY" => auth.letters.urlpaths.recovery = link_path(text)?,
        "GOTRUE_MAILER_URLPATHS_EMAIL_CHANGE" => auth.letters.urlpaths.email_change = link_path(text)?,
        _ => return apply_phone(auth, name, text),
    }
    Ok(())
}

fn apply_phone(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    let sms = &mut auth.sms;
    match name {
        "GOTRUE_EXTERNAL_PHONE_ENABLED" => auth.phone_enabled = switch(text)?,
        "GOTRUE_SMS_AUTOCONFIRM" => sms.autoconfirm = switch(text)?,
        "VESTIBULE_ENABLE_PHONE_CONFIRMATIONS" => sms.autoconfirm = !switch(text)?,
        "GOTRUE_SMS_OTP_EXP" => sms.otp_exp = validity(text, MESSAGES_LAST)?,
        "GOTRUE_SMS_OTP_LENGTH" => sms.otp_length = digits(text)?,
        "GOTRUE_SMS_MAX_FREQUENCY" => sms.max_frequency = duration(text)?,
        "GOTRUE_SMS_TEMPLATE" if text.is_empty() => {}
        "GOTRUE_SMS_TEMPLATE" => text.clone_into(&mut sms.template),
        "GOTRUE_SMS_TEST_OTP" => sms.test_otp = codes(text)?,
        "GOTRUE_SMS_TEST_OTP_VALID_UNTIL" => {
            let end = text.trim().parse().map_err(|_| expected(text, "a time such as 2030-01-01T00:00:00Z"))?;
            sms.test_otp_valid_until = Some(end);
        }
        _ => return apply_limit(auth, name, text),
    }
    Ok(())
}

fn apply_limit(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    let limits = &mut auth.rate_limits;
    let number = || count(text, "a number of requests");
    let sent = || auth::send_limit(text).map_err(|reason| anyhow!(reason));
    match name {
        "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS" => limits.anonymous_users = number()?,
        "GOTRUE_RATE_LIMIT_OTP" => limits.otp = number()?,
        "GOTRUE_RATE_LIMIT_VERIFY" => limits.verify = number()?,
        "VESTIBULE_RATE_LIMIT_CODES" => limits.codes = number()?,
        "GOTRUE_RATE_LIMIT_TOKEN_REFRESH" => limits.token_refresh = number()?,
        "GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY" => limits.mfa_challenge_and_verify = number()?,
        "GOTRUE_RATE_LIMIT_EMAIL_SENT" => limits.email_sent = sent()?,
        "GOTRUE_RATE_LIMIT_SMS_SENT" => limits.sms_sent = sent()?,
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
        "GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION" => mfa.challenge_expiry = exact_seconds(text)?,
        "GOTRUE_MFA_FACTOR_EXPIRY_DURATION" => mfa.factor_expiry = duration(text)?,
        "GOTRUE_MFA_MAX_ENROLLED_FACTORS" => mfa.max_enrolled_factors = count(text, "a number of factors")?,
        "GOTRUE_MFA_MAX_VERIFIED_FACTORS" => mfa.max_verified_factors = at_least(text, 0, "a number of factors")?,
        "GOTRUE_MFA_PHONE_ENROLL_ENABLED" => mfa.phone_enroll_enabled = switch(text)?,
        "GOTRUE_MFA_PHONE_VERIFY_ENABLED" => mfa.phone_verify_enabled = switch(text)?,
        "GOTRUE_MFA_PHONE_OTP_LENGTH" => mfa.phone_otp_length = digits(text)?,
        "GOTRUE_MFA_PHONE_MAX_FREQUENCY" => mfa.phone_max_frequency = duration(text)?,
        "GOTRUE_MFA_PHONE_TEMPLATE" if text.is_empty() => {}
        "GOTRUE_MFA_PHONE_TEMPLATE" => text.clone_into(&mut mfa.phone_template),
        _ => return apply_notification(auth, name, text),
    }
    Ok(())
}

fn apply_notification(auth: &mut Settings, name: &str, text: &str) -> Result<()> {
    let short = name.strip_prefix("GOTRUE_MAILER_NOTIFICATIONS_").and_then(|rest| rest.strip_suffix("_ENABLED"));
    let is_named = |kind: &Kind| {
        let own = kind.name().strip_suffix("_notification");
        kind.is_notification() && own.zip(short).is_some_and(|(own, short)| own.eq_ignore_ascii_case(short))
    };
    let Some(kind) = Kind::ALL.into_iter().find(is_named) else { bail!("there is no such setting") };
    auth.letters.notifications.retain(|known| *known != kind);
    if switch(text)? {
        auth.letters.notifications.push(kind);
    }
    Ok(())
}
