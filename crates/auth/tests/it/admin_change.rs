//! `POST /admin/users`, `GET` and `PUT /admin/users/{id}`.

use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

async fn create(service: &Service, body: Value) -> Answer {
    service.send(Call::post("/admin/users", &body).bearer(&project::service_token())).await
}

async fn created(service: &Service, body: Value) -> Value {
    let answer = create(service, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

async fn update(service: &Service, id: &str, body: Value) -> Answer {
    let call = Call::new(Method::PUT, &format!("/admin/users/{id}")).json(&body);
    service.send(call.bearer(&project::service_token())).await
}

async fn get(service: &Service, id: &str) -> Answer {
    service.send(Call::get(&format!("/admin/users/{id}")).bearer(&project::service_token())).await
}

/// Behaviour 103: users of administrators are answered with 200 and unverified identities.
/// Behaviour 104: administrators pass switches and strength, and may bring hashes.
#[tokio::test]
async fn a_user_is_created_with_all_attributes() {
    let service = Service::new().await;
    let id = "11111111-2222-1333-8444-555555555555";
    let user = created(
        &service,
        json!({
            "id": id, "email": "John@Example.com", "phone": "+1 555 0100", "password": "abc", "role": "editor",
            "email_confirm": true, "phone_confirm": true, "ban_duration": "24h",
            "user_metadata": {"name": "John"}, "app_metadata": {"plan": "gold"},
        }),
    )
    .await;
    let now = service.clock.now().to_string();
    assert_eq!(user["id"], id);
    assert_eq!((&user["email"], &user["phone"]), (&json!("john@example.com"), &json!("15550100")));
    assert_eq!(user["role"], "editor");
    assert_eq!((&user["email_confirmed_at"], &user["phone_confirmed_at"]), (&json!(now), &json!(now)));
    assert_eq!(user["user_metadata"], json!({"name": "John", "email_verified": true}));
    assert_eq!(user["app_metadata"], json!({"provider": "email", "providers": ["email", "phone"], "plan": "gold"}));
    assert_eq!(user["identities"].as_array().unwrap().len(), 2);
    assert_eq!(user["identities"][0]["identity_data"]["email_verified"], false);
    let tomorrow = service.clock.now() + jiff::SignedDuration::from_hours(24);
    assert_eq!(user["banned_until"], tomorrow.to_string());
    assert_eq!(get(&service, id).await.json(), user);
    let entry: Value = service.db.value("select payload::jsonb from auth.audit_log_entries").await;
    assert_eq!(
        entry,
        json!({
            "action": "user_signedup", "actor_id": "00000000-0000-0000-0000-000000000000", "actor_via_sso": false,
            "actor_username": "service_role", "log_type": "team",
            "traits": {"provider": "email", "user_email": "john@example.com", "user_id": id, "user_phone": "15550100"},
        })
    );
    assert_eq!(service.count("auth.sessions").await, 0);
}

/// Behaviour 105: password and hash exclude each other; without any nobody knows it.
#[tokio::test]
async fn passwords_may_be_given_hashed_or_not_at_all() {
    let service = Service::new().await;
    let argon2 = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    created(&service, json!({"email": "argon2@b.c", "password_hash": argon2, "email_confirm": true})).await;
    assert_eq!(service.sign_in("argon2@b.c", "password").await.status, 200);
    assert_error(&service.sign_in("argon2@b.c", "Password").await, 400, "invalid_credentials");
    created(&service, json!({"email": "none@b.c", "email_confirm": true})).await;
    assert_eq!(service.count("auth.users where encrypted_password like '$2a$10$%'").await, 1);
    for body in [
        json!({"email": "a@b.c", "password": PASSWORD, "password_hash": argon2}),
        json!({"email": "a@b.c", "password_hash": "plain"}),
        json!({"email": "a@b.c", "password": "x".repeat(73)}),
    ] {
        assert_error(&create(&service, body).await, 400, "validation_failed");
    }
}

/// Behaviour 106: any id but the empty one is taken.
/// Behaviour 107: bans are durations of Go, or `none`.
#[tokio::test]
async fn attributes_are_checked() {
    let service = Service::new().await;
    created(&service, json!({"email": "taken@b.c", "phone": "15550100", "id": "11111111-2222-1333-8444-555555555555"}))
        .await;
    for (body, status, code) in [
        (json!({}), 400, "validation_failed"),
        (json!({"email": "no address"}), 400, "validation_failed"),
        (json!({"phone": "no number"}), 400, "validation_failed"),
        (json!({"email": "TAKEN@b.c"}), 422, "email_exists"),
        (json!({"phone": "+15550100"}), 422, "phone_exists"),
        (json!({"email": "a@b.c", "id": "42"}), 400, "validation_failed"),
        (json!({"email": "a@b.c", "id": "00000000-0000-0000-0000-000000000000"}), 400, "validation_failed"),
        (json!({"email": "a@b.c", "id": "11111111-2222-1333-8444-555555555555"}), 422, "user_already_exists"),
        (json!({"email": "a@b.c", "ban_duration": "1d"}), 400, "validation_failed"),
        (json!({"email": "a@b.c", "email_confirm": "yes"}), 400, "bad_json"),
        (json!({"email": "a@b.c", "user_metadata": [1]}), 400, "bad_json"),
    ] {
        assert_error(&create(&service, body).await, status, code);
    }
    assert_eq!(service.count("auth.users").await, 1);
}

#[tokio::test]
async fn paths_that_name_nobody_are_404() {
    let service = Service::new().await;
    assert_error(&get(&service, "42").await, 404, "validation_failed");
    assert_error(&get(&service, "5e9d4d6e-0000-4000-8000-000000000000").await, 404, "user_not_found");
    let answer = update(&service, "5e9d4d6e-0000-4000-8000-000000000000", json!({})).await;
    assert_error(&answer, 404, "user_not_found");
    let call = Call::get("/admin/users/5e9d4d6e-0000-4000-8000-000000000000");
    assert_error(&service.send(call).await, 401, "no_authorization");
}

/// Behaviour 110: a new address counts at once and marks the identity.
#[tokio::test]
async fn a_new_address_counts_at_once_and_marks_the_identity() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    let user = update(&service, id, json!({"email": "New@example.com"})).await.json();
    assert_eq!(user["email"], "new@example.com");
    assert!(user["email_confirmed_at"].is_string());
    assert_eq!(user["identities"][0]["identity_data"]["email"], "new@example.com");
    assert_eq!(user["identities"][0]["identity_data"]["email_verified"], false);
    assert_eq!(user["identities"][0]["email"], "new@example.com");
    let user = update(&service, id, json!({"email": "new@example.com", "email_confirm": true})).await.json();
    assert_eq!(user["identities"][0]["identity_data"]["email_verified"], true);
    let user = update(&service, id, json!({"phone": "+15550100", "phone_confirm": true})).await.json();
    assert_eq!(user["phone"], "15550100");
    assert_eq!(user["identities"][1]["identity_data"]["phone_verified"], true);
    assert_eq!(service.sign_in("new@example.com", PASSWORD).await.status, 200);
}

/// Behaviour 109: taken addresses are told as such.
#[tokio::test]
async fn an_address_or_number_that_is_taken_is_422() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    created(&service, json!({"email": "jane@example.com", "phone": "15550100"})).await;
    let id = text(&session["user"], "id");
    assert_error(&update(&service, id, json!({"email": "jane@example.com", "role": "x"})).await, 422, "email_exists");
    assert_error(&update(&service, id, json!({"phone": "15550100"})).await, 422, "phone_exists");
    assert_eq!(get(&service, id).await.json()["role"], "authenticated", "nothing of a failed change stays");
}

