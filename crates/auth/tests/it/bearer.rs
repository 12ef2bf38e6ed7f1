//! Tokens that are wrong, old, forged, of nobody.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use testkit::{Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

fn unsigned(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

#[tokio::test]
async fn bad_tokens_are_refused_with_the_codes_of_the_reference() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id").to_owned();
    let good = text(&session, "access_token");
    let now = service.clock.unix_seconds();
    let forged = {
        let (start, _) = good.rsplit_once('.').unwrap();
        format!("{start}.{}", URL_SAFE_NO_PAD.encode([7; 64]))
    };
    let keyring = testkit::keyring();
    for (token, status, code) in [
        ("nonsense".to_owned(), 403, "bad_jwt"),
        (forged, 403, "bad_jwt"),
        (unsigned(&json!({"sub": id, "role": "service_role", "exp": now + 60})), 403, "bad_jwt"),
        (keyring.sign(&json!({"sub": id, "exp": now - 1})), 403, "bad_jwt"),
        (keyring.sign(&json!({"sub": id, "exp": now + 60, "nbf": now + 30})), 403, "bad_jwt"),
        (keyring.sign(&json!({"sub": id, "exp": "soon"})), 403, "bad_jwt"),
        (project::token(json!({"role": "authenticated"})), 403, "bad_jwt"),
        (project::token(json!({"role": "anon"})), 403, "bad_jwt"),
        (project::token(json!({"sub": "42"})), 400, "bad_jwt"),
        (project::token(json!({"sub": id, "role": 5})), 403, "bad_jwt"),
        (project::token(json!({"sub": id, "role": ["service_role"]})), 403, "bad_jwt"),
        (project::token(json!({"sub": id, "user_metadata": "x"})), 403, "bad_jwt"),
        (project::token(json!({"sub": id, "is_anonymous": "no"})), 403, "bad_jwt"),
        (project::token(json!({"sub": id, "amr": [5]})), 403, "bad_jwt"),
        (project::user_token("5e9d4d6e-0000-4000-8000-000000000000"), 403, "user_not_found"),
        (project::token(json!({"sub": id, "session_id": "x"})), 403, "bad_jwt"),
        (
            project::token(json!({"sub": id, "session_id": "5e9d4d6e-0000-4000-8000-000000000000"})),
            403,
            "session_not_found",
        ),
    ] {
        assert_error(&service.user(&token).await, status, code);
        assert_error(&service.send(Call::new(Method::POST, "/logout").bearer(&token)).await, status, code);
    }
    let message = service.user("nonsense").await.json()["msg"].clone();
    assert!(message.as_str().unwrap().starts_with("invalid JWT: unable to parse or verify signature, "), "{message}");
}

/// Behaviour 31: tokens without `exp` are valid.
///
/// And a session of the nil uuid is none.
#[tokio::test]
async fn tokens_without_expiry_or_session_pass() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id");
    let nil = "00000000-0000-0000-0000-000000000000";
    for claims in [
        json!({"sub": id, "aud": "authenticated"}),
        json!({"sub": id, "aud": ["authenticated", "other"], "session_id": nil}),
        json!({"sub": id, "aud": "authenticated", "session_id": "", "iat": service.clock.unix_seconds() + 100}),
    ] {
        let answer = service.user(&testkit::keyring().sign(&claims)).await;
        assert_eq!(answer.status, 200, "{claims}: {}", answer.text());
    }
}

/// Behaviour 29: a session belongs to its user.
#[tokio::test]
async fn somebody_elses_session_is_no_session() {
    let service = Service::new().await;
    let john = service.sign_up("john@example.com").await;
    service.sign_up("jane@example.com").await;
    let session: String = service
        .db
        .value("select s.id::text from auth.sessions s join auth.users u on u.id = s.user_id where email like 'jane%'")
        .await;
    let token = project::token(json!({"sub": john["user"]["id"], "session_id": session}));
    assert_error(&service.user(&token).await, 403, "session_not_found");
}

/// Behaviour 102: the scheme has any case and one space.
#[tokio::test]
async fn the_authorization_header_has_one_form() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let token = text(&session, "access_token");
    for (value, status) in [
        (format!("bearer {token}"), 200),
        (format!("BEARER {token}"), 200),
        (format!("Bearer  {token}"), 401),
        (format!("Basic {token}"), 401),
        (token.to_owned(), 401),
        (String::new(), 401),
    ] {
        let answer = service.send(Call::get("/user").header("authorization", &value)).await;
        assert_eq!(answer.status, status, "{value}");
    }
    assert_error(&service.send(Call::get("/user")).await, 401, "no_authorization");
}

/// Behaviour 108: a ban counts at once and at refresh, and ends no session.
#[tokio::test]
async fn a_ban_counts_at_once() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set banned_until = now() + interval '1 hour'").await;
    assert_error(&service.user(text(&session, "access_token")).await, 403, "user_banned");
    service.advance(3700);
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
}

/// Behaviour 30: administrators who are users need a valid session; service tokens need none.
#[tokio::test]
async fn administrators_need_the_role_and_a_valid_session_if_any() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let list = |token: String| service.send(Call::get("/admin/users").bearer(&token));
    assert_error(&service.send(Call::get("/admin/users")).await, 401, "no_authorization");
    assert_error(&list(text(&session, "access_token").to_owned()).await, 403, "not_admin");
    assert_error(&list(project::token(json!({"role": "anon"}))).await, 403, "not_admin");
    assert_error(&list(project::token(json!({"sub": "x"}))).await, 403, "not_admin");
    assert_error(&list(unsigned(&json!({"role": "service_role"}))).await, 403, "bad_jwt");
    assert_eq!(list(project::service_token()).await.status, 200);
    assert_eq!(list(project::token(json!({"role": "supabase_admin"}))).await.status, 200);
    let mut claims = json!({"role": "service_role", "sub": session["user"]["id"]});
    claims["session_id"] =
        service.db.query("select id::text from auth.sessions", &[]).await[0].get::<_, String>(0).into();
    assert_eq!(list(project::token(claims.clone())).await.status, 200);
    service.db.sql("update auth.sessions set not_after = '2000-01-01'").await;
    assert_error(&list(project::token(claims.clone())).await, 403, "session_expired");
    service.db.sql("delete from auth.sessions").await;
    assert_error(&list(project::token(claims.clone())).await, 403, "session_not_found");
    claims["sub"] = json!("5e9d4d6e-0000-4000-8000-000000000000");
    assert_error(&list(project::token(claims)).await, 403, "user_not_found");
}
