//! `POST /recover`, and changing the address.

use auth::Settings;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::support::{PASSWORD, Service, assert_error, fragment, text};
use crate::verify::settings;

async fn change(service: &Service, session: &Value, email: &str) -> Answer {
    let call = Call::new(Method::PUT, "/user").bearer(text(session, "access_token"));
    service.send(call.json(&json!({"email": email}))).await
}

/// Behaviour 4: nobody learns by these answers who has an account, except where an app asks with `create_user: false`.
#[tokio::test]
async fn whoever_forgot_the_password_sets_a_new_one() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let nobody = service.post("/recover", json!({"email": "nobody@example.com"})).await;
    let answer =
        service.post("/recover?redirect_to=http://127.0.0.1:3000/new", json!({"email": "JOHN@example.com"})).await;
    assert_eq!((answer.status, &answer.body), (nobody.status, &nobody.body));
    assert_eq!(answer.text(), "{}");
    assert_eq!(service.count("vestibule.mailbox").await, 1);
    let link = service.mail("john@example.com").await.link;
    assert!(link.ends_with("&type=recovery&redirect_to=http://127.0.0.1:3000/new"), "{link}");
    let opened = service.send(Call::get(&link)).await;
    assert_eq!(fragment(&opened, "type"), "recovery");
    let token = fragment(&opened, "access_token");
    let call = Call::new(Method::PUT, "/user").bearer(&token).json(&json!({"password": "another horse"}));
    assert_eq!(service.send(call).await.status, 200);
    assert_eq!(service.sign_in("john@example.com", "another horse").await.status, 200);
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "invalid_credentials");
    for (action, rows) in [("user_recovery_requested", 1), ("login", 3)] {
        let entries = format!("auth.audit_log_entries where payload ->> 'action' = '{action}'");
        assert_eq!(service.count(&entries).await, rows, "{action}");
    }
}

/// Behaviour 51: a confirmation ends every other pending token.
#[tokio::test]
async fn recovery_confirms_and_its_code_counts_as_a_magic_link() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    service.advance(1);
    service.post("/recover", json!({"email": "john@example.com"})).await;
    let code = service.mail("john@example.com").await.code;
    let answer =
        service.post("/verify", json!({"type": "magiclink", "token": code, "email": "john@example.com"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json()["user"]["email_confirmed_at"].is_string());
    assert_eq!(service.count("auth.one_time_tokens").await, 0);
}

/// Behaviour 5: too soon is too soon for addresses without an account as well.
#[tokio::test]
async fn requests_are_checked_and_limited() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    assert_error(&service.post("/recover", json!({})).await, 400, "validation_failed");
    assert_error(&service.post("/recover", json!({"email": "no address"})).await, 400, "validation_failed");
    let half = json!({"email": "john@example.com", "code_challenge": "x"});
    assert_error(&service.post("/recover", half).await, 400, "validation_failed");
    assert_eq!(service.post("/recover", json!({"email": "john@example.com"})).await.status, 200);
    let soon = service.post("/recover", json!({"email": "john@example.com"})).await;
    assert_error(&soon, 429, "over_email_send_rate_limit");
    let unknown = || service.post("/recover", json!({"email": "nobody@example.com"}));
    assert_eq!(unknown().await.status, 200);
    let (known, unknown) = (soon, unknown().await);
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    service.advance(1);
    assert_eq!(service.post("/recover", json!({"email": "nobody@example.com"})).await.status, 200);
    assert_eq!(service.count("vestibule.letters_asked").await, 2);
    let without = Service::with(Settings { email_enabled: false, ..Settings::default() }).await;
    assert_error(&without.post("/recover", json!({"email": "a@b.c"})).await, 400, "email_provider_disabled");
}

