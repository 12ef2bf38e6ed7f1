//! `POST /invite` and `POST /admin/generate_link`.

use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::support::{PASSWORD, Service, assert_error, fragment, text};
use crate::verify::settings;

/// Behaviour 63: who is invited gets a password that nobody knows, and sets one.
/// Behaviour 64: invitations are sent again until they are accepted.
#[tokio::test]
async fn somebody_is_invited_until_they_come() {
    let service = Service::with(settings()).await;
    let invite = || service.admin_post("/invite", json!({"email": "Jane@example.com", "data": {"team": 7}}));
    let user = invite().await;
    assert_eq!(user.status, 200, "{}", user.text());
    let user = user.json();
    service.advance(1);
    assert_eq!((&user["email"], &user["user_metadata"]["team"]), (&json!("jane@example.com"), &json!(7)));
    assert!(user["invited_at"].is_string() && user["confirmation_sent_at"].is_string());
    assert_eq!(user["user_metadata"], json!({"team": 7}), "what the administrator gives and nothing else");
    let identity = json!({
        "sub": user["id"], "email": "jane@example.com", "email_verified": false, "phone_verified": false,
    });
    assert_eq!(user["identities"][0]["identity_data"], identity);
    assert_eq!(invite().await.json()["id"], user["id"], "again, and as the same user");
    assert_eq!(service.audited("user_invited").await, 2);
    let opened = service.send(Call::get(&service.mail("jane@example.com").await.link)).await;
    assert_eq!(fragment(&opened, "type"), "invite");
    let token = fragment(&opened, "access_token");
    assert_eq!(service.change(&token, json!({"password": PASSWORD})).await.status, 200);
    assert_eq!(service.sign_in("jane@example.com", PASSWORD).await.status, 200);
    assert_error(&invite().await, 422, "email_exists");
    assert_error(&service.admin_post("/invite", json!({"email": "x"})).await, 400, "validation_failed");
    assert_error(&service.post("/invite", json!({"email": "a@b.c"})).await, 401, "no_authorization");
    let user = Call::post("/invite", &json!({"email": "a@b.c"})).bearer(&token);
    assert_error(&service.send(user).await, 403, "not_admin");
}

async fn link(service: &Service, body: Value) -> Answer {
    service.admin_post("/admin/generate_link", body).await
}

/// Opens the link of an answer.
async fn open(service: &Service, answer: &Answer) -> Answer {
    let answer = answer.json();
    let path = text(&answer, "action_link").strip_prefix("http://127.0.0.1:54321/auth/v1").expect("our address");
    service.send(Call::get(path)).await
}

/// Behaviour 116: links are made without mail, with the user's fields beside them.
#[tokio::test]
async fn links_are_made_without_mail() {
    let service = Service::with(settings()).await;
    let made = link(
        &service,
        json!({
            "type": "signup", "email": "John@example.com", "password": PASSWORD, "data": {"a": 1},
            "redirect_to": "http://app.example/in",
        }),
    )
    .await;
    assert_eq!(made.status, 200, "{}", made.text());
    let body = made.json();
    let hash = text(&body, "hashed_token");
    assert_eq!(
        text(&body, "action_link"),
        format!("http://127.0.0.1:54321/auth/v1/verify?token={hash}&type=signup&redirect_to=http://app.example/in")
    );
    assert_eq!((&body["verification_type"], &body["redirect_to"]), (&json!("signup"), &json!("http://app.example/in")));
    assert_eq!((&body["email"], &body["user_metadata"]), (&json!("john@example.com"), &json!({"a": 1})));
    assert!(body["identities"][0]["identity_data"].get("a").is_none(), "{body}");
    let verify = json!({"type": "signup", "token": body["email_otp"], "email": "john@example.com"});
    assert_eq!(service.post("/verify", verify).await.status, 200);
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);

    for kind in ["magiclink", "recovery"] {
        let made = link(&service, json!({"type": kind, "email": "john@example.com"})).await;
        assert_eq!(made.json()["verification_type"], kind);
        assert_eq!(fragment(&open(&service, &made).await, "type"), kind);
    }
    let made = link(&service, json!({"type": "magiclink", "email": "new@example.com"})).await;
    assert_eq!(made.json()["verification_type"], "signup");
    assert_eq!(fragment(&open(&service, &made).await, "type"), "signup");
    let made = link(&service, json!({"type": "invite", "email": "jane@example.com"})).await;
    assert!(made.json()["invited_at"].is_string());
    assert_eq!(fragment(&open(&service, &made).await, "type"), "invite");
    assert_eq!(service.count("vestibule.mailbox").await, 0);
}

