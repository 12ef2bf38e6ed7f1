//! Signing in and out, CSRF, expiry, and passwords that must change.

use dashboard::operators::{self, Role};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::json;
use testkit::Call;

use crate::console::{Browser, Console, EMAIL, PASSWORD, refused};

#[tokio::test]
async fn a_log_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    let answer = console.login(" ANN@example.com ", PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("vestibule_operator="), "{cookie}");
    assert!(cookie.ends_with("; Path=/dashboard; Max-Age=604800; HttpOnly; SameSite=Strict"), "{cookie}");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.json();
    assert_eq!(body["operator"]["email"], EMAIL);
    assert_eq!(body["operator"]["role"], "owner");
    assert_eq!(body["operator"]["must_change_password"], false);
    let browser = Browser::new(&console, &answer);
    assert_eq!(browser.read("/session").await, body);
    let stored: Vec<u8> = console.db.value("select token_hash from vestibule.operator_sessions").await;
    assert!(!browser.cookie.as_bytes().windows(stored.len()).any(|part| part == stored));
}

#[tokio::test]
async fn behind_https_the_cookie_is_secure() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    let answer = Call::post("/dashboard/api/login", &json!({"email": EMAIL, "password": PASSWORD}))
        .header("x-forwarded-proto", "https")
        .send(&console.router)
        .await;
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{}", answer.header("set-cookie"));
}

#[tokio::test]
async fn wrong_passwords_and_unknown_addresses_look_the_same() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    let wrong = console.login(EMAIL, "wrong horse battery").await;
    let unknown = console.login("nobody@example.com", PASSWORD).await;
    refused(&wrong, 401, "invalid_credentials");
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(wrong.header("set-cookie"), "");
    console.db.sql("update vestibule.operators set disabled_at = now()").await;
    assert_eq!(console.login(EMAIL, PASSWORD).await.body, wrong.body);
}

#[tokio::test]
async fn a_log_in_from_another_site_is_refused() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    let login = |name: &'static str, value: &'static str| {
        Call::post("/dashboard/api/login", &json!({"email": EMAIL, "password": PASSWORD})).header(name, value)
    };
    let other = login("sec-fetch-site", "cross-site").send(&console.router).await;
    refused(&other, 403, "cross_site_request");
    let other = login("origin", "https://evil.example").header("host", "console.example").send(&console.router).await;
    refused(&other, 403, "cross_site_request");
    let form = Call::new(Method::POST, "/dashboard/api/login")
        .header("content-type", "text/plain")
        .body(json!({"email": EMAIL, "password": PASSWORD}).to_string())
        .send(&console.router)
        .await;
    refused(&form, 415, "unsupported_media_type");
}

#[tokio::test]
async fn whatever_changes_something_needs_the_csrf_token() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let other = Browser::new(&console, &console.login(EMAIL, PASSWORD).await);
    for (method, path) in [
        (Method::POST, "/logout"),
        (Method::POST, "/password"),
        (Method::POST, "/users"),
        (Method::PATCH, "/users/11111111-1111-1111-1111-111111111111"),
        (Method::DELETE, "/users/11111111-1111-1111-1111-111111111111"),
        (Method::POST, "/tables/public/t/rows"),
        (Method::PATCH, "/tables/public/t/rows"),
        (Method::DELETE, "/tables/public/t/rows"),
        (Method::POST, "/sql"),
        (Method::POST, "/sql/check"),
    ] {
        for token in ["", "wrong", &other.csrf] {
            let call =
                browser.call(method.clone(), path).header("x-csrf-token", token).json(&json!({"query": "select 1"}));
            refused(&call.send(&console.router).await, 403, "csrf_failed");
        }
    }
    let form = |token: &str| {
        let body = format!("query=select%201&csrf_token={token}");
        browser
            .call(Method::POST, "/sql/export.csv")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
    };
    refused(&form(&other.csrf).send(&console.router).await, 403, "csrf_failed");
    refused(&form("").header("x-csrf-token", &browser.csrf).send(&console.router).await, 403, "csrf_failed");
    assert_eq!(form(&browser.csrf).send(&console.router).await.status, 200);
}

