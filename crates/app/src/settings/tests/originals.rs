//! Settings that were made for the original, or for the Supabase CLI.

use super::*;

#[test]
fn accounts_without_a_prefix_have_the_originals_defaults() {
    let alone = [("VESTIBULE_ONLY", "auth"), ("VESTIBULE_NO_PREFIX", "true")];
    let of = |settings: auth::Settings| {
        let times = [
            settings.mailer_max_frequency,
            settings.sms.max_frequency,
            settings.mailer_otp_exp,
            settings.sms.otp_exp,
            settings.refresh_token_reuse_interval,
        ];
        (settings.mailer_autoconfirm, settings.sms.autoconfirm, times.map(|time| time.as_secs()))
    };
    let with = |more: &[(&str, &str)]| load(&[], &[&alone, more].concat()).map(|settings| of(settings.auth));
    let originals = (false, false, [60, 60, 86400, 60, 0]);
    assert_eq!(with(&[]).expect("valid settings"), originals);
    let flags = ["VESTIBULE_ONLY", "VESTIBULE_NO_PREFIX"]
        .map(|name| (name, Some(if name.ends_with('Y') { "auth" } else { "true" }.to_owned())));
    assert_eq!(of(load(&flags, &[]).expect("valid settings").auth), originals);
    assert_eq!(of(load(&[], &[]).expect("valid settings").auth), (true, true, [1, 5, 3600, 60, 10]));
    let given = with(&[("GOTRUE_MAILER_AUTOCONFIRM", "true"), ("GOTRUE_MAILER_OTP_EXP", "600")]);
    assert_eq!(given.expect("valid settings"), (true, false, [60, 60, 600, 60, 0]));
    let (unverified, autoconfirm) = (foreign::UNVERIFIED, "GOTRUE_MAILER_AUTOCONFIRM");
    assert!(with(&[(unverified, "true")]).is_ok(), "the original starts with it alone");
    assert!(with(&[(unverified, "true"), (autoconfirm, "true")]).is_err());
    let file = "[auth.email]\nenable_confirmations = false\n";
    assert!(from_file(file, &alone).expect("valid settings").auth.mailer_autoconfirm, "the file says so");
}

#[test]
fn names_with_a_prefix_count_before_those_without() {
    let port = |environment: &[(&str, &str)]| load(&[], environment).expect("valid settings").port;
    let (plain, originals, own) = (("PORT", "1"), ("GOTRUE_API_PORT", "2"), ("VESTIBULE_PORT", "3"));
    assert_eq!([port(&[plain]), port(&[plain, originals]), port(&[originals, own, plain])], [1, 2, 3]);
    let settings = load(&[], &[("GOTRUE_API_HOST", "localhost")]).expect("valid settings");
    assert!(settings.listen.is_loopback(), "as the original takes it");
}

#[test]
fn the_site_may_be_an_app_with_a_scheme_of_its_own() {
    let settings = load(&[], &[("GOTRUE_SITE_URL", "myapp://login")]).expect("valid settings");
    assert_eq!(settings.auth.site_url, "myapp://login");
    let settings = from_file("[auth]\nsite_url = 'myapp://login'\n", &[]).expect("valid settings");
    assert_eq!(settings.auth.site_url, "myapp://login");
    let found = load(&[], &[("GOTRUE_SITE_URL", "login")]).expect_err("no scheme").to_string();
    assert_eq!(found, "GOTRUE_SITE_URL (`auth.site_url`): must be an absolute address");
}

#[test]
fn urls_of_databases_may_be_made_for_other_programs() {
    let url = |parameters: &str| format!("postgres://me:hidden@db.example.com/postgres?{parameters}");
    let settings = load(&[], &[("GOTRUE_DB_DATABASE_URL", &url("search_path=auth&sslmode=verify-full"))]);
    let warnings = settings.expect("valid settings").warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("`search_path` in the URL of the database has no effect here"), "{warnings:?}");
    let settings = load(&[], &[("GOTRUE_DB_DATABASE_URL", &url("colour=red"))]).expect("it may be another's");
    let found = format!("{:#}", settings.database().expect_err("no such parameter"));
    assert!(found.starts_with("environment GOTRUE_DB_DATABASE_URL: ") && found.contains("`colour`"), "{found}");
    assert!(!found.contains("hidden"), "{found}");
}

