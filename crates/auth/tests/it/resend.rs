//! `POST /resend`.

use serde_json::json;
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, fragment, text};
use crate::verify::settings;

/// Behaviour 4: nobody learns by these answers who has an account, except where an app asks with `create_user: false`.
/// Behaviour 5: too soon is too soon for addresses without an account as well.
#[tokio::test]
async fn only_what_is_under_way_is_sent_again() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let resend = |email: &str| service.post("/resend", json!({"type": "signup", "email": email}));
    assert_error(&resend("john@example.com").await, 429, "over_email_send_rate_limit");
    service.advance(1);
    let known = resend("JOHN@example.com").await;
    let unknown = resend("nobody@example.com").await;
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    assert_eq!(&*known.text(), "{}");
    for email in ["john@example.com", "nobody@example.com"] {
        assert_error(&resend(email).await, 429, "over_email_send_rate_limit");
    }
    assert_eq!(service.count("vestibule.mailbox").await, 2);
    let opened = service.send(Call::get(&service.mail("john@example.com").await.link)).await;
    assert_eq!(fragment(&opened, "type"), "signup");
    service.advance(1);
    assert_eq!(resend("john@example.com").await.status, 200);
    assert_eq!(service.count("vestibule.mailbox").await, 2);
}

#[tokio::test]
async fn a_change_of_address_is_sent_again_to_both() {
    let service = Service::new().await;
    let session = service.sign_up("old@example.com").await;
    service.change(text(&session, "access_token"), json!({"email": "new@example.com"})).await;
    let before = service.mail("new@example.com").await;
    service.advance(1);
    let answer = service.post("/resend", json!({"type": "email_change", "email": "old@example.com"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(service.count("vestibule.mailbox").await, 4);
    assert_ne!(service.mail("new@example.com").await.hash(), before.hash());
}

#[tokio::test]
async fn a_flow_that_is_sent_again_is_named_after_its_method() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    service.advance(1);
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let body = json!({
        "type": "signup", "email": "john@example.com", "code_challenge": challenge, "code_challenge_method": "s256",
    });
    assert_eq!(service.post("/resend", body).await.status, 200);
    let named = "auth.flow_state where provider_type = 'email/signup' and authentication_method = 'email/signup'";
    assert_eq!(service.count(named).await, 1);
}

#[tokio::test]
async fn inputs_are_checked() {
    let service = Service::with(settings()).await;
    for (body, code) in [
        (json!({"email": "a@b.c"}), "validation_failed"),
        (json!({"type": "recovery", "email": "a@b.c"}), "validation_failed"),
        (json!({"type": "signup"}), "validation_failed"),
        (json!({"type": "signup", "phone": "15550100"}), "validation_failed"),
        (json!({"type": "signup", "email": "a@b.c", "phone": "15550100"}), "validation_failed"),
        (json!({"type": "sms", "email": "a@b.c"}), "validation_failed"),
        (json!({"type": "sms", "phone": "15550100"}), "phone_provider_disabled"),
    ] {
        assert_error(&service.post("/resend", body).await, 400, code);
    }
    assert_error(&service.sign_in("a@b.c", PASSWORD).await, 400, "invalid_credentials");
}
