//! `GET /reauthenticate` and the code that it sends.

use auth::Settings;
use serde_json::json;
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, text};

/// Behaviour 81: a code proves presence where the session is older than a day.
#[tokio::test]
async fn an_old_session_changes_the_password_with_a_code() {
    let settings = Settings { update_password_require_reauthentication: true, ..Settings::default() };
    let service = Service::with(Settings { jwt_exp: std::time::Duration::from_secs(172_800), ..settings }).await;
    let session = service.sign_up("john@example.com").await;
    let token = text(&session, "access_token").to_owned();
    assert_eq!(service.change(&token, json!({"password": "another horse"})).await.status, 200);
    service.advance(86_401);
    let change = |nonce: &str| service.change(&token, json!({"password": PASSWORD, "nonce": nonce}));
    assert_error(&change("").await, 400, "reauthentication_needed");
    assert_error(&change("123456").await, 422, "reauthentication_not_valid");
    let asked = service.send(Call::get("/reauthenticate").bearer(&token)).await;
    assert_eq!((asked.status.as_u16(), &*asked.text()), (200, "{}"));
    let soon = service.send(Call::get("/reauthenticate").bearer(&token)).await;
    assert_error(&soon, 429, "over_email_send_rate_limit");
    assert_eq!(service.audited("user_reauthenticate_requested").await, 1);
    let letter = service.mail("john@example.com").await;
    assert_eq!(letter.link, "", "there is a code only");
    // It is good for nothing else.
    let body = json!({"type": "email", "token": letter.code, "email": "john@example.com"});
    assert_error(&service.post("/verify", body).await, 403, "otp_expired");
    assert_eq!(change(&letter.code).await.status, 200);
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
    let again = service.change(&token, json!({"password": "third horse", "nonce": letter.code})).await;
    assert_error(&again, 422, "reauthentication_not_valid");
}

#[tokio::test]
async fn a_code_of_reauthentication_expires() {
    let settings = Settings { update_password_require_reauthentication: true, ..Settings::default() };
    let service = Service::with(Settings { jwt_exp: std::time::Duration::from_secs(172_800), ..settings }).await;
    let session = service.sign_up("john@example.com").await;
    let token = text(&session, "access_token");
    service.advance(86_401);
    service.send(Call::get("/reauthenticate").bearer(token)).await;
    let code = service.mail("john@example.com").await.code;
    service.advance(3601);
    let answer = service.change(token, json!({"password": "another horse", "nonce": code})).await;
    assert_error(&answer, 422, "reauthentication_not_valid");
}

#[tokio::test]
async fn only_what_is_confirmed_proves_presence() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let ask = || service.send(Call::get("/reauthenticate").bearer(text(&session, "access_token")));
    service.db.sql("update auth.users set email_confirmed_at = null").await;
    assert_error(&ask().await, 422, "email_not_confirmed");
    service.db.sql("update auth.users set email = null, phone = '15550100'").await;
    assert_error(&ask().await, 422, "phone_not_confirmed");
    service.db.sql("update auth.users set phone = null").await;
    assert_error(&ask().await, 400, "validation_failed");
}
