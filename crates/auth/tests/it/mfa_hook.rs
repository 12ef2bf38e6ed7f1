//! The hook that is told of attempts at second factors.

use std::sync::Arc;

use auth::{HookName, MfaSettings, Settings};
use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::authenticator::{App, answer, challenge, post};
use crate::hooks::{event, service, told, with_function};
use crate::support::{PASSWORD, Service, assert_error, text};

const HOOK: HookName = HookName::MfaVerificationAttempt;

/// Behaviour 26: the hook of second factors that rejects ends all sessions.
/// Behaviour 136: what a hook in the database writes goes with what it was asked about.
#[tokio::test]
async fn a_function_rejects_what_is_wrong_and_ends_all_sessions() {
    let output = r#"jsonb_build_object(
        'decision', case when (event ->> 'valid')::bool then 'continue' else 'reject' end, 'message', 'enough')"#;
    let service = with_function(Settings::default(), HOOK, output).await;
    let app = App::verified(&service, "john@example.com").await;
    let attempt = event(&service).await;
    assert_eq!(attempt["metadata"]["name"], "mfa-verification");
    assert_eq!((&attempt["factor_type"], &attempt["valid"]), (&json!("totp"), &json!(true)));
    assert_eq!((&attempt["factor_id"], &attempt["user_id"]), (&json!(app.factor), &app.session["user"]["id"]));
    service.sign_in("john@example.com", PASSWORD).await;
    service.sign_up("jane@example.com").await;
    assert_eq!(service.count("auth.sessions").await, 3);
    let asked = challenge(&service, &app.session, &app.factor).await;
    let rejected = answer(&service, &app.session, &app.factor, &asked, "wrong").await;
    assert_error(&rejected, 403, "mfa_verification_rejected");
    assert_eq!(rejected.json()["msg"], "enough");
    assert_eq!(service.count("auth.sessions").await, 1, "that of the other user");
    // What the hook writes stays although the attempt fails.
    assert_eq!(event(&service).await["valid"], false);
    assert_error(&service.user(text(&app.session, "access_token")).await, 403, "session_not_found");
}

#[tokio::test]
async fn a_code_that_was_used_is_told_as_wrong() {
    let service = with_function(Settings::default(), HOOK, r#"'{"decision": "continue"}'::jsonb"#).await;
    let app = App::verified(&service, "john@example.com").await;
    assert_error(&app.step_up(&service, &app.session).await, 422, "mfa_verification_failed");
    assert_eq!((event(&service).await["valid"].clone(), service.count("public.calls").await), (json!(false), 2));
    // Of a challenge that cannot be answered there is nothing to tell.
    let nil = "00000000-0000-0000-0000-000000000000";
    answer(&service, &app.session, &app.factor, nil, "123456").await;
    assert_eq!(service.count("public.calls").await, 2);
}

#[tokio::test]
async fn recovery_codes_are_not_its_business() {
    let service = with_function(Settings::default(), HOOK, r#"'{"decision": "continue"}'::jsonb"#).await;
    let app = App::verified(&service, "john@example.com").await;
    let made = post(&service, &app.session, "/factors/recovery-codes", json!({})).await.json();
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    let verify = post(&service, &low, "/factors/recovery-codes/verify", json!({"code": made["codes"][0]})).await;
    assert_eq!(verify.status, 200, "{}", verify.text());
    assert_eq!(service.count("public.calls").await, 1);
}

/// A user with a phone, whose codes a hook over HTTP sends and whose attempts another one decides on.
async fn with_phone(decision: Value) -> (Service, Arc<MockServer>, Value, String) {
    let server = Arc::new(MockServer::start().await);
    Mock::given(matchers::path("/sms")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let decided = ResponseTemplate::new(200).set_body_json(decision);
    Mock::given(matchers::path("/mfa")).respond_with(decided).mount(&server).await;
    let (sms, mfa) = (format!("{}/sms", server.uri()), format!("{}/mfa", server.uri()));
    let settings = MfaSettings { phone_enroll_enabled: true, phone_verify_enabled: true, ..MfaSettings::default() };
    let settings = Settings { mfa: settings, ..Settings::default() };
    let service = service(settings, &[(HookName::SendSms, &sms), (HOOK, &mfa)]).await;
    let session = service.sign_up("john@example.com").await;
    let body = json!({"factor_type": "phone", "friendly_name": "mine", "phone": "15550100"});
    let factor = text(&post(&service, &session, "/factors", body).await.json(), "id").to_owned();
    (service, server, session, factor)
}

/// Behaviour 26: the hook of second factors that rejects ends all sessions.
#[tokio::test]
async fn over_http_a_right_code_may_be_rejected_too() {
    let (service, server, session, factor) = with_phone(json!({"decision": "reject"})).await;
    let asked = challenge(&service, &session, &factor).await;
    let code = told(&server).await["sms"]["otp"].clone();
    let rejected = answer(&service, &session, &factor, &asked, code.as_str().expect("text")).await;
    assert_error(&rejected, 403, "mfa_verification_rejected");
    assert!(!text(&rejected.json(), "msg").is_empty());
    let attempt = told(&server).await;
    assert_eq!((&attempt["factor_type"], &attempt["valid"]), (&json!("phone"), &json!(true)));
    assert_eq!(service.count("auth.sessions").await, 0);
    assert_eq!(service.count("auth.mfa_factors where status = 'verified'").await, 0);
}

#[tokio::test]
async fn a_hook_that_fails_lets_nobody_pass() {
    let fault = json!({"error": {"http_code": 503, "message": "out of order"}});
    let (service, server, session, factor) = with_phone(fault).await;
    let asked = challenge(&service, &session, &factor).await;
    let code = told(&server).await["sms"]["otp"].clone();
    let failed = answer(&service, &session, &factor, &asked, code.as_str().expect("text")).await;
    assert_eq!((failed.status.as_u16(), &failed.json()["msg"]), (503, &json!("out of order")));
    assert_eq!(service.count("auth.sessions where aal = 'aal1'").await, 1, "nobody is signed out either");
}
