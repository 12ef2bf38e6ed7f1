//! Answers of hooks that are not as they should be: none of them counts as consent.

use auth::{HookName, Settings};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

use crate::hooks::{server, service, with_function};
use crate::support::{PASSWORD, Service, assert_error};

fn saying(output: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(output)
}

async fn over_http(name: HookName, template: ResponseTemplate) -> (Service, MockServer) {
    let server = server(template).await;
    (service(Settings::default(), &[(name, &server.uri())]).await, server)
}

/// Says something else from now on.
async fn turn(server: &MockServer, template: ResponseTemplate) {
    server.reset().await;
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(template).mount(server).await;
}

/// Makes the function say something else from now on.
async fn replace(service: &Service, output: &str) {
    let sql = format!(
        "create or replace function public.hook(event jsonb) returns jsonb language sql as $$ select {output} $$"
    );
    service.db.sql(&sql).await;
}

async fn sign_up(service: &Service, email: &str) -> testkit::Answer {
    service.post("/signup", json!({"email": email, "password": PASSWORD})).await
}

#[tokio::test]
async fn errors_of_odd_types_refuse() {
    let (service, server) = over_http(HookName::BeforeUserCreated, saying(&json!({}))).await;
    let function = with_function(Settings::default(), HookName::BeforeUserCreated, "'{}'::jsonb").await;
    for (output, status) in [
        (json!({"error": {"http_code": "403", "message": "no"}}), 403),
        (json!({"error": {"http_code": 403.0, "message": "no"}}), 403),
        (json!({"error": {"http_code": 70000, "message": "no"}}), 500),
        (json!({"error": {"http_code": -1, "message": "no"}}), 500),
        (json!({"error": {"http_code": null, "message": "no"}}), 500),
        (json!({"error": "no"}), 500),
        (json!({"error": {"http_code": 403, "message": 5}}), 500),
        (json!("no"), 500),
    ] {
        turn(&server, saying(&output)).await;
        assert_eq!(sign_up(&service, "a@b.c").await.status, status, "{output}");
        replace(&function, &format!("'{output}'::jsonb")).await;
        assert_eq!(sign_up(&function, "a@b.c").await.status, status, "{output}");
    }
    assert_eq!((service.count("auth.users").await, function.count("auth.users").await), (0, 0));
    for output in [json!({"error": {}}), json!({"error": {"http_code": 403}}), json!({"error": null}), json!(null)] {
        turn(&server, saying(&output)).await;
        assert_eq!(sign_up(&service, "a@b.c").await.status, 200, "{output}");
        service.db.sql("delete from auth.users").await;
    }
}

#[tokio::test]
async fn who_decides_nothing_lets_pass() {
    let (service, server) = over_http(HookName::PasswordVerificationAttempt, ResponseTemplate::new(204)).await;
    service.sign_up("john@example.com").await;
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
    for output in [
        json!(null),
        json!({}),
        json!({"decision": null}),
        json!({"decision": ""}),
        json!({"decision": "continue", "message": null, "should_logout_user": null}),
    ] {
        turn(&server, saying(&output)).await;
        assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200, "{output}");
    }
    let function = with_function(Settings::default(), HookName::PasswordVerificationAttempt, "null").await;
    function.sign_up("john@example.com").await;
    assert_eq!(function.sign_in("john@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn what_is_no_decision_lets_nobody_pass() {
    let (service, server) = over_http(HookName::PasswordVerificationAttempt, ResponseTemplate::new(204)).await;
    service.sign_up("john@example.com").await;
    for output in [
        json!([]),
        json!([null, null, null]),
        json!(5),
        json!("continue"),
        json!({"decision": 5}),
        json!({"decision": ["continue"]}),
        json!({"decision": {"continue": null}}),
        json!({"decision": "deny"}),
        json!({"decision": "Reject"}),
        json!({"decision": "continue", "message": 5}),
        json!({"decision": "reject", "should_logout_user": "yes"}),
    ] {
        turn(&server, saying(&output)).await;
        let answer = service.sign_in("john@example.com", PASSWORD).await;
        assert_eq!(answer.status, 500, "{output}");
        assert_error(&answer, 500, "unexpected_failure");
    }
    assert_eq!(service.count("auth.sessions").await, 1, "that of the sign-up");
}

/// A hook is where it was configured to be: what it is told goes nowhere else, and nobody else answers for it.
#[tokio::test]
async fn redirections_are_not_followed() {
    let other = server(saying(&json!({}))).await;
    let (service, server) = over_http(HookName::BeforeUserCreated, saying(&json!({}))).await;
    for status in [301, 302, 303, 307, 308] {
        turn(&server, ResponseTemplate::new(status).insert_header("location", &*other.uri())).await;
        assert_error(&sign_up(&service, "a@b.c").await, 500, "unexpected_failure");
    }
    assert_eq!(service.count("auth.users").await, 0);
    assert!(other.received_requests().await.expect("requests are recorded").is_empty());
}
