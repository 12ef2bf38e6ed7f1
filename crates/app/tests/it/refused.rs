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
        ("GOTRUE_SMS_PROVIDER", "twilio", "GOTRUE_SMS_TWILIO_ACCOUNT_SID (`auth.sms.twilio.account_sid`) is missing"),
        ("GOTRUE_JWT_KEYS", "[hidden", "GOTRUE_JWT_KEYS: a JSON array of private JWKs is expected"),
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
    let encryption = [
        ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT", "true"),
        ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID", "first"),
        ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY", "hidden"),
    ];
    let found = refusal("", &encryption);
    let expected = "GOTRUE_SECURITY_DB_ENCRYPTION_…: encryption key \"first\" is not 32 bytes";
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
    ] {
        let found = refusal(config, &[]);
        assert!(found.contains(expected) && found.lines().count() == 1, "{config}: {found}");
    }
}