#[test]
fn mail_that_is_sent_needs_a_sender() {
    let server = ("GOTRUE_SMTP_HOST", "mail.example.com");
    let found = load(&[], &[server]).expect_err("no sender").to_string();
    assert!(found.starts_with("GOTRUE_SMTP_ADMIN_EMAIL (`auth.email.smtp.admin_email`) is missing"), "{found}");
    let found = from_file("[auth.email.smtp]\nhost = 'localhost'\nadmin_email = ''\n", &[]).expect_err("no sender");
    assert!(found.to_string().starts_with("GOTRUE_SMTP_ADMIN_EMAIL"), "{found}");
    assert!(load(&[], &[server, ("GOTRUE_SMTP_ADMIN_EMAIL", "app@example.com")]).is_ok());
    assert_eq!(load(&[], &[]).expect("a mailbox").auth.mailer_from, "admin@email.com");
    let hook = [("GOTRUE_HOOK_SEND_EMAIL_ENABLED", "true"), ("GOTRUE_HOOK_SEND_EMAIL_URI", "https://example.com/hook")];
    assert!(load(&[], &[server, hook[0], hook[1]]).is_ok(), "the hook sends all mail");
}

#[test]
fn the_mail_server_is_greeted_with_the_public_name() {
    let greeting = |more: &[(&str, &str)]| {
        let server = [("GOTRUE_SMTP_HOST", "mail.example.com"), ("GOTRUE_SMTP_ADMIN_EMAIL", "app@example.com")];
        let settings = load(&[], &[&server, more].concat()).expect("valid settings");
        settings.outside.settings("http://app.example", true).expect("valid settings").smtp.expect("a server").greeting
    };
    assert_eq!(greeting(&[]), "", "an address is no name");
    assert_eq!(greeting(&[("API_EXTERNAL_URL", "https://api.example.com:8443/x")]), "api.example.com");
    assert_eq!(greeting(&[("API_EXTERNAL_URL", "http://[::1]:8443")]), "");
    let given = [("API_EXTERNAL_URL", "https://api.example.com"), ("VESTIBULE_SMTP_GREETING", "mx.example.com")];
    assert_eq!(greeting(&given), "mx.example.com");
}

#[test]
fn tokens_may_last_for_long_with_a_warning() {
    let settings = load(&[], &[("GOTRUE_JWT_EXP", "2592000")]).expect("valid settings");
    assert_eq!(settings.auth.jwt_exp.as_secs(), 2_592_000);
    assert!(settings.warnings[0].starts_with("GOTRUE_JWT_EXP (`auth.jwt_expiry`) is over a week"), "{settings:?}");
    assert!(load(&[], &[("GOTRUE_JWT_EXP", "604800")]).expect("valid settings").warnings.is_empty());
}

