//! `POST /signup`.

use serde_json::json;

use crate::support::{PASSWORD, Service, assert_error, text};

#[tokio::test]
async fn a_sign_up_opens_a_session_that_reads_the_user() {
    let service = Service::new().await;
    let session = service.sign_up_with("John@Example.com", json!({"first_name": "John", "age": 27})).await;
    assert_eq!(session["token_type"], "bearer");
    assert_eq!(session["expires_in"], 3600);
    let user = service.user(text(&session, "access_token")).await;
    assert_eq!(user.status, 200, "{}", user.text());
    let user = user.json();
    assert_eq!(user, session["user"]);
    assert_eq!(user["email"], "john@example.com");
    assert_eq!(user["user_metadata"]["age"], json!(27));
    assert_eq!(service.count("auth.users").await, 1);

    let again = service.sign_in("john@example.COM", PASSWORD).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert!(again.json().as_object().unwrap().contains_key("weak_password"));
    let refreshed = service.refresh(text(&again.json(), "refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());

    let answer = service.post("/signup", json!({"email": "john@example.com", "password": PASSWORD})).await;
    assert_error(&answer, 422, "user_already_exists");
}