#[tokio::test]
async fn links_for_a_change_of_address_need_both_sides() {
    let service = Service::with(settings()).await;
    let made = link(&service, json!({"type": "signup", "email": "old@example.com", "password": PASSWORD})).await;
    open(&service, &made).await;
    let body = |kind: &str| json!({"type": kind, "email": "old@example.com", "new_email": "New@example.com"});
    let current = link(&service, body("email_change_current")).await;
    let new = link(&service, body("email_change_new")).await;
    assert_eq!(current.json()["new_email"], "new@example.com");
    assert!(text(&new.json(), "action_link").contains("&type=email_change&"));
    assert!(fragment(&open(&service, &current).await, "message").starts_with("Confirmation"));
    assert_eq!(fragment(&open(&service, &new).await, "type"), "email_change");
    assert_eq!(service.count("auth.users where email = 'new@example.com'").await, 1);
}

// Consent of the old address to one change is none to another.
#[tokio::test]
async fn a_link_for_another_new_address_ends_the_first_change() {
    let service = Service::with(settings()).await;
    let made = link(&service, json!({"type": "signup", "email": "old@example.com", "password": PASSWORD})).await;
    open(&service, &made).await;
    let body = |kind: &str, new: &str| json!({"type": kind, "email": "old@example.com", "new_email": new});
    let first = link(&service, body("email_change_new", "one@example.com")).await;
    link(&service, body("email_change_current", "two@example.com")).await;
    assert_eq!(fragment(&open(&service, &first).await, "error_code"), "otp_expired");
}

/// Behaviour 117: no link confirms who is confirmed.
#[tokio::test]
async fn links_that_cannot_be_are_refused() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    service.sign_up("jane@example.com").await;
    for (body, status, code) in [
        (json!({"type": "telepathy", "email": "a@b.c"}), 400, "validation_failed"),
        (json!({"type": "signup", "email": "no address"}), 400, "validation_failed"),
        (json!({"type": "signup", "email": "john@example.com"}), 422, "email_exists"),
        (json!({"type": "invite", "email": "john@example.com"}), 422, "email_exists"),
        (json!({"type": "signup", "email": "a@b.c"}), 400, "validation_failed"),
        (json!({"type": "signup", "email": "a@b.c", "password": "short"}), 422, "weak_password"),
        (json!({"type": "recovery", "email": "a@b.c"}), 404, "user_not_found"),
        (json!({"type": "email_change_new", "email": "a@b.c", "new_email": "x@b.c"}), 404, "user_not_found"),
        (json!({"type": "email_change_new", "email": "john@example.com"}), 400, "validation_failed"),
        (
            json!({"type": "email_change_new", "email": "john@example.com", "new_email": "jane@example.com"}),
            422,
            "email_exists",
        ),
        (
            json!({"type": "email_change_current", "email": "john@example.com", "new_email": "John@example.com"}),
            422,
            "email_exists",
        ),
    ] {
        assert_error(&link(&service, body).await, status, code);
    }
}

/// The address of an identity, as a provider tells it, need not be the user's: nobody is found by it.
#[tokio::test]
async fn links_and_invitations_go_by_the_users_own_address() {
    let service = Service::with(settings()).await;
    let owner =
        link(&service, json!({"type": "signup", "email": "g1@corp.example", "password": PASSWORD})).await.json();
    service
        .db
        .sql(
            "insert into auth.identities (provider_id, user_id, identity_data, provider)
         select 'g1', id, '{\"sub\": \"g1\", \"email\": \"other@corp.example\"}', 'google' from auth.users;
         update auth.users set email_confirmed_at = now()",
        )
        .await;
    let other = |kind: &str| json!({"type": kind, "email": "other@corp.example", "password": PASSWORD});
    assert_error(&link(&service, other("recovery")).await, 404, "user_not_found");
    assert_error(&link(&service, other("email_change_new")).await, 404, "user_not_found");
    for kind in ["magiclink", "signup", "invite", "/invite"] {
        let made = match kind {
            "/invite" => service.admin_post("/invite", other("")).await,
            kind => link(&service, other(kind)).await,
        };
        assert_eq!(made.status, 200, "{kind}: {}", made.text());
        let made = made.json();
        assert_eq!(made["email"], "other@corp.example", "{kind}");
        assert_ne!(made["id"], owner["id"], "{kind}");
        service.db.sql("delete from auth.users where email = 'other@corp.example'").await;
    }
}
