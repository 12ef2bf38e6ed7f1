//! What stops the start: each time with the name, the reason and nothing secret.

use crate::program::command;

/// What the program says when it is started so.
fn refusal(config: &str, variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("supabase")).expect("a folder");
    std::fs::write(folder.path().join("supabase/config.toml"), config).expect("a file");
    let output = command(folder.path())
        .args(["serve", "--database-url", "postgres://nobody@127.0.0.1:1/none"])
        .envs(variables.iter().copied())
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).expect("text")
}

#[test]
fn names_and_values_in_the_environment() {
    for (name, value, expected) in [
        (
            "GOTRUE_SITE_URI",
            "x",
            "environment GOTRUE_SITE_URI: there is no such setting; did you mean GOTRUE_SITE_URL?",
        ),
        ("GOTRUE_SMS_OTP_EXP", "soon", "environment GOTRUE_SMS_OTP_EXP: \"soon\" is not a number of seconds"),
        ("GOTRUE_RATE_LIMIT_EMAIL_SENT", "5/0s", "environment GOTRUE_RATE_LIMIT_EMAIL_SENT: \"5/0s\""),
        (
            "GOTRUE_EXTERNAL_GOOGLE_ENABLED",
            "true",
            "GOTRUE_EXTERNAL_GOOGLE_ENABLED: this cannot be switched on: not supported yet",
        ),
        ("GOTRUE_SAML_ENABLED", "maybe", "GOTRUE_SAML_ENABLED: \"maybe\" is not `true` or `false`"),
        (
            "GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS",
            "true",
            "GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS: it cannot be on together with GOTRUE_MAILER_AUTOCONFIRM",
        ),
        (
            "GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX",
            "mx.example.com",
            "GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX: \"mx.example.com\" is not a JSON array of names",
        ),
        ("GOTRUE_MAILER_OTP_LENGTH", "11", "GOTRUE_MAILER_OTP_LENGTH: must be between 6 and 10"),
        ("GOTRUE_JWT_KEYS", "[hidden", "GOTRUE_JWT_KEYS: a JSON array of private JWKs is expected"),
        ("GOTRUE_SMTP_ADMIN_EMAIL", "Acme <a@b.c>", "GOTRUE_SMTP_ADMIN_EMAIL (`auth.email.smtp.admin_email`): \"Acme"),
        ("GOTRUE_SMTP_SENDER_NAME", "Acme\r\nBcc: a@b.c", "GOTRUE_SMTP_SENDER_NAME (`auth.email.smtp.sender_name`): "),
        ("GOTRUE_SMTP_HEADERS", "[]", "GOTRUE_SMTP_HEADERS: an object such as"),
        ("GOTRUE_SMTP_HEADERS", "{\"X A\": [\"a\"]}", "GOTRUE_SMTP_HEADERS: \"X A\" cannot be the name of a header"),
        ("GOTRUE_SMTP_HEADERS", "{\"Content-Type\": [\"a\"]}", "the header \"Content-Type\" cannot be set"),
        ("GOTRUE_SMTP_HOST", "smtp://x", "GOTRUE_SMTP_HOST: \"smtp://x\" is not the name or address of a host"),
        ("VESTIBULE_SMTP_GREETING", "my app", "VESTIBULE_SMTP_GREETING: \"my app\" is not the name of a host"),
        (
            "GOTRUE_MAILER_TEMPLATES_INVITE",
            "ftp://foo/x",
            "GOTRUE_MAILER_TEMPLATES_INVITE: \"ftp://foo/x\" is not a URL",
        ),
        (
            "GOTRUE_MAILER_TEMPLATES_INVITE",
            "file:none.html",
            "GOTRUE_MAILER_TEMPLATES_INVITE (`auth.email.template.invite.content_path`): there is no html part: template",
        ),
        (
            "GOTRUE_MAILER_SUBJECTS_INVITE",
            "{{ if",
            "GOTRUE_MAILER_SUBJECTS_INVITE (`auth.email.template.invite.subject`): subject template \"invite\" is broken",
        ),
        ("VESTIBULE_MAILER_SUBJECTS_INVITE__D!E", "x", "VESTIBULE_MAILER_…_INVITE__D!E: \"d!e\" is no locale"),
        ("VESTIBULE_LEAKED_PASSWORDS", "/none", "VESTIBULE_LEAKED_PASSWORDS: list of leaked passwords /none cannot be"),
        ("GOTRUE_SITE_URL", "http://[bad", "GOTRUE_SITE_URL (`auth.site_url`): must be an absolute address"),
        ("GOTRUE_SITE_URL", "https://:99999", "GOTRUE_SITE_URL (`auth.site_url`): must be an absolute address"),
        (
            "GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL",
            "ftp://me:hidden@h/x?key=hidden",
            "GOTRUE_MAILER_EMAIL_VALIDATION_SERVICE_URL: \"ftp://h/x\" is not a URL that starts with",
        ),
        ("API_EXTERNAL_URL", "http://x:999999", "API_EXTERNAL_URL: \"http://x:999999\" is not a URL with a host"),
        ("GOTRUE_JWT_VALID_METHODS", "HS256,none", "GOTRUE_JWT_VALID_METHODS: \"none\" is not one of HS256, "),
        ("GOTRUE_JWT_VALID_METHODS", " , ", "GOTRUE_JWT_VALID_METHODS: \" , \" is not a list of algorithms"),
        ("GOTRUE_MAILER_URLPATHS_INVITE", "/my verify", "GOTRUE_MAILER_URLPATHS_INVITE: \"/my verify\" is not a path"),
        ("GOTRUE_MAILER_EXTERNAL_HOSTS", "https://x", "GOTRUE_MAILER_EXTERNAL_HOSTS: \"https://x\" is not a host"),
        ("GOTRUE_EXTERNAL_EMAIL_AUTHORIZED_ADDRESSES", "nobody", "_AUTHORIZED_ADDRESSES: \"nobody\" is not an e-mail"),
        ("GOTRUE_PASSWORD_HIBP_USER_AGENT", "a\nb", "GOTRUE_PASSWORD_HIBP_USER_AGENT: \"a\\nb\" is not the value of"),
        ("GOTRUE_INTERNAL_HTTP_TIMEOUT", "0s", "GOTRUE_INTERNAL_HTTP_TIMEOUT: \"0s\" is not a duration such as 10s"),
        ("GOTRUE_SECURITY_CAPTCHA_TIMEOUT", "10", "GOTRUE_SECURITY_CAPTCHA_TIMEOUT: \"10\" is not a duration"),
        (
            "GOTRUE_SMS_TEMPLATE",
            "Your code is {{ .Token }}",
            "GOTRUE_SMS_TEMPLATE (`auth.sms.template`): there is no variable .Token; the code is .Code",
        ),
        ("GOTRUE_SMS_TEMPLATE", "Hello", "GOTRUE_SMS_TEMPLATE (`auth.sms.template`): the code is not in the text"),
        (
            "GOTRUE_JWT_KEYS",
            r#"[{"kty":"oct","kid":"a","k":"","key_ops":["sign"]}]"#,
            "environment GOTRUE_JWT_KEYS: JWK \"a\": the secret `k` has 0 bytes, HS256 needs at least 32",
        ),
        (
            "GOTRUE_JWT_KEYS",
            r#"[{"kty":"RSA","alg":"PS256"}]"#,
            "environment GOTRUE_JWT_KEYS: JWK number 1: `alg` \"PS256\" is not supported",
        ),
        ("GOTRUE_JWT_SECRET", "hidden", "GOTRUE_JWT_SECRET: a secret of at least 32 characters is expected"),
    ] {
        let found = refusal("", &[(name, value)]);
        assert!(found.contains(expected) && found.lines().count() == 1, "{name}: {found}");
        assert!(!found.contains("hidden"), "{found}");
    }
    let provider = [("GOTRUE_SMS_PROVIDER", "twilio"), ("GOTRUE_EXTERNAL_PHONE_ENABLED", "true")];
    let found = refusal("", &provider);
    assert!(found.contains("GOTRUE_SMS_TWILIO_ACCOUNT_SID (`auth.sms.twilio.account_sid`) is missing"), "{found}");
    let encryption = [
        ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT", "true"),
        ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID", "first"),
        ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY", "hidden"),
    ];
    let found = refusal("", &encryption);
    let expected = "GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY: encryption key \"first\" is not 32 bytes";
    assert!(found.contains(expected) && !found.contains("hidden"), "{found}");
    let hook = [
        ("GOTRUE_HOOK_SEND_EMAIL_ENABLED", "true"),
        ("GOTRUE_HOOK_SEND_EMAIL_URI", "https://example.com/hook"),
        ("GOTRUE_HOOK_SEND_EMAIL_SECRETS", "v1,whsec_hidden"),
    ];
    let found = refusal("", &hook);
    assert!(found.contains("GOTRUE_HOOK_SEND_EMAIL_") && !found.contains("hidden"), "{found}");
}

