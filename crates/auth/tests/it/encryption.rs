//! Secrets that are stored encrypted.

use auth::Settings;
use authkit::DbEncryption;
use http::Method;
use secrecy::SecretString;
use serde_json::json;
use testkit::{Call, project};

use crate::authenticator::App;
use crate::support::{PASSWORD, Service, assert_error, text};
use crate::takeover::behind;

const OLD: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
const NEW: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";

/// What is stored secretly.
const PLACES: [&str; 3] = [
    "select encrypted_password from auth.users",
    "select refresh_token_hmac_key from auth.sessions",
    "select secret::varchar from auth.mfa_factors",
];

fn settings(db_encryption: DbEncryption) -> Settings {
    Settings { db_encryption, refresh_token_algorithm_version: 2, ..Settings::default() }
}

fn encrypted(key_id: &str, key: &str) -> Settings {
    let decryption_keys = [("old".to_owned(), SecretString::from(OLD))].into();
    settings(DbEncryption { encrypt: true, key_id: key_id.to_owned(), key: key.into(), decryption_keys })
}

/// The key by which all secrets are stored; `None` where they are not encrypted.
async fn assert_stored(service: &Service, key_id: Option<&str>) {
    for sql in PLACES {
        for row in service.db.query(sql, &[]).await {
            let stored: String = row.get(0);
            match key_id {
                Some(key_id) => assert!(stored.contains(&format!("\"key_id\":\"{key_id}\"")), "{sql}: {stored}"),
                None => assert!(!stored.contains("key_id"), "{sql}: {stored}"),
            }
        }
    }
}

/// Uses everything that is secret: refresh token, password, authenticator app.
async fn use_all(service: &Service, app: &mut App) {
    service.advance(60);
    let refreshed = service.refresh(text(&app.session, "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    let signed_in = service.sign_in("john@example.com", PASSWORD).await;
    assert_eq!(signed_in.status, 200, "{}", signed_in.text());
    let raised = app.step_up(service, &refreshed.json()).await;
    assert_eq!(raised.status, 200, "{}", raised.text());
    app.session = raised.json();
}

#[tokio::test]
async fn secrets_are_encrypted_and_follow_the_key() {
    let mut service = Service::with(settings(DbEncryption::default())).await;
    let session = service.sign_up("john@example.com").await;
    let mut app = App::enroll(&service, session).await;
    use_all(&service, &mut app).await;
    assert_stored(&service, None).await;
    for (key_id, key) in [("old", OLD), ("new", NEW)] {
        service = service.restart(encrypted(key_id, key));
        use_all(&service, &mut app).await;
        assert_stored(&service, Some(key_id)).await;
    }
    service = service.restart(settings(DbEncryption::default()));
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 500, "unexpected_failure");
    let refused = service.refresh(text(&app.session, "refresh_token")).await;
    assert_error(&refused, 500, "unexpected_failure");
    assert!(!refused.text().contains("new"), "{}", refused.text());
}

/// Another sign-in has stored the password's hash anew in between; it is the same password all the same.
#[tokio::test]
async fn a_hash_that_is_stored_anew_meanwhile_opens_the_session() {
    let service = Service::with(encrypted("old", OLD)).await;
    service.sign_up("john@example.com").await;
    let first: String = service.db.value(PLACES[0]).await;
    let service = service.restart(encrypted("new", NEW));
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
    let renewed: String = service.db.value(PLACES[0]).await;
    service.db.sql(&format!("update auth.users set encrypted_password = '{first}'")).await;
    let held = format!("update auth.users set encrypted_password = '{renewed}'");
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    let answer = behind(&service, &held, Call::post("/token?grant_type=password", &body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn new_secrets_are_encrypted_at_once() {
    let service = Service::with(encrypted("new", NEW)).await;
    let session = service.sign_up("john@example.com").await;
    let mut app = App::enroll(&service, session).await;
    assert_stored(&service, Some("new")).await;
    use_all(&service, &mut app).await;
    let token = text(&app.session, "access_token").to_owned();
    assert_error(&service.change(&token, json!({"password": PASSWORD})).await, 422, "same_password");
    assert_eq!(service.change(&token, json!({"password": "another horse"})).await.status, 200);
    let user = json!({"email": "jane@example.com", "password": PASSWORD, "email_confirm": true});
    let user = service.admin_post("/admin/users", user).await.json();
    let path = format!("/admin/users/{}", text(&user, "id"));
    assert_eq!(service.sign_in("jane@example.com", PASSWORD).await.status, 200);
    let change =
        Call::new(Method::PUT, &path).bearer(&project::service_token()).json(&json!({"password": "a new one"}));
    assert_eq!(service.send(change).await.status, 200);
    assert_eq!(service.sign_in("jane@example.com", "a new one").await.status, 200);
    assert_eq!(service.sign_in("john@example.com", "another horse").await.status, 200);
    assert_stored(&service, Some("new")).await;
}

#[test]
fn keys_that_cannot_be_stop_the_start() {
    let wrong = encrypted("new", "short").validate().unwrap_err();
    assert_eq!(wrong.setting, "db_encryption.key");
    assert!(wrong.reason.contains("\"new\"") && !wrong.reason.contains("short"), "{wrong}");
}

/// Hashes of other programs are longer than bcrypt's, the more so when they are sealed.
#[tokio::test]
async fn imported_hashes_are_encrypted_too() {
    let service = Service::with(encrypted("6a0e7b1c-6d59-4f5e-9d0a-3c5f3f1f2b77 of the year 2026", NEW)).await;
    let argon2 = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let body = json!({"email": "john@example.com", "email_confirm": true, "password_hash": argon2});
    let created = service.admin_post("/admin/users", body).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let stored: String = service.db.value("select encrypted_password::text from auth.users").await;
    assert!(stored.len() > 255 && !stored.contains("argon2"), "{stored}");
    assert_eq!(service.sign_in("john@example.com", "password").await.status, 200);
}