/// Behaviour 111: a new password from an administrator ends all sessions.
#[tokio::test]
async fn a_new_password_ends_all_sessions() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    assert_error(&update(&service, id, json!({"password": "short"})).await, 422, "weak_password");
    assert_error(&update(&service, id, json!({"password": "x".repeat(73)})).await, 400, "validation_failed");
    assert_eq!(service.count("auth.sessions").await, 1);
    assert_eq!(update(&service, id, json!({"password": "another horse"})).await.status, 200);
    assert_eq!(service.count("auth.sessions").await, 0);
    assert_eq!(service.sign_in("john@example.com", "another horse").await.status, 200);
}

/// Behaviour 107: bans are durations of Go, or `none`.
/// Behaviour 108: a ban counts at once and at refresh, and ends no session.
#[tokio::test]
async fn bans_begin_and_end() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    let user = update(&service, id, json!({"ban_duration": "1h30m"})).await.json();
    assert!(user["banned_until"].is_string());
    assert_error(&service.user(text(&session, "access_token")).await, 403, "user_banned");
    let without_session = project::token(json!({"sub": id, "role": "service_role"}));
    let list = || service.send(Call::get("/admin/users").bearer(&without_session));
    assert_error(&list().await, 403, "user_banned");
    assert_error(&update(&service, id, json!({"ban_duration": "1d"})).await, 400, "validation_failed");
    let user = update(&service, id, json!({"ban_duration": "none"})).await.json();
    assert!(user.get("banned_until").is_none());
    assert_eq!(service.user(text(&session, "access_token")).await.status, 200);
    assert_eq!(list().await.status, 200);
}

#[tokio::test]
async fn metadata_is_merged_and_roles_are_set() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    let body = json!({"role": "editor", "user_metadata": {"a": 1, "email": null}, "app_metadata": {"plan": "gold", "provider": null}});
    let user = update(&service, id, body).await.json();
    assert_eq!(user["role"], "editor");
    assert_eq!(user["user_metadata"]["a"], 1);
    assert!(user["user_metadata"].get("email").is_none());
    assert_eq!(user["app_metadata"], json!({"providers": ["email"], "plan": "gold"}));
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'user_modified'").await, 1);
}

/// Behaviour 73: an anonymous user becomes permanent by confirming.
#[tokio::test]
async fn an_anonymous_user_becomes_permanent_with_a_confirmed_address_only() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    service.db.sql("update auth.users set is_anonymous = true, email = null; delete from auth.identities").await;
    let user = update(&service, id, json!({"email": "john@example.com"})).await.json();
    assert_eq!(user["is_anonymous"], true);
    assert_eq!(user["identities"][0]["provider"], "email");
    let user = update(&service, id, json!({"email": "john@example.com", "email_confirm": true})).await.json();
    assert_eq!(user["is_anonymous"], false);
}
