//! `POST /token?grant_type=password`.

use serde_json::json;
use testkit::{Call, keyring};

use crate::support::{PASSWORD, Service, assert_error, text};

/// Behaviour 123: `weak_password` is there for passwords and for nothing else.
#[tokio::test]
async fn the_right_password_opens_another_session() {
    let service = Service::new().await;
    let first = service.sign_up("john@example.com").await;
    service.advance(60);
    let call = Call::post("/token?grant_type=password", &json!({"email": "JOHN@example.com", "password": PASSWORD}))
        .header("user-agent", "test/1")
        .extension(base::http::ClientAddr("192.0.2.7".parse().unwrap()));
    let answer = service.send(call).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let session = answer.json();
    assert_eq!(session["weak_password"], json!(null));
    assert!(session.as_object().unwrap().contains_key("weak_password"));
    assert_eq!(session["user"]["id"], first["user"]["id"]);
    assert_eq!(session["user"]["last_sign_in_at"], service.clock.now().to_string());
    assert_eq!(answer.header("sb-auth-user-id"), text(&first["user"], "id"));
    assert_eq!(answer.header("sb-auth-refresh-token-prefix"), &text(&session, "refresh_token")[..5]);
    let kept: String =
        service.db.value("select user_agent || ' ' || host(ip) from auth.sessions where user_agent is not null").await;
    assert_eq!(kept, "test/1 192.0.2.7");
    assert_eq!(service.count("auth.sessions").await, 2);
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'login'").await, 2);
}

/// Behaviour 98: one audience is a text.
#[tokio::test]
async fn access_tokens_carry_the_claims_of_the_reference() {
    let service = Service::new().await;
    let answer = service.post("/signup", json!({"email": "a@b.c", "password": PASSWORD, "data": {"x": 1}})).await;
    let session = answer.json();
    let token = keyring().verify(text(&session, "access_token")).unwrap();
    let (user, iat) = (&session["user"], service.clock.unix_seconds());
    assert_eq!(
        serde_json::Value::Object(token.claims.clone()),
        json!({
            "iss": "http://127.0.0.1:54321/auth/v1", "sub": user["id"], "aud": "authenticated",
            "exp": iat + 3600, "iat": iat, "email": "a@b.c", "phone": "",
            "app_metadata": user["app_metadata"], "user_metadata": user["user_metadata"],
            "role": "authenticated", "aal": "aal1", "amr": [{"method": "password", "timestamp": iat}],
            "session_id": answer.header("sb-auth-session-id"), "is_anonymous": false,
        })
    );
}

/// Behaviour 6: what is wrong cannot be told apart.
#[tokio::test]
async fn whoever_does_not_get_in_learns_nothing() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    service.sign_up("nopassword@example.com").await;
    service.sign_up("banned@example.com").await;
    service
        .db
        .sql(
            "update auth.users set encrypted_password = null where email like 'nopassword%';
         update auth.users set banned_until = 'infinity' where email like 'banned%'",
        )
        .await;
    let wrong = service.sign_in("john@example.com", "wrong password").await;
    assert_error(&wrong, 400, "invalid_credentials");
    assert_eq!(wrong.json()["msg"], "Invalid login credentials");
    for email in
        ["nobody@example.com", "nopassword@example.com", "banned@example.com", "' or true --", "%", "no address"]
    {
        let answer = service.sign_in(email, "wrong password").await;
        assert_eq!(answer.body, wrong.body, "{email}");
    }
    assert_error(&service.sign_in("banned@example.com", PASSWORD).await, 400, "user_banned");
}

#[tokio::test]
async fn an_unconfirmed_address_is_told_to_who_knows_the_password() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set email_confirmed_at = null").await;
    assert_error(&service.sign_in("john@example.com", "wrong password").await, 400, "invalid_credentials");
    let answer = service.sign_in("john@example.com", PASSWORD).await;
    assert_error(&answer, 400, "email_not_confirmed");
    assert_eq!(answer.json()["msg"], "Email not confirmed");
}

#[tokio::test]
async fn a_weak_password_still_signs_in_and_is_told() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    // "abc", hashed by PostgreSQL.
    service
        .db
        .sql("update auth.users set encrypted_password = extensions.crypt('abc', extensions.gen_salt('bf', 4))")
        .await;
    let answer = service.sign_in("john@example.com", "abc").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["weak_password"]["reasons"], json!(["length"]));
}

/// Behaviour 138: seed scripts leave the token columns empty.
#[tokio::test]
async fn rows_inserted_by_hand_sign_in() {
    let service = Service::new().await;
    service.db.sql(
        "insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, created_at, updated_at)
         values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated',
           'seed@example.com', extensions.crypt('correct horse', extensions.gen_salt('bf', 4)), now(), now(), now())",
    ).await;
    let answer = service.sign_in("seed@example.com", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let user = answer.json()["user"].clone();
    assert_eq!(user["identities"], json!([]));
    // A column without a value reads as an empty object.
    assert_eq!(user["app_metadata"], json!({}));
    assert_eq!(service.user(text(&answer.json(), "access_token")).await.status, 200);
}

/// Behaviour 14: accounts of single sign-on are not there for passwords, recovery, codes and sign-up.
#[tokio::test]
async fn accounts_of_single_sign_on_and_other_audiences_have_no_password_sign_in() {
    let service = Service::new().await;
    service.sign_up("sso@example.com").await;
    service.sign_up("other@example.com").await;
    service
        .db
        .sql(
            "update auth.users set is_sso_user = true where email like 'sso%';
         update auth.users set aud = 'elsewhere' where email like 'other%'",
        )
        .await;
    assert_error(&service.sign_in("sso@example.com", PASSWORD).await, 400, "invalid_credentials");
    assert_error(&service.sign_in("other@example.com", PASSWORD).await, 400, "invalid_credentials");
    let call = Call::post("/token?grant_type=password", &json!({"email": "other@example.com", "password": PASSWORD}));
    assert_eq!(service.send(call.header("X-JWT-AUD", "elsewhere")).await.status, 200);
}

#[tokio::test]
async fn contacts_and_grant_types_are_checked() {
    let service = Service::new().await;
    for (path, body, status, code) in [
        ("/token", json!({}), 400, "invalid_credentials"),
        ("/token?grant_type=telepathy", json!({}), 400, "invalid_credentials"),
        ("/token?grant_type=password", json!({"password": "x"}), 400, "validation_failed"),
        (
            "/token?grant_type=password",
            json!({"email": "a@b.c", "phone": "1", "password": "x"}),
            400,
            "validation_failed",
        ),
        ("/token?grant_type=password", json!({"phone": "15550100", "password": "x"}), 422, "phone_provider_disabled"),
    ] {
        assert_error(&service.post(path, body).await, status, code);
    }
    assert_eq!(service.post("/token", json!({})).await.json()["msg"], "unsupported_grant_type");
}