#[test]
fn keys_and_values_in_the_project_file() {
    for (config, expected) in [
        (
            "[auth]\nsite_uri = 'x'",
            "config.toml: `auth.site_uri`: there is no such setting; did you mean auth.site_url?",
        ),
        (
            "[auth.email]\notp_length = 3",
            "config.toml: `auth.email.otp_length`: \"3\" is not a number of digits (6 to 10)",
        ),
        ("[auth]\nenabled = false", "config.toml: `auth.enabled`: only `true` is possible: accounts are part"),
        ("[auth.external.github]\nenabled = true", "config.toml: `auth.external.github.enabled`: not supported yet"),
        (
            "[auth]\npassword_requirements = 'good'",
            "config.toml: `auth.password_requirements`: \"good\" is not `letters_digits`",
        ),
        (
            "[auth.captcha]\nenabled = true\nprovider = 'turnstile'",
            "have no secret (GOTRUE_SECURITY_CAPTCHA_SECRET, `auth.captcha.secret`)",
        ),
        (
            "[auth]\nenable_signup = 'perhaps'",
            "config.toml: `auth.enable_signup`: \"perhaps\" is not `true` or `false`",
        ),
        ("[auth]\nsigning_keys_path = './none.json'", "config.toml: `auth.signing_keys_path`: cannot read"),
        ("[auth]\njwt_expiry = ''", "config.toml: `auth.jwt_expiry`: \"\" is not a number of seconds"),
        (
            "[auth.email]\nenable_confirmations = ''",
            "config.toml: `auth.email.enable_confirmations`: \"\" is not `true` or `false`",
        ),
        ("[auth.sms.twilio]\nenabled = 7", "config.toml: `auth.sms.twilio.enabled`: \"7\" is not `true` or `false`"),
        ("[auth.captcha]\nenabled = 'yes'", "config.toml: `auth.captcha.enabled`: \"yes\" is not `true` or `false`"),
        (
            "[auth.mfa.totp]\nenroll_enabled = true\nverify_enabled = false",
            "`auth.mfa.totp.enroll_enabled` is on, and `auth.mfa.totp.verify_enabled` is not",
        ),
    ] {
        let found = refusal(config, &[]);
        assert!(found.contains(expected) && found.lines().count() == 1, "{config}: {found}");
    }
}
