//! Settings as an operator gives them.

use auth::{Kind, Part};

use super::*;

mod originals;

fn load(flags: &[(&'static str, Option<String>)], environment: &[(&str, &str)]) -> Result<Settings> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::load(flags, &environment)
}

fn project(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary directory");
    std::fs::create_dir(folder.path().join("supabase")).expect("a folder");
    std::fs::write(folder.path().join("supabase/config.toml"), config).expect("a file");
    folder
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let folder = project("[api]\nport = 1001\nmax_rows = 7\nschemas = [\"public\", \"app\"]\n");
    let path = folder.path().display().to_string();
    let environment = [("VESTIBULE_PROJECT", path.as_str()), ("PORT", "1002")];
    let settings = load(&[], &environment).expect("valid settings");
    assert_eq!((settings.port, settings.rest.max_rows, settings.rest.schemas.len()), (1002, Some(7), 2));
    let settings = load(&[("PORT", Some("1003".to_owned()))], &environment).expect("valid settings");
    assert_eq!((settings.port, settings.database_port), (1003, 54322));
}

#[test]
fn algorithms_that_are_accepted_must_be_named() {
    let secret_alone = Keyring::new(b"a secret that is long enough for it", Vec::new());
    let keys = ProjectKeys::generate(&base::Random::seeded(1), &base::Clock::system());
    let with_key = keys.keyring().expect("keys");
    let check = |methods: &str, keyring: &Keyring| {
        let settings = load(&[], &[("GOTRUE_JWT_VALID_METHODS", methods)]).expect("valid settings");
        settings.check_methods(keyring).map_err(|error| error.to_string())
    };
    assert_eq!(check("HS256,RS256,ES256", &secret_alone), Ok(()));
    assert_eq!(check("HS256, ES256", &with_key), Ok(()));
    assert_eq!(check("", &with_key), Ok(()));
    assert!(check("HS256", &with_key).expect_err("ES256 is accepted").contains(": ES256 is left out"));
    assert!(check("ES256", &with_key).expect_err("HS256 is accepted").contains(": HS256 cannot be left out"));
}

#[test]
fn blocked_mail_servers_belong_to_the_extended_validation() {
    let blocked = ("GOTRUE_MAILER_EMAIL_VALIDATION_BLOCKED_MX", "[\"mx.example.com\"]");
    let extended = ("GOTRUE_MAILER_EMAIL_VALIDATION_EXTENDED", "true");
    let settings = load(&[], &[blocked, extended]).expect("valid settings");
    let protection = settings.outside.protection().expect("valid settings");
    assert_eq!(
        (protection.blocked_mail_servers, protection.extended_email_validation),
        (vec!["mx.example.com".into()], true)
    );
    assert!(settings.warnings.is_empty());
    let alone = load(&[], &[blocked]).expect("valid settings").warnings;
    assert!(alone[0].contains("BLOCKED_MX has no effect without"), "{alone:?}");
}

#[test]
fn a_wrong_value_is_named_with_its_place() {
    let message = |environment: &[(&str, &str)]| format!("{:#}", load(&[], environment).expect_err("a wrong value"));
    assert_eq!(message(&[("PORT", "many")]), "environment PORT: \"many\" is not a port (1 to 65535)");
    let folder = project("[auth]\njwt_expiry = \"soon\"\n");
    let path = folder.path().display().to_string();
    let found = message(&[("VESTIBULE_PROJECT", &path)]);
    assert!(found.ends_with("config.toml: `auth.jwt_expiry`: \"soon\" is not a number of seconds"), "{found}");
    let folder = project("[auth\n");
    let path = folder.path().display().to_string();
    let found = message(&[("VESTIBULE_PROJECT", &path)]);
    assert!(found.contains("config.toml") && found.contains("line 1"), "{found}");
}

#[test]
fn what_is_below_the_least_is_raised_with_a_warning() {
    let settings = load(&[], &[("GOTRUE_PASSWORD_MIN_LENGTH", "3"), ("GOTRUE_MFA_FACTOR_EXPIRY_DURATION", "1m")]);
    let expected = [
        "GOTRUE_PASSWORD_MIN_LENGTH (`auth.minimum_password_length`) is below the least that is possible: 6 counts",
        "GOTRUE_MFA_FACTOR_EXPIRY_DURATION is below the least that is possible: 300s counts",
    ];
    assert_eq!(settings.expect("valid settings").warnings, expected);
}

#[test]
fn parts_of_letters_have_names() {
    let name = name_of_part(Some(Part::Html), Kind::Invite, None);
    assert_eq!(name, "GOTRUE_MAILER_TEMPLATES_INVITE (`auth.email.template.invite.content_path`)");
    let name = name_of_part(Some(Part::Plain), Kind::Invite, Some("pt-br"));
    assert_eq!(name, "VESTIBULE_MAILER_TEXTS_INVITE__PT_BR");
    assert_eq!(name_of_part(Some(Part::Plain), Kind::Invite, None), "VESTIBULE_MAILER_TEXTS_INVITE");
    assert_eq!(name_of_part(None, Kind::Invite, Some("d!e")), "VESTIBULE_MAILER_…_INVITE__D!E");
}

/// The keys and values that a new project's file has, secrets that nobody has set included.
const NEW_PROJECT: &str = r#"
    project_id = "app"
    [api]
    enabled = true
    port = 54321
    schemas = ["public", "graphql_public"]
    [edge_runtime]
    policy = "per_worker"
    [auth]
    enabled = true
    site_url = "http://127.0.0.1:3000"
    additional_redirect_urls = ["https://127.0.0.1:3000"]
    jwt_expiry = 3600
    enable_refresh_token_rotation = true
    refresh_token_reuse_interval = 10
    enable_signup = true
    enable_anonymous_sign_ins = false
    enable_manual_linking = false
    minimum_password_length = 6
    password_requirements = ""
    [auth.rate_limit]
    email_sent = 2
    sms_sent = 30
    anonymous_users = 30
    token_refresh = 150
    sign_in_sign_ups = 30
    token_verifications = 30
    web3 = 30
    [auth.email]
    enable_signup = true
    double_confirm_changes = true
    enable_confirmations = false
    secure_password_change = false
    max_frequency = "1s"
    otp_length = 6
    otp_expiry = 3600
    [auth.sms]
    enable_signup = false
    enable_confirmations = false
    template = "Your code is {{ .Code }}"
    max_frequency = "5s"
    [auth.sms.twilio]
    enabled = false
    account_sid = ""
    message_service_sid = ""
    auth_token = "env(NOBODY_SET_THIS)"
    [auth.mfa]
    max_enrolled_factors = 10
    [auth.mfa.totp]
    enroll_enabled = false
    verify_enabled = false
    [auth.mfa.phone]
    enroll_enabled = false
    verify_enabled = false
    otp_length = 6
    template = "Your code is {{ .Code }}"
    max_frequency = "5s"
    [auth.external.apple]
    enabled = false
    client_id = ""
    secret = "env(NOBODY_SET_THIS)"
    redirect_uri = ""
    url = ""
    skip_nonce_check = false
    email_optional = false
    [auth.web3.solana]
    enabled = false
    [auth.third_party.firebase]
    enabled = false
    [auth.third_party.auth0]
    enabled = false
    [auth.third_party.aws_cognito]
    enabled = false
    [auth.third_party.clerk]
    enabled = false
    [auth.oauth_server]
    enabled = false
    authorization_url_path = "/oauth/consent"
    allow_dynamic_registration = false
"#;

#[test]
fn a_new_project_starts() {
    let folder = project(NEW_PROJECT);
    let path = folder.path().display().to_string();
    let settings = load(&[], &[("VESTIBULE_PROJECT", &path)]).expect("valid settings");
    assert_eq!(settings.auth.rate_limits.email_sent.count, 2);
    assert!(!settings.auth.mfa.totp_enroll_enabled && !settings.auth.rate_limits.per_address);
    assert_eq!(settings.auth.sms.max_frequency.as_secs(), 5);
}

#[test]
fn urls_of_accounts_follow_from_where_they_are() {
    let url = |environment: &[(&str, &str)]| {
        let settings = load(&[], environment).expect("valid settings");
        (settings.auth.api_external_url, settings.auth.jwt_issuer)
    };
    let pair = |url: &str, issuer: &str| (url.to_owned(), issuer.to_owned());
    let external = ("API_EXTERNAL_URL", "https://a.example/x");
    assert_eq!(url(&[external]), pair("https://a.example/x/auth/v1", "https://a.example/x/auth/v1"));
    let alone = [external, ("VESTIBULE_ONLY", "auth"), ("VESTIBULE_NO_PREFIX", "1"), ("GOTRUE_JWT_ISSUER", "me")];
    assert_eq!(url(&alone), pair("https://a.example/x", "me"));
    let error = load(&[], &[("VESTIBULE_NO_PREFIX", "1")]).expect_err("several services without prefixes");
    assert!(error.to_string().contains("--only auth"));
}

#[test]
fn the_secret_signs_where_it_has_a_name_or_others_share_it() {
    let keys = |environment: &[(&str, &str)]| {
        let mut all = vec![("JWT_SECRET", "0123456789abcdef0123456789abcdef")];
        all.extend(environment);
        let mut keys = testkit::project_keys();
        load(&[], &all).expect("valid settings").keys.apply(&mut keys);
        let token = keys.keyring().expect("valid keys").sign(&serde_json::json!({}));
        let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).expect("a header");
        serde_json::from_slice::<serde_json::Value>(&header).expect("JSON")
    };
    assert_eq!(keys(&[])["alg"], "ES256");
    let named = keys(&[("GOTRUE_JWT_KEY_ID", "one")]);
    assert_eq!((&named["alg"], &named["kid"]), (&"HS256".into(), &"one".into()));
    assert_eq!(keys(&[("VESTIBULE_ONLY", "auth"), ("VESTIBULE_NO_PREFIX", "1")])["alg"], "HS256");
}

#[test]
fn the_secret_and_a_key_cannot_have_the_same_name() {
    let key = r#"[{"kty":"oct","kid":"one","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]"#;
    let with = |id: &str| load(&[], &[("GOTRUE_JWT_KEYS", key), ("GOTRUE_JWT_KEY_ID", id)]);
    assert!(with("two").is_ok());
    let error = with("one").expect_err("the same name twice").to_string();
    assert!(error.starts_with(r#"GOTRUE_JWT_KEY_ID: "one" is the `kid` of one of GOTRUE_JWT_KEYS too"#), "{error}");
}

#[test]
fn every_setting_of_the_table_is_applied() {
    for setting in table::all() {
        let error = Settings::default().apply(&setting.name, "\u{1}").err().map(|error| error.to_string());
        assert_ne!(error.as_deref(), Some("there is no such setting"), "{}", setting.name);
    }
}

#[test]
fn opposites_must_not_contradict_each_other() {
    let both = |one, other| load(&[], &[("GOTRUE_DISABLE_SIGNUP", one), ("VESTIBULE_ENABLE_SIGNUP", other)]);
    let found = both("true", "true").expect_err("a contradiction").to_string();
    assert!(found.starts_with("environment GOTRUE_DISABLE_SIGNUP: it is the opposite of VESTIBULE_ENABLE_SIGNUP"));
    assert!(both("true", "false").expect("the same twice").auth.disable_signup);
    assert!(!both("", "true").expect("what is empty is not given").auth.disable_signup);
}

fn from_file(config: &str, environment: &[(&str, &str)]) -> Result<Settings> {
    let folder = project(config);
    let path = folder.path().display().to_string();
    let mut all = vec![("VESTIBULE_PROJECT", path.as_str())];
    all.extend(environment);
    load(&[], &all)
}

#[test]
fn phones_are_off_in_a_file_without_a_way_to_reach_them() {
    let file = "[auth.sms]\nenable_signup = true\n";
    let phones = |more: &str, environment: &[(&str, &str)]| {
        let settings = from_file(&format!("{file}{more}"), environment).expect("valid settings");
        (settings.auth.phone_enabled, settings.warnings.len())
    };
    assert_eq!(phones("", &[]), (false, 1));
    assert_eq!(phones("", &[("GOTRUE_EXTERNAL_PHONE_ENABLED", "true")]), (true, 0));
    let hook = "[auth.hook.send_sms]\nenabled = true\nuri = 'pg-functions://postgres/public/send'\n";
    assert_eq!(phones(hook, &[]), (true, 0));
    assert_eq!(phones("[auth.sms.textlocal]\nenabled = true\napi_key = 'k'\nsender = 's'\n", &[]), (true, 0));
    assert!(load(&[], &[("GOTRUE_EXTERNAL_PHONE_ENABLED", "true")]).expect("valid settings").auth.phone_enabled);
}

#[test]
fn members_of_arrays_keep_their_commas() {
    let file = "[auth]\nadditional_redirect_urls = ['https://{a,b}.example.com/**', '']\n";
    let settings = from_file(file, &[]).expect("valid settings");
    assert_eq!(settings.auth.uri_allow_list, ["https://{a,b}.example.com/**"]);
    let settings = from_file(file, &[("GOTRUE_URI_ALLOW_LIST", "https://a.example, https://b.example")]);
    assert_eq!(settings.expect("valid settings").auth.uri_allow_list.len(), 2);
}

#[test]
fn a_mail_server_of_the_file_may_be_named_by_the_environment() {
    let file = "[auth.email.smtp]\nport = 25\n";
    let found = from_file(file, &[]).expect_err("no host").to_string();
    assert!(found.contains("`auth.email.smtp.host` (GOTRUE_SMTP_HOST) is missing"), "{found}");
    let sender = ("GOTRUE_SMTP_ADMIN_EMAIL", "app@example.com");
    assert!(from_file(file, &[("GOTRUE_SMTP_HOST", "localhost"), sender]).is_ok());
    assert!(from_file("[auth.email.smtp]\nenabled = false\n", &[]).is_ok());
}
