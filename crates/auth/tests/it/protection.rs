//! Captchas, passwords known from leaks, and addresses without a reader.

use std::io::Write;
use std::time::Duration;

use auth::{Protection, ProtectionSettings, Settings};
use authkit::breached::{Breached, Offline};
use authkit::captcha::{Captcha, Judge};
use http::Method;
use serde_json::{Value, json};
use testkit::{Call, NameServer, Zone, project};
use wiremock::matchers::{body_string_contains, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{PASSWORD, Service, assert_error, text};

/// A service with a captcha whose only good token is `good`.
async fn guarded() -> (MockServer, Service) {
    let server = MockServer::start().await;
    let good = Mock::given(method("POST")).and(body_string_contains("response=good"));
    good.respond_with(ResponseTemplate::new(200).set_body_json(json!({"success": true}))).mount(&server).await;
    let verdict = json!({"success": false, "error-codes": ["invalid-input-response"]});
    let others = Mock::given(method("POST")).respond_with(ResponseTemplate::new(200).set_body_json(verdict));
    others.mount(&server).await;
    let service = Service::protected(Settings::default(), captcha(server.uri())).await;
    (server, service)
}

fn captcha(url: String) -> Protection {
    let client = authkit::outbound::client().expect("a client");
    let captcha =
        Captcha { client, judge: Judge::HCaptcha, secret: "0x1".into(), timeout: Duration::from_secs(5), url };
    Protection { captcha: Some(captcha), ..Protection::default() }
}

fn with_token(mut body: Value, token: &str) -> Value {
    body["gotrue_meta_security"] = json!({"captcha_token": token});
    body
}

#[tokio::test]
async fn visitors_pass_with_a_good_token_only() {
    let (_server, service) = guarded().await;
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    for path in ["/signup", "/recover", "/token?grant_type=password"] {
        assert_error(&service.post(path, body.clone()).await, 400, "captcha_failed");
        let bad = service.post(path, with_token(body.clone(), "bad")).await;
        assert_error(&bad, 400, "captcha_failed");
        assert!(text(&bad.json(), "msg").contains("invalid-input-response"));
        let good = service.post(path, with_token(body.clone(), "good")).await;
        assert_eq!(good.status, 200, "{path}: {}", good.text());
    }
}

/// Behaviour 33: an administrator's token lets pass, no other one does.
#[tokio::test]
async fn refreshes_verification_and_administrators_need_no_token() {
    let (server, service) = guarded().await;
    let body = with_token(json!({"email": "john@example.com", "password": PASSWORD}), "good");
    let session = service.post("/signup", body).await.json();
    assert_eq!(service.refresh(text(&session, "refresh_token")).await.status, 200);
    let asked = server.received_requests().await.expect("recorded").len();
    let recover = json!({"email": "john@example.com"});
    let by_admin = Call::post("/recover", &recover).bearer(&project::service_token());
    assert_eq!(service.send(by_admin).await.status, 200);
    let by_user = Call::post("/recover", &recover).bearer(text(&session, "access_token"));
    assert_error(&service.send(by_user).await, 400, "captcha_failed");
    let verify = json!({"type": "email", "email": "john@example.com", "token": "000000"});
    assert_error(&service.post("/verify", verify).await, 403, "otp_expired");
    assert_eq!(server.received_requests().await.expect("recorded").len(), asked, "the judge was not asked");
}

#[tokio::test]
async fn a_judge_that_is_away_is_our_error_and_bodies_stay_checked() {
    let service = Service::protected(Settings::default(), captcha("http://127.0.0.1:1/".to_owned())).await;
    let body = with_token(json!({"email": "john@example.com"}), "good");
    assert_error(&service.post("/recover", body).await, 500, "unexpected_failure");
    let huge = Call::new(Method::POST, "/recover").body("x".repeat((1 << 20) + 1));
    assert_error(&service.send(huge).await, 413, "request_entity_too_large");
}

/// The SHA-1 of [`PASSWORD`].
const LEAKED: &str = "2F9E53523B62ABC141A2B4D6019D23CBA835DBD0:3\n";

#[tokio::test]
async fn passwords_known_from_leaks_are_weak() {
    let mut list = tempfile::NamedTempFile::new().expect("a file");
    list.write_all(LEAKED.as_bytes()).expect("written");
    let offline = Some(Offline::open(list.path().to_owned()).await.expect("a list"));
    let breached = Breached { offline, ..Breached::default() };
    let service = Service::protected(Settings::default(), Protection { breached, ..Protection::default() }).await;
    let sign_up = async |password: &str| {
        service.post("/signup", json!({"email": "john@example.com", "password": password})).await
    };
    let refused = sign_up(PASSWORD).await;
    assert_error(&refused, 422, "weak_password");
    assert_eq!(refused.json()["weak_password"]["reasons"], json!(["pwned"]));
    let session = sign_up("something else").await.json();
    let put = Call::new(Method::PUT, "/user").json(&json!({"password": PASSWORD}));
    assert_error(&service.send(put.bearer(text(&session, "access_token"))).await, 422, "weak_password");
    let link = json!({"type": "signup", "email": "jim@example.com", "password": PASSWORD});
    assert_error(&service.admin_post("/admin/generate_link", link).await, 422, "weak_password");
    // Who has it already still signs in, and is told.
    let body = json!({"email": "jane@example.com", "password": PASSWORD, "email_confirm": true});
    let created = service.send(Call::post("/admin/users", &body).bearer(&project::service_token())).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let session = service.sign_in("jane@example.com", PASSWORD).await;
    assert_eq!(session.json()["weak_password"]["reasons"], json!(["pwned"]));
}

#[tokio::test]
async fn mail_to_nobody_is_refused_where_that_is_set() {
    const ZONES: [(&str, Zone); 4] = [
        ("b.co", Zone::Known { mail: &["mx.b.co"], addresses: &[] }),
        ("bad.co", Zone::Known { mail: &["mx.bad.co"], addresses: &[] }),
        ("address.co", Zone::Known { mail: &[], addresses: &["192.0.2.1"] }),
        ("failing.co", Zone::Failing),
    ];
    let names = NameServer::start(&ZONES).await;
    let protection = ProtectionSettings {
        extended_email_validation: true,
        blocked_mail_servers: vec!["MX.bad.co".to_owned()],
        name_server: Some(names.address),
        ..ProtectionSettings::default()
    };
    let protection = Protection::prepare(protection).await.expect("a server of names");
    let confirmed = Settings { mailer_autoconfirm: false, ..Settings::default() };
    let service = Service::protected(confirmed, protection).await;
    for (email, status) in [
        ("john@example.com", 400),
        ("john@b.test", 400),
        ("john@nowhere.co", 400),
        ("john@bad.co", 400),
        ("john@b.co", 200),
        ("john@address.co", 200),
        ("john@failing.co", 200),
    ] {
        let answer = service.post("/signup", json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(answer.status, status, "{email}: {}", answer.text());
        if status == 400 {
            assert_error(&answer, 400, "email_address_invalid");
        }
    }
    assert_eq!(service.count("auth.users").await, 3);
    assert!(names.asked().iter().all(|query| !query.contains("test") && !query.contains("example")));
}
