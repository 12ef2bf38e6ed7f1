//! Bodies that are no JSON, too large, of wrong types, with characters that cannot be stored: never a 500,
//! never a change.

use auth::Settings;
use base::http::RequestId;
use http::Method;
use serde_json::json;
use testkit::{Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

fn routes() -> [(Method, &'static str); 5] {
    [
        (Method::POST, "/signup"),
        (Method::POST, "/token?grant_type=password"),
        (Method::POST, "/token?grant_type=refresh_token"),
        (Method::POST, "/admin/users"),
        (Method::PUT, "/user"),
    ]
}

#[tokio::test]
async fn bodies_that_are_not_the_expected_json_are_400() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let before: String = service.db.value("select users::text from auth.users").await;
    for (method, path) in routes() {
        let token = if path.starts_with("/admin") {
            project::service_token()
        } else {
            text(&session, "access_token").to_owned()
        };
        for body in [
            &b""[..],
            b"   ",
            b"{",
            b"[]",
            b"\"text\"",
            b"{\"email\": 1, \"refresh_token\": 1}",
            b"{\"email\": {}, \"refresh_token\": []}",
            b"{\"email\": \"\xff\xfe\"}",
            b"{\"email\": \"\\ud800\"}",
            b"{\"email\": \"a@b.c\", \"refresh_token\": 1e999}",
        ] {
            let call = Call::new(method.clone(), path).bearer(&token).body(body.to_vec());
            assert_error(&service.send(call).await, 400, "bad_json");
        }
        // Deep nesting must not take the stack.
        let deep = format!("{{\"data\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_error(&service.send(Call::new(method, path).bearer(&token).body(deep)).await, 400, "bad_json");
    }
    let after: String = service.db.value("select users::text from auth.users").await;
    assert_eq!(before, after);
}

/// What is stored can be read again, wherever it stands.
#[tokio::test]
async fn data_is_not_nested_deeper_than_what_can_be_read_again() {
    let service = Service::with(Settings { mailer_autoconfirm: false, ..Settings::default() }).await;
    let deep = |levels: usize| {
        let data = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        serde_json::from_str::<serde_json::Value>(&format!("{{\"a\": {data}}}")).expect("JSON")
    };
    for (path, email) in [("/signup", "john@example.com"), ("/otp", "jane@example.com")] {
        let call = |levels| json!({"email": email, "password": PASSWORD, "data": deep(levels)});
        assert_error(&service.post(path, call(100)).await, 400, "bad_json");
        assert_eq!(service.count("auth.users").await, i64::from(path == "/otp"));
        let answer = service.post(path, call(99)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    service.db.sql("update auth.users set email_confirmed_at = now()").await;
    let session = service.sign_in("john@example.com", PASSWORD).await.json();
    let token = text(&session, "access_token");
    assert_error(&service.change(token, json!({"data": {"b": deep(99)}})).await, 400, "bad_json");
    assert_eq!(service.change(token, json!({"data": {"b": deep(98)["a"]}})).await.status, 200);
    let admin = project::service_token();
    for path in ["/admin/users", "/admin/audit"] {
        let answer = service.send(Call::get(path).bearer(&admin)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}

/// Behaviour 129: large bodies are 413, none is 400 except for deletes.
#[tokio::test]
async fn a_body_over_one_mebibyte_is_413() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let large = json!({"email": "a@b.c", "password": PASSWORD, "data": {"x": "x".repeat(2 << 20)}}).to_string();
    for (method, path) in routes() {
        let token = if path.starts_with("/admin") {
            project::service_token()
        } else {
            text(&session, "access_token").to_owned()
        };
        let answer = service.send(Call::new(method, path).bearer(&token).body(large.clone())).await;
        assert_error(&answer, 413, "request_entity_too_large");
    }
    let fits = json!({"email": "a@b.c", "password": PASSWORD, "data": {"x": "x".repeat(1 << 19)}});
    assert_eq!(service.post("/signup", fits).await.status, 200);
}

#[tokio::test]
async fn nul_characters_are_400_everywhere() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let (user, admin) = (text(&session, "access_token").to_owned(), project::service_token());
    for call in [
        Call::post("/signup", &json!({"email": "a\0@b.c", "password": PASSWORD})),
        Call::post("/signup", &json!({"email": "a@b.c", "password": "correct\0horse"})),
        Call::post("/signup", &json!({"email": "a@b.c", "password": PASSWORD, "data": {"a": ["\0"]}})),
        Call::post("/token?grant_type=password", &json!({"email": "\0", "password": "x"})),
        Call::post("/token?grant_type=refresh_token", &json!({"refresh_token": "abcdefghij\0k"})),
        Call::new(Method::PUT, "/user").bearer(&user).json(&json!({"data": {"\0": 1}})),
        Call::post("/admin/users", &json!({"email": "a@b.c", "role": "\0"})).bearer(&admin),
        Call::get("/admin/users?filter=%00").bearer(&admin),
        Call::new(Method::POST, "/logout?scope=%00").bearer(&user),
    ] {
        assert_error(&service.send(call).await, 400, "validation_failed");
    }
}

#[tokio::test]
async fn an_audience_that_no_row_holds_is_400() {
    let service = Service::with(Settings { anonymous_enabled: true, ..Settings::default() }).await;
    for (length, status) in [(255, 200), (256, 400)] {
        for (path, body) in [
            ("/signup", json!({"email": format!("a{length}@b.c"), "password": PASSWORD})),
            ("/signup", json!({})),
            ("/otp", json!({"email": format!("b{length}@b.c")})),
        ] {
            let answer = service.send(Call::post(path, &body).header("X-JWT-AUD", &"a".repeat(length))).await;
            assert_eq!(answer.status, status, "{path} {length}: {}", answer.text());
            if status == 400 {
                assert_error(&answer, 400, "validation_failed");
            }
        }
    }
}

#[tokio::test]
async fn sql_in_any_text_is_text() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let admin = project::service_token();
    let evil = "'; drop table auth.users; --";
    service.sign_in(evil, evil).await;
    service.refresh(evil).await;
    let data = json!({"data": {evil: evil}});
    let call = Call::new(Method::PUT, "/user").bearer(text(&session, "access_token")).json(&data);
    assert_eq!(service.send(call).await.json()["user_metadata"][evil], evil);
    for path in ["/admin/users?filter=%27%3B%20drop%20table%20auth.users%3B--", "/admin/users?filter=%25%5C"] {
        let answer = service.send(Call::get(path).bearer(&admin)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let answer = service.send(Call::get("/admin/users?sort=created_at%3B%20drop%20table%20x").bearer(&admin)).await;
    assert_error(&answer, 400, "validation_failed");
    let call = Call::post("/signup", &json!({"email": "a@b.c", "password": PASSWORD})).header("X-JWT-AUD", evil);
    assert_eq!(service.send(call).await.json()["user"]["aud"], evil);
}

#[tokio::test]
async fn markup_is_escaped_as_go_does() {
    let service = Service::new().await;
    let answer =
        service.post("/signup", json!({"email": "a@b.c", "password": PASSWORD, "data": {"x": "<a> & \u{2028}"}})).await;
    assert!(answer.text().contains(r#""x":"\u003ca\u003e \u0026 \u2028""#), "{}", answer.text());
    assert_eq!(answer.json()["user"]["user_metadata"]["x"], "<a> & \u{2028}");
}

#[tokio::test]
async fn server_errors_carry_the_request_id() {
    let service = Service::new().await;
    service.db.sql("alter table auth.users rename to gone").await;
    let call = Call::post("/token?grant_type=password", &json!({"email": "a@b.c", "password": "x"}));
    let answer = service.send(call.extension(RequestId("id-7".into()))).await;
    assert_error(&answer, 500, "unexpected_failure");
    assert_eq!(answer.json()["error_id"], "id-7");
    assert!(!answer.text().contains("relation"), "{}", answer.text());
}

/// What does not fit into its column is said to, and not by the database.
#[tokio::test]
async fn names_and_hashes_that_are_too_long_are_400() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let path = format!("/admin/users/{}", text(&session["user"], "id"));
    let long = "x".repeat(300);
    for body in [
        json!({"email": "a@b.c", "role": long}),
        json!({"email": "a@b.c", "aud": long}),
        json!({"email": "a@b.c", "password_hash": format!("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ${}", "A".repeat(5000))}),
    ] {
        assert_error(&service.admin_post("/admin/users", body).await, 400, "validation_failed");
    }
    let update = Call::new(Method::PUT, &path).bearer(&project::service_token()).json(&json!({"role": long}));
    assert_error(&service.send(update).await, 400, "validation_failed");
    let factor = json!({"factor_type": "totp", "friendly_name": "x".repeat(9000)});
    let enroll = Call::post("/factors", &factor).bearer(text(&session, "access_token"));
    assert_error(&service.send(enroll).await, 400, "validation_failed");
    let blank = Call::new(Method::PUT, &path).bearer(&project::service_token()).json(&json!({"role": " "}));
    assert_eq!(service.send(blank).await.json()["role"], "authenticated", "an empty role changes nothing");
}

/// PostgreSQL has times that no clock shows. A row with one keeps nobody from reading it or those beside it.
#[tokio::test]
async fn rows_with_infinite_times_can_be_read() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let id = text(&session["user"], "id").to_owned();
    service.sign_up("jane@example.com").await;
    service
        .db
        .sql(
            "update auth.users set created_at = 'infinity', updated_at = '-infinity', last_sign_in_at = 'infinity',
               recovery_sent_at = '20000-01-01', email_confirmed_at = '-infinity' where email like 'john%';
             update auth.identities set created_at = 'infinity', updated_at = '-infinity', last_sign_in_at = 'infinity';
             update auth.sessions set created_at = '-infinity', updated_at = 'infinity', refreshed_at = 'infinity';
             update auth.audit_log_entries set created_at = 'infinity'",
        )
        .await;
    assert_eq!(service.user(text(&session, "access_token")).await.status, 200);
    let admin = async |path: &str| service.send(Call::get(path).bearer(&project::service_token())).await;
    let user = admin(&format!("/admin/users/{id}")).await;
    assert_eq!(
        (user.status.as_u16(), user.json()["created_at"].clone()),
        (200, json!("9999-12-30T22:00:00.999999999Z"))
    );
    for path in
        ["/admin/users", "/admin/users?limit=1&cursor=", "/admin/audit", &*format!("/admin/users/{id}/sessions")]
    {
        let answer = admin(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}