/// Behaviour 22: a new address is confirmed from both inboxes, and the first confirmation opens no session.
#[tokio::test]
async fn a_new_address_is_confirmed_from_both_inboxes() {
    let service = Service::with(settings()).await;
    service.sign_up("old@example.com").await;
    let confirmation = service.mail("old@example.com").await;
    let opened = service.send(Call::get(&confirmation.link)).await;
    let session = json!({"access_token": fragment(&opened, "access_token")});
    service.advance(5);
    let user = change(&service, &session, "New@example.com").await.json();
    assert_eq!((&user["email"], &user["new_email"]), (&json!("old@example.com"), &json!("new@example.com")));
    let (new, old) = (service.mail("new@example.com").await, service.mail("old@example.com").await);

    let first = service.send(Call::get(&new.link)).await;
    let message = fragment(&first, "message");
    assert!(message.starts_with("Confirmation+link+accepted"), "{message}");
    assert_eq!(service.count("auth.sessions").await, 1, "the first one opens no session");
    assert_eq!(service.count("auth.users where email = 'old@example.com'").await, 1);

    let body = json!({"type": "email_change", "token": old.code, "email": "old@example.com"});
    let second = service.post("/verify", body).await;
    assert_eq!(second.status, 200, "{}", second.text());
    let user = second.json()["user"].clone();
    assert_eq!(user["email"], "new@example.com");
    assert!(user.get("new_email").is_none());
    assert_eq!(user["identities"][0]["email"], "new@example.com");
    assert_eq!(user["identities"][0]["identity_data"]["email_verified"], true);
    assert_eq!(service.sign_in("new@example.com", PASSWORD).await.status, 200);
    assert_error(&service.sign_in("old@example.com", PASSWORD).await, 400, "invalid_credentials");
}

/// Behaviour 60: the code of half a change is a text.
#[tokio::test]
async fn the_first_of_two_confirmations_is_told_to_apps() {
    let service = Service::with(settings()).await;
    service.sign_up("old@example.com").await;
    let opened = service.send(Call::get(&service.mail("old@example.com").await.link)).await;
    let session = json!({"access_token": fragment(&opened, "access_token")});
    change(&service, &session, "new@example.com").await;
    let hash = service.mail("new@example.com").await.hash().to_owned();
    let answer = service.post("/verify", json!({"type": "email_change", "token_hash": hash})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["code"], "200");
    let answer = service.post("/verify", json!({"type": "email_change", "token_hash": hash})).await;
    assert_error(&answer, 403, "otp_expired");
}

/// Behaviour 79: a new address is asked for even where addresses are confirmed at once.
#[tokio::test]
async fn a_new_address_is_asked_for_even_where_addresses_are_confirmed_at_once() {
    let service = Service::new().await;
    let session = service.sign_up("old@example.com").await;
    let user = change(&service, &session, "new@example.com").await.json();
    assert_eq!(user["new_email"], "new@example.com");
    let soon = change(&service, &session, "newer@example.com").await;
    assert_error(&soon, 429, "over_email_send_rate_limit");
    let opened = service.send(Call::get(&service.mail("new@example.com").await.link)).await;
    assert_eq!(fragment(&opened, "type"), "email_change");
    assert_eq!(service.user(text(&session, "access_token")).await.json()["email"], "new@example.com");
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_refused() {
    let service = Service::new().await;
    let session = service.sign_up("old@example.com").await;
    change(&service, &session, "new@example.com").await;
    service.sign_up("new@example.com").await;
    let opened = service.send(Call::get(&service.mail("new@example.com").await.link)).await;
    assert_eq!(fragment(&opened, "error_code"), "email_exists");
}

/// Behaviour 73: an anonymous user becomes permanent by confirming.
#[tokio::test]
async fn an_anonymous_user_gets_an_address_at_once_under_autoconfirm() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql(
        "update auth.users set is_anonymous = true, email = null, email_confirmed_at = null, encrypted_password = '';
         delete from auth.identities",
    ).await;
    let call = || Call::new(Method::PUT, "/user").bearer(text(&session, "access_token"));
    let password = call().json(&json!({"password": "another horse"}));
    assert_error(&service.send(password).await, 422, "validation_failed");
    let user = change(&service, &session, "anna@example.com").await.json();
    assert_eq!((&user["email"], &user["is_anonymous"]), (&json!("anna@example.com"), &json!(false)));
    assert!(user["email_confirmed_at"].is_string());
    assert_eq!(user["identities"][0]["provider"], "email");
    assert_eq!(service.count("vestibule.mailbox").await, 0);
}