#[test]
fn a_hook_of_the_file_needs_secrets() {
    let file = |uri: &str| format!("[auth.hook.send_sms]\nenabled = true\nuri = '{uri}'\n");
    let found = from_file(&file("https://example.com/hook"), &[]).expect_err("no secrets").to_string();
    assert!(found.starts_with("`auth.hook.send_sms.secrets` is missing"), "{found}");
    let secrets = ("GOTRUE_HOOK_SEND_SMS_SECRETS", "v1,whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert!(from_file(&file("https://example.com/hook"), &[secrets]).is_ok());
    assert!(from_file(&file("pg-functions://postgres/public/send"), &[]).is_ok());
    let environment =
        [("GOTRUE_HOOK_SEND_SMS_ENABLED", "true"), ("GOTRUE_HOOK_SEND_SMS_URI", "https://example.com/hook")];
    assert!(load(&[], &environment).is_ok(), "as with the original");
}

#[test]
fn values_that_the_original_takes_start() {
    let environment = [
        ("GOTRUE_RATE_LIMIT_VERIFY", "0.5"),
        ("GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION", "300.5"),
        ("GOTRUE_MAILER_OTP_EXP", "0"),
        ("GOTRUE_SMS_OTP_EXP", "0"),
        ("GOTRUE_SMS_TEST_OTP", "4152127777:letters"),
        ("GOTRUE_MAILER_URLPATHS_MAGIC_LINK", "/verify"),
        ("GOTRUE_MAILER_URLPATHS_PASSWORD_CHANGED_NOTIFICATION", "/verify"),
    ];
    let settings = load(&[], &environment).expect("valid settings");
    assert_eq!((settings.auth.rate_limits.verify, settings.auth.mfa.challenge_expiry.as_millis()), (1, 300_500));
    assert_eq!((settings.auth.mailer_otp_exp.as_secs(), settings.auth.sms.otp_exp.as_secs()), (86400, 60));
    assert_eq!(settings.auth.sms.test_otp["4152127777"], "letters");
    assert_eq!(settings.warnings.len(), 2, "{:?}", settings.warnings);
}

#[test]
fn what_postgrest_takes_for_keys_is_no_secret() {
    let error = |environment: &[(&str, &str)]| format!("{:#}", load(&[], environment).expect_err("no secret"));
    let public = r#"{"keys": [{"kty": "RSA", "kid": "1", "e": "AQAB", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdg"}]}"#;
    for name in ["PGRST_JWT_SECRET", "GOTRUE_JWT_SECRET", "VESTIBULE_JWT_SECRET"] {
        let told = error(&[(name, public)]);
        assert!(told.contains(name) && told.contains("GOTRUE_JWT_KEYS") && !told.contains("AQAB"), "{told}");
    }
    let told = error(&[("PGRST_JWT_SECRET", "@/run/secrets/the-public-key-of-somebody.jwk")]);
    assert!(told.contains("PGRST_JWT_SECRET") && told.contains("file"), "{told}");
    assert!(load(&[], &[("GOTRUE_JWT_SECRET", "@secret that begins like an address")]).is_ok());
}

#[test]
fn of_two_names_for_the_same_neither_wins_in_silence() {
    let characters = ("GOTRUE_PASSWORD_REQUIRED_CHARACTERS", "abc:012");
    let word = ("VESTIBULE_PASSWORD_REQUIREMENTS", "letters_digits");
    let error = format!("{:#}", load(&[], &[characters, word]).expect_err("one of them"));
    assert!(error.contains(characters.0) && error.contains(word.0), "{error}");
    assert!(load(&[], &[characters]).is_ok() && load(&[], &[word]).is_ok());
}

#[test]
fn values_that_the_original_starts_with_count_as_they_do_there() {
    let settings = load(
        &[],
        &[
            ("GOTRUE_RATE_LIMIT_EMAIL_SENT", "30.0"),
            ("GOTRUE_MAILER_OTP_LENGTH", "0"),
            ("GOTRUE_SECURITY_CAPTCHA_TIMEOUT", "0s"),
            ("GOTRUE_SECURITY_CAPTCHA_ENABLED", "true"),
            ("GOTRUE_SECURITY_CAPTCHA_SECRET", "secret"),
        ],
    );
    let settings = settings.expect("valid settings");
    assert_eq!(settings.auth.rate_limits.email_sent, auth::SendLimit::default());
    let captcha = settings.outside.protection().expect("valid settings").captcha.expect("it is on");
    assert_eq!(captcha.timeout.as_secs(), 10);
    assert_eq!(settings.auth.mailer_otp_length, 6);
}

#[test]
fn a_hook_that_sends_messages_needs_no_provider() {
    let provider = ("GOTRUE_SMS_PROVIDER", "twilio");
    let on = ("GOTRUE_HOOK_SEND_SMS_ENABLED", "true");
    let uri = ("GOTRUE_HOOK_SEND_SMS_URI", "pg-functions://postgres/public/send_sms");
    let outside = |environment: &[(&str, &str)]| {
        let settings = load(&[], environment).map_err(|error| error.to_string())?;
        settings.reach().map_err(|error| error.to_string())
    };
    assert!(
        outside(&[provider, on, uri, ("GOTRUE_EXTERNAL_PHONE_ENABLED", "true")]).expect("valid settings").sms.is_none()
    );
    let [on_for, off] = ["true", "false"].map(|value| ("GOTRUE_EXTERNAL_PHONE_ENABLED", value));
    assert!(outside(&[provider, off]).expect("nothing is sent").sms.is_none());
    let error = outside(&[provider, on_for]).expect_err("there is no account");
    assert!(error.contains("GOTRUE_SMS_TWILIO_ACCOUNT_SID") && error.contains("enabled = true"), "{error}");
}

#[test]
fn what_supabases_own_files_set_starts() {
    let environment = [
        ("GOTRUE_SESSION_KEY", "x"),
        ("GOTRUE_EXTERNAL_SKIP_NONCE_CHECK", "true"),
        ("GOTRUE_DB_AUTOMIGRATE", "true"),
        ("GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED", "true"),
        ("GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI", "pg-functions://postgres/public/custom_access_token_hook"),
        ("GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_SECRETS", "<standard-base64-secret>"),
        ("GOTRUE_API_HOST", "[::]"),
    ];
    assert!(load(&[], &environment).expect("valid settings").listen.is_unspecified());
}

#[test]
fn a_code_for_tests_is_not_repeated() {
    let error = format!("{:#}", load(&[], &[("GOTRUE_SMS_TEST_OTP", "4152127777=123456")]).expect_err("no pair"));
    assert!(!error.contains("4152127777=") && error.contains("GOTRUE_SMS_TEST_OTP"), "{error}");
}

#[test]
fn sections_of_accounts_that_nobody_knows_are_told_even_when_empty() {
    for (text, expected) in [
        ("[auth.captchaa]\n", "auth.captchaa"),
        ("[auth.email.smpt]\n", "auth.email.smpt"),
        ("[auth.site_url]\n", "auth.site_url"),
        ("[auth.rate_limit]\nweb3 = \"abc\"\n", "auth.rate_limit.web3"),
    ] {
        let error = format!("{:#}", from_file(text, &[]).expect_err("there is no such section"));
        assert!(error.contains(expected), "{error}");
    }
    for text in ["[auth.captcha]\n", "[auth.external.apple]\n", "[auth.hook.send_sms]\n", "[auth.web3]\n"] {
        assert!(from_file(text, &[]).is_ok(), "{text}");
    }
}
