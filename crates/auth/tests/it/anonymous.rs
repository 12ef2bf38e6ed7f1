//! Signing up with nothing, and becoming somebody.

use auth::Settings;
use serde_json::json;
use testkit::Call;

use crate::support::{Service, assert_error, fragment, text};

fn settings() -> Settings {
    Settings { anonymous_enabled: true, mailer_autoconfirm: false, ..Settings::default() }
}

/// Behaviour 72: an anonymous user needs nothing and has empty `app_metadata`; the sign-up is noted, unlike there.
#[tokio::test]
async fn an_anonymous_user_has_a_session_and_nothing_else() {
    let service = Service::with(settings()).await;
    let answer = service.post("/signup", json!({"data": {"theme": "dark"}})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let session = answer.json();
    let user = &session["user"];
    assert_eq!(user["is_anonymous"], true);
    assert_eq!((&user["app_metadata"], &user["user_metadata"]), (&json!({}), &json!({"theme": "dark"})));
    assert_eq!((&user["email"], &user["phone"], &user["identities"]), (&json!(""), &json!(""), &json!([])));
    let token = testkit::keyring().verify(text(&session, "access_token")).unwrap();
    assert_eq!((&token.claims["is_anonymous"], &token.claims["role"]), (&json!(true), &json!("authenticated")));
    assert_eq!(token.claims["amr"][0]["method"], "anonymous");
    assert_eq!((service.audited("user_signedup").await, service.audited("login").await), (1, 0));
    assert_eq!(service.refresh(text(&session, "refresh_token")).await.status, 200);
    let password = service.change(text(&session, "access_token"), json!({"password": "correct horse"})).await;
    assert_error(&password, 422, "validation_failed");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let off = Service::new().await;
    assert_error(&off.post("/signup", json!({})).await, 422, "anonymous_provider_disabled");
    let closed = Service::with(Settings { disable_signup: true, ..settings() }).await;
    assert_error(&closed.post("/signup", json!({})).await, 422, "signup_disabled");
    let on = Service::with(settings()).await.send(Call::get("/settings")).await.json();
    assert_eq!(on["external"]["anonymous_users"], true);
}

/// Behaviour 73: an anonymous user becomes permanent by confirming.
#[tokio::test]
async fn a_confirmed_address_makes_the_user_permanent() {
    let service = Service::with(settings()).await;
    let session = service.post("/signup", json!({})).await.json();
    let token = text(&session, "access_token");
    let changed = service.change(token, json!({"email": "john@example.com", "password": "correct horse"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(
        (&changed.json()["is_anonymous"], &changed.json()["new_email"]),
        (&json!(true), &json!("john@example.com"))
    );
    // There is no old address that could agree.
    let opened = service.send(Call::get(&service.mail("john@example.com").await.link)).await;
    assert_eq!(fragment(&opened, "type"), "email_change");
    let user = service.user(token).await.json();
    assert_eq!((&user["id"], &user["is_anonymous"]), (&session["user"]["id"], &json!(false)));
    assert_eq!(user["identities"][0]["provider"], "email");
    assert_eq!(user["app_metadata"]["provider"], "email");
    assert_eq!(service.sign_in("john@example.com", "correct horse").await.status, 200);
}

/// Behaviour 73: an anonymous user becomes permanent by confirming.
#[tokio::test]
async fn an_administrator_makes_the_user_permanent_by_confirming() {
    let service = Service::with(settings()).await;
    for (body, expected) in [
        (json!({"email": "a@b.c"}), true),
        (json!({"email": "d@b.c", "email_confirm": true}), false),
        (json!({"phone": "15550100", "phone_confirm": true}), false),
    ] {
        let session = service.post("/signup", json!({})).await.json();
        let path = format!("/admin/users/{}", text(&session["user"], "id"));
        let call = Call::new(http::Method::PUT, &path).bearer(&testkit::project::service_token()).json(&body);
        let user = service.send(call).await;
        assert_eq!(user.json()["is_anonymous"], expected, "{}", user.text());
    }
}
