//! Settings of what protects accounts: limits, captchas, leaked passwords, encrypted secrets.

use super::{Setting, setting};

/// These settings, in the order of the documentation.
pub(super) const PROTECTION: &[Setting] = &[
    setting(
        "GOTRUE_RATE_LIMIT_ANONYMOUS_USERS",
        Some("auth.rate_limit.anonymous_users"),
        "30",
        "anonymous sign-ups in an hour from one address",
    ),
    setting(
        "GOTRUE_RATE_LIMIT_OTP",
        Some("auth.rate_limit.sign_in_sign_ups"),
        "30",
        "sign-ups, mails and codes asked for, changes of users; each in five minutes",
    ),
    setting(
        "GOTRUE_RATE_LIMIT_VERIFY",
        Some("auth.rate_limit.token_verifications"),
        "30",
        "links and codes used in five minutes",
    ),
    setting("VESTIBULE_RATE_LIMIT_CODES", None, "30", "codes typed in for one address, number or user in five minutes"),
    setting(
        "GOTRUE_RATE_LIMIT_TOKEN_REFRESH",
        Some("auth.rate_limit.token_refresh"),
        "150",
        "sign-ins and refreshes in five minutes",
    ),
    setting(
        "GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY",
        None,
        "15",
        "challenges of second factors, and answers, in a minute",
    ),
    setting(
        "VESTIBULE_RATE_LIMIT_BY_ADDRESS",
        None,
        "on with a header that tells addresses",
        "count requests by address",
    ),
    setting(
        "GOTRUE_RATE_LIMIT_EMAIL_SENT",
        Some("auth.rate_limit.email_sent"),
        "30",
        "mails to everybody in an hour, or `30/2m` for one more every two minutes",
    ),
    setting(
        "GOTRUE_RATE_LIMIT_SMS_SENT",
        Some("auth.rate_limit.sms_sent"),
        "30",
        "messages to all phones, written the same way",
    ),
    setting("GOTRUE_SECURITY_CAPTCHA_ENABLED", Some("auth.captcha.enabled"), "false", "ask visitors for a captcha"),
    setting("GOTRUE_SECURITY_CAPTCHA_PROVIDER", Some("auth.captcha.provider"), "hcaptcha", "`hcaptcha` or `turnstile`"),
    setting("GOTRUE_SECURITY_CAPTCHA_SECRET", Some("auth.captcha.secret"), "", "secret of the site"),
    setting("GOTRUE_SECURITY_CAPTCHA_TIMEOUT", None, "10s", "how long the judge of captchas may take"),
    setting("VESTIBULE_CAPTCHA_URL", None, "the judge's own", "where captchas are judged"),
    setting("GOTRUE_PASSWORD_HIBP_ENABLED", None, "false", "refuse passwords that Have I Been Pwned knows"),
    setting("GOTRUE_PASSWORD_HIBP_FAIL_CLOSED", None, "false", "refuse them too when it does not answer"),
    setting("GOTRUE_PASSWORD_HIBP_USER_AGENT", None, "vestibule", "how this server names itself there"),
    setting("VESTIBULE_HIBP_URL", None, "https://api.pwnedpasswords.com", "where it is, without a path"),
    setting("VESTIBULE_LEAKED_PASSWORDS", None, "", "file with sorted SHA-1 hashes of leaked passwords, one per line"),
    setting(
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT",
        None,
        "false",
        "password hashes, keys of authenticator apps and of refresh tokens are stored encrypted",
    ),
    setting(
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID",
        None,
        "",
        "name of the key that they are encrypted with",
    ),
    setting(
        "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY",
        None,
        "",
        "that key: 32 bytes in base64url without padding",
    ),
    setting(
        "GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS",
        None,
        "",
        "keys that may have encrypted what is stored, as `name:key,…`",
    ),
    setting(
        "GOTRUE_DB_CLEANUP_ENABLED",
        None,
        "false",
        "each request that changed something deletes a few rows of what has expired",
    ),
];
