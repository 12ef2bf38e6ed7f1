//! Accounts alone at the root, as they are behind another gateway.

use base::jwt::Keyring;
use serde_json::json;

use crate::program::Program;

const SECRET: &str = "a-secret-that-all-services-of-the-project-share";

#[tokio::test]
async fn accounts_take_the_place_of_the_original_behind_another_gateway() {
    let variables = [
        ("GOTRUE_API_HOST", "127.0.0.1"),
        ("API_EXTERNAL_URL", "https://app.example/auth/v1"),
        ("GOTRUE_SITE_URL", "https://app.example"),
        ("GOTRUE_DB_DRIVER", "postgres"),
        ("GOTRUE_JWT_SECRET", SECRET),
        ("GOTRUE_JWT_AUD", "people"),
        ("GOTRUE_MAILER_AUTOCONFIRM", "true"),
        ("GOTRUE_EXTERNAL_GOOGLE_ENABLED", "false"),
        ("GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED", "true"),
        ("GOTRUE_RATE_LIMIT_HEADER", "X-Real-IP"),
        ("GOTRUE_RATE_LIMIT_ANONYMOUS_USERS", "1"),
        ("VESTIBULE_REQUIRE_API_KEY", "true"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::serve(folder, &["--only", "auth", "--no-prefix"], &variables).await;
    for absent in ["Dashboard", "Mailbox", "Secret key", "Sign in as", "JWT secret:", SECRET, "postgres://"] {
        assert!(!program.banner.contains(absent), "{absent} in {}", program.banner);
    }
    assert!(program.banner.contains("API URL: https://app.example/auth/v1\n"), "{}", program.banner);
    assert!(program.banner.contains("Secrets: `vestibule status --home "), "{}", program.banner);
    assert_eq!(program.call("GET", "/health", &[], None).await.body["name"], "GoTrue");
    for elsewhere in ["/auth/v1/health", "/rest/v1/", "/dashboard/"] {
        assert_eq!(program.call("GET", elsewhere, &[], None).await.status, 404, "{elsewhere}");
    }

    let account = json!({"email": "ann@example.com", "password": "correct horse"});
    let answer = program.call("POST", "/signup", &[], Some(account)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.body["access_token"].as_str().expect("a session").to_owned();
    let keyring = Keyring::new(SECRET.as_bytes(), Vec::new());
    let claims = keyring.verify(&token).expect("signed with the secret that others have");
    assert_eq!(claims.text("iss"), Some("https://app.example/auth/v1"));
    assert_eq!(claims.text("aud"), Some("people"));
    let bearer = format!("Bearer {token}");
    assert_eq!(program.call("GET", "/user", &[("authorization", &bearer)], None).await.status, 200);
    let service = keyring.sign(&json!({"role": "service_role"}));
    let users = program.call("GET", "/admin/users", &[("authorization", &format!("Bearer {service}"))], None).await;
    assert_eq!(users.body["users"][0]["email"], "ann@example.com");

    let anonymous =
        async |address: &str| program.call("POST", "/signup", &[("x-real-ip", address)], Some(json!({}))).await;
    assert_eq!(anonymous("192.0.2.1").await.status, 200);
    let denied = anonymous("192.0.2.1").await;
    assert_eq!((denied.status, &denied.body["error_code"]), (429, &json!("over_request_rate_limit")));
    assert!(denied.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()));
    assert_eq!(anonymous("192.0.2.2").await.status, 200);

    let log = program.stop();
    assert!(log.contains("GOTRUE_DB_DRIVER has no effect here"), "{log}");
}

/// The defaults of the Supabase CLI let anybody have anybody's address.
#[tokio::test]
async fn addresses_are_confirmed_by_who_reads_them_unless_it_is_said_otherwise() {
    let variables = [("GOTRUE_JWT_SECRET", SECRET), ("GOTRUE_MAILER_ALLOW_UNVERIFIED_EMAIL_SIGN_INS", "true")];
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::serve(folder, &["--only", "auth", "--no-prefix"], &variables).await;
    let account = json!({"email": "ann@example.com", "password": "correct horse"});
    let answer = program.call("POST", "/signup", &[], Some(account.clone())).await;
    assert_eq!((answer.status, &answer.body["access_token"]), (200, &json!(null)), "{}", answer.body);
    let answer = program.call("POST", "/token?grant_type=password", &[], Some(account)).await;
    assert_eq!((answer.status, &answer.body["error_code"]), (400, &json!("email_not_confirmed")));
    let settings = program.call("GET", "/settings", &[], None).await;
    assert_eq!(
        (&settings.body["mailer_autoconfirm"], &settings.body["phone_autoconfirm"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn password_hashes_are_encrypted_and_keys_change() {
    let (first, second) =
        ("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI");
    let flags = ["--only", "auth", "--no-prefix"];
    let variables = |id, key, others| {
        [
            ("GOTRUE_JWT_SECRET", SECRET),
            ("GOTRUE_MAILER_AUTOCONFIRM", "true"),
            ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT", "true"),
            ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID", id),
            ("GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY", key),
            ("GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS", others),
        ]
    };
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::serve(folder, &flags, &variables("first", first, "")).await;
    let account = json!({"email": "ann@example.com", "password": "correct horse"});
    assert_eq!(program.call("POST", "/signup", &[], Some(account.clone())).await.status, 200);
    const STORED: &str = "select encrypted_password from auth.users";
    let stored: String = program.db.value(STORED).await;
    assert!(stored.starts_with(r#"{"key_id":"first","alg":"aes-gcm-hkdf""#), "{stored}");

    let others = format!("first:{first}");
    program.restart_as("postgres", &flags, &variables("second", second, &others)).await.expect("it starts");
    let answer = program.call("POST", "/token?grant_type=password", &[], Some(account.clone())).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let stored: String = program.db.value(STORED).await;
    assert!(stored.starts_with(r#"{"key_id":"second""#), "{stored}");
    let wrong = json!({"email": "ann@example.com", "password": "wrong horse"});
    assert_eq!(program.call("POST", "/token?grant_type=password", &[], Some(wrong)).await.status, 400);
}

#[tokio::test]
async fn the_originals_login_is_enough_for_a_database_that_is_up_to_date() {
    let flags = ["--only", "auth", "--no-prefix"];
    let variables =
        [("GOTRUE_JWT_SECRET", SECRET), ("GOTRUE_MAILER_AUTOCONFIRM", "true"), ("GOTRUE_DB_CLEANUP_ENABLED", "true")];
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::serve(folder, &flags, &variables).await;
    const OPERATORS: &str = "select count(*) from vestibule.operators";
    let before: i64 = program.db.value(OPERATORS).await;
    program.restart_as("supabase_auth_admin", &flags, &variables).await.expect("it starts");
    let account = json!({"email": "ann@example.com", "password": "correct horse"});
    assert_eq!(program.call("POST", "/signup", &[], Some(account.clone())).await.status, 200);
    let answer = program.call("POST", "/token?grant_type=password", &[], Some(account)).await;
    let service = Keyring::new(SECRET.as_bytes(), Vec::new()).sign(&json!({"role": "service_role"}));
    let bearer = format!("Bearer {service}");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let users = program.call("GET", "/admin/users", &[("authorization", &bearer)], None).await;
    assert_eq!(users.body["users"][0]["email"], "ann@example.com");
    assert_eq!(program.db.value::<i64>(OPERATORS).await, before);

    // One migration is outstanding, and then all are.
    program.db.sql("delete from vestibule.migrations where version = 15").await;
    for _ in 0..2 {
        let refused = program.restart_as("supabase_auth_admin", &flags, &variables).await.expect_err("not up to date");
        assert!(refused.contains("the database is not up to date, and supabase_auth_admin may not"), "{refused}");
        assert!(refused.contains("vestibule migrate --database-url"), "{refused}");
        program.db.sql("revoke all on vestibule.migrations from supabase_auth_admin").await;
    }
    assert_eq!(program.migrate().await, "the database is up to date\n");
    program.restart_as("supabase_auth_admin", &flags, &variables).await.expect("it starts");
}

#[tokio::test]
async fn a_database_of_the_original_is_taken_over() {
    let flags = ["--only", "auth", "--no-prefix"];
    let variables = [("GOTRUE_JWT_SECRET", SECRET), ("GOTRUE_MAILER_AUTOCONFIRM", "true")];
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::serve(folder, &flags, &variables).await;
    let account = json!({"email": "ann@example.com", "password": "correct horse"});
    let session = program.call("POST", "/signup", &[], Some(account.clone())).await.body;
    program.stop();
    program.db.make_supabases("20260302000000").await;
    program.db.sql("create schema storage").await;
    let refused = program.restart_as("postgres", &flags, &variables).await.expect_err("an old version");
    let expected = "error: schema auth is of Supabase's service at version 20260302000000, and only";
    assert_eq!(refused.matches("20260302000000").count(), 1, "{refused}");
    assert!(refused.contains(expected), "{refused}");
    program.db.sql("insert into auth.schema_migrations values ('20260625000000')").await;
    for _ in 0..2 {
        let refused = program.restart_as("postgres", &[], &variables).await.expect_err("another's files");
        assert!(refused.contains("`vestibule serve --only auth` serves its accounts alone"), "{refused}");
        program.migrate().await;
    }

    program.restart_as("supabase_auth_admin", &flags, &variables).await.expect("it starts");
    let answer = program.call("POST", "/token?grant_type=password", &[], Some(account)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let refresh = json!({"refresh_token": session["refresh_token"]});
    let answer = program.call("POST", "/token?grant_type=refresh_token", &[], Some(refresh)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let service = Keyring::new(SECRET.as_bytes(), Vec::new()).sign(&json!({"role": "service_role"}));
    let users = program.call("GET", "/admin/users", &[("authorization", &format!("Bearer {service}"))], None).await;
    assert_eq!(users.header("x-total-count"), Some("1"));

    program.stop();
    program.db.sql("drop schema vestibule cascade; drop table auth.schema_migrations").await;
    let refused = program.restart_as("postgres", &flags, &variables).await.expect_err("something else");
    assert_eq!(refused.matches("already has: schema auth, storage\nhint: start with").count(), 1, "{refused}");
    assert_eq!(refused.matches("already has").count(), 1, "{refused}");
}