#[tokio::test]
async fn without_a_session_everything_is_refused() {
    let console = Console::new().await;
    for cookie in
        ["", "vestibule_operator=", "vestibule_operator=AAAA", &format!("vestibule_operator={}", "A".repeat(43))]
    {
        for path in ["/session", "/project", "/users", "/users/export.csv", "/schemas", "/tables/auth/users/rows"] {
            let call = Call::get(&format!("/dashboard/api{path}")).header("cookie", cookie);
            refused(&call.send(&console.router).await, 401, "not_signed_in");
        }
    }
}

#[tokio::test]
async fn logging_out_ends_the_session_on_the_server() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let answer = browser.post("/logout", &json!({})).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("set-cookie").starts_with("vestibule_operator=; Path=/dashboard; Max-Age=0"));
    refused(&browser.get("/session").await, 401, "not_signed_in");
}

#[tokio::test]
async fn sessions_end_when_idle_and_at_their_full_age() {
    let console = Console::new().await;
    let browser = console.owner().await;
    console.pass(12 * 3600 - 1);
    assert_eq!(browser.get("/session").await.status, 200);
    console.pass(12 * 3600 + 1);
    refused(&browser.get("/session").await, 401, "not_signed_in");

    let browser = Browser::new(&console, &console.login(EMAIL, PASSWORD).await);
    for _ in 0..15 {
        console.pass(11 * 3600);
        assert_eq!(browser.get("/session").await.status, 200);
    }
    console.pass(4 * 3600);
    refused(&browser.get("/session").await, 401, "not_signed_in");
}

#[tokio::test]
async fn the_first_operator_must_choose_a_password() {
    let console = Console::new().await;
    let random = base::Random::system();
    let first = operators::ensure_first(&console.administrator, &console.clock, &random).await.unwrap().unwrap();
    assert!(operators::ensure_first(&console.administrator, &console.clock, &random).await.unwrap().is_none());
    assert!(operators::still_pending(&console.administrator).await.unwrap());

    let one_time = first.password.expose_secret();
    let answer = console.login(&first.email, one_time).await;
    assert_eq!(answer.json()["operator"]["must_change_password"], true);
    let browser = Browser::new(&console, &answer);
    refused(&browser.get("/users").await, 403, "password_change_required");
    refused(&browser.sql("select 1").await, 403, "password_change_required");
    assert_eq!(browser.get("/session").await.status, 200);

    let change = async |current: &str, new: &str| {
        browser.post("/password", &json!({"current_password": current, "new_password": new})).await
    };
    refused(&change("wrong", "a new long password").await, 401, "invalid_credentials");
    refused(&change(one_time, "short").await, 422, "weak_password");
    refused(&change(one_time, one_time).await, 422, "weak_password");
    let other = Browser::new(&console, &console.login(&first.email, one_time).await);
    let answer = change(one_time, "a new long password").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["operator"]["must_change_password"], false);

    refused(&other.get("/session").await, 401, "not_signed_in");
    refused(&browser.get("/session").await, 401, "not_signed_in");
    assert_eq!(Browser::new(&console, &answer).get("/users").await.status, 200);
    assert!(!operators::still_pending(&console.administrator).await.unwrap());
    refused(&console.login(&first.email, one_time).await, 401, "invalid_credentials");
}

#[tokio::test]
async fn requests_that_cannot_be_read_are_answered_in_the_same_form() {
    let console = Console::new().await;
    let browser = console.owner().await;
    refused(&browser.get("/nothing").await, 404, "not_found");
    refused(&browser.get("/users/not-an-id").await, 404, "not_found");
    refused(&browser.call(Method::PUT, "/users").send(&console.router).await, 405, "method_not_allowed");
    for body in ["", "{", "[]", "{\"query\": 1}", "{\"query\": \"select 1\", \"other\": 1}", "\u{fffd}"] {
        let call = browser.call(Method::POST, "/sql").header("x-csrf-token", &browser.csrf);
        let answer = call.header("content-type", "application/json").body(body).send(&console.router).await;
        refused(&answer, 400, "invalid_request");
    }
    let call = browser.call(Method::POST, "/sql").header("x-csrf-token", &browser.csrf);
    let big = call.header("content-type", "application/json").body("x".repeat(3 << 20)).send(&console.router).await;
    refused(&big, 413, "body_too_large");
    for path in ["/users?limit=0", "/users?limit=x", "/users?cursor=%25", "/users?search=%ff", "/users?limit=1&limit=2"]
    {
        refused(&browser.get(path).await, 400, "invalid_request");
    }
}
