//! How often one address may ask.

use std::net::IpAddr;
use std::time::Duration;

use auth::{RateLimits, Settings};
use base::http::ClientAddr;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::authenticator::{App, answer, challenge};
use crate::support::{PASSWORD, Service, assert_error, text};

async fn limited() -> Service {
    let rate_limits = RateLimits { per_address: true, ..RateLimits::default() };
    Service::with(Settings { rate_limits, ..often() }).await
}

/// Letters may follow each other at once, so that only the buckets count.
fn often() -> Settings {
    Settings { mailer_max_frequency: Duration::ZERO, ..Settings::default() }
}

async fn ask(service: &Service, from: &str, method: Method, path: &str, body: &Value) -> Answer {
    let address: IpAddr = from.parse().expect("an address");
    service.send(Call::new(method, path).json(body).extension(ClientAddr(address))).await
}

async fn post(service: &Service, from: &str, path: &str, body: Value) -> Answer {
    ask(service, from, Method::POST, path, &body).await
}

/// How many of so many requests pass before the first that does not, which is returned too.
async fn passing(service: &Service, from: &str, path: &str, body: &Value) -> (usize, Answer) {
    let mut passed = 0;
    loop {
        let answer = post(service, from, path, body.clone()).await;
        if answer.status == 429 {
            return (passed, answer);
        }
        passed += 1;
        assert!(passed < 200, "no limit on {path}");
    }
}

/// Behaviour 34: without the switch, and without an address, nothing is counted.
#[tokio::test]
async fn nothing_is_counted_where_it_is_off() {
    let service = Service::with(often()).await;
    for _ in 0..40 {
        let answer = post(&service, "192.0.2.1", "/recover", json!({"email": "a@example.com"})).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(service.count("vestibule.rate_limits").await, 0);
    let service = limited().await;
    for _ in 0..40 {
        assert_eq!(service.post("/recover", json!({"email": "a@example.com"})).await.status, 200);
    }
}

#[tokio::test]
async fn thirty_at_once_then_thirty_in_five_minutes() {
    let service = limited().await;
    let body = json!({"email": "nobody@example.com"});
    let (passed, refused) = passing(&service, "192.0.2.1", "/recover", &body).await;
    assert_eq!(passed, 30);
    assert_error(&refused, 429, "over_request_rate_limit");
    assert_eq!(refused.header("retry-after"), "10");
    assert!(text(&refused.json(), "msg").contains("\"recover\""), "{}", refused.text());
    assert_eq!(post(&service, "192.0.2.2", "/recover", body.clone()).await.status, 200, "another address");
    service.advance(9);
    let refused = post(&service, "192.0.2.1", "/recover", body.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    service.advance(1);
    assert_eq!(passing(&service, "192.0.2.1", "/recover", &body).await.0, 1);
    service.advance(100);
    assert_eq!(passing(&service, "192.0.2.1", "/recover", &body).await.0, 10);
    service.advance(3600);
    assert_eq!(passing(&service, "192.0.2.1", "/recover", &body).await.0, 30, "it holds no more");
}

#[tokio::test]
async fn buckets_are_apart_and_kept_apart_by_network() {
    let service = limited().await;
    let (email, sign_in) = (json!({"email": "a@example.com"}), json!({"email": "a@example.com", "password": "x"}));
    passing(&service, "2001:db8:0:1::1", "/recover", &email).await;
    let neighbour = post(&service, "2001:db8:0:1:ffff::2", "/recover", email.clone()).await;
    assert_error(&neighbour, 429, "over_request_rate_limit");
    assert_eq!(post(&service, "2001:db8:0:2::1", "/recover", email.clone()).await.status, 200);
    for (path, body, name) in [
        ("/token?grant_type=password", &sign_in, "token"),
        ("/signup", &json!({"email": "x", "password": "y"}), "signups"),
        ("/signup", &json!({}), "anonymous"),
        ("/verify/", &json!({"type": "email", "email": "a@example.com", "token": "123456"}), "verify"),
    ] {
        let (passed, refused) = passing(&service, "2001:db8:0:1::1", path, body).await;
        assert_eq!(passed, 30, "{name}");
        assert!(text(&refused.json(), "msg").contains(&format!("{name:?}")), "{}", refused.text());
    }
    let put = ask(&service, "2001:db8:0:1::1", Method::PUT, "/user", &json!({})).await;
    assert_error(&put, 401, "no_authorization");
    assert_eq!(service.count("vestibule.rate_limits where bucket = 'user'").await, 1);
}

/// Six digits can be tried out, wherever the requests come from.
#[tokio::test]
async fn codes_that_are_typed_in_are_counted_by_whom_they_are_for() {
    let service = Service::with(Settings { mailer_autoconfirm: false, ..often() }).await;
    let user = service.sign_up("john@example.com").await;
    let letter = service.mail("john@example.com").await;
    let body = |email: &str, token: &str| json!({"type": "signup", "email": email, "token": token});
    for email in ["john@example.com", "nobody@example.com"] {
        for kind in 0..30 {
            let email = if kind % 2 == 0 { email.to_owned() } else { email.to_uppercase() };
            assert_error(&service.post("/verify", body(&email, "wrong")).await, 403, "otp_expired");
        }
        let refused = service.post("/verify", body(email, &letter.code)).await;
        assert_error(&refused, 429, "over_request_rate_limit");
        assert_eq!(refused.header("retry-after"), "10");
        assert!(text(&refused.json(), "msg").contains("\"code\""), "{}", refused.text());
    }
    assert_error(&service.post("/verify", body("jane@example.com", "wrong")).await, 403, "otp_expired");
    let kept: Vec<String> =
        service.db.query("select key from vestibule.rate_limits", &[]).await.iter().map(|row| row.get(0)).collect();
    assert!(kept.iter().all(|key| !key.contains('@')), "{kept:?}");
    let link = json!({"type": "signup", "token_hash": letter.hash()});
    let opened = service.post("/verify", link).await;
    assert_eq!(opened.json()["user"]["id"], user["id"], "links are not counted");
}

#[tokio::test]
async fn codes_of_reauthentication_are_counted_by_user() {
    let settings = Settings { update_password_require_reauthentication: true, ..often() };
    let service = Service::with(Settings { jwt_exp: Duration::from_secs(172_800), ..settings }).await;
    let session = service.sign_up("john@example.com").await;
    let token = text(&session, "access_token");
    service.advance(86_401);
    service.send(Call::get("/reauthenticate").bearer(token)).await;
    let code = service.mail("john@example.com").await.code;
    for _ in 0..30 {
        let answer = service.change(token, json!({"password": "another horse", "nonce": "wrong"})).await;
        assert_error(&answer, 422, "reauthentication_not_valid");
    }
    let change = json!({"password": "another horse", "nonce": code});
    assert_error(&service.change(token, change.clone()).await, 429, "over_request_rate_limit");
    service.advance(10);
    assert_eq!(service.change(token, change).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_no_more_pass_than_the_bucket_holds() {
    let service = limited().await;
    let calls: Vec<_> = (0..60)
        .map(|_| {
            let router = service.router.clone();
            let call = Call::post("/recover", &json!({"email": "a@example.com"}));
            let call = call.extension(ClientAddr("192.0.2.1".parse::<IpAddr>().expect("an address")));
            tokio::spawn(async move { call.send(&router).await.status.as_u16() })
        })
        .collect();
    let mut passed = 0;
    for call in calls {
        passed += u32::from(call.await.expect("no panic") == 200);
    }
    assert_eq!(passed, 30);
}

#[tokio::test]
async fn codes_of_a_user_are_counted_whatever_the_address_and_the_switch() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let app = App::enroll(&service, session).await;
    let asked = challenge(&service, &app.session, &app.factor).await;
    for _ in 0..30 {
        let wrong = answer(&service, &app.session, &app.factor, &asked, "wrong").await;
        assert_error(&wrong, 422, "mfa_verification_failed");
    }
    let code = app.key.code_at(service.clock.unix_seconds());
    let refused = answer(&service, &app.session, &app.factor, &asked, &code).await;
    assert_error(&refused, 429, "over_request_rate_limit");
    assert!(text(&refused.json(), "msg").contains("\"factor-verify\""));
    service.sign_in("john@example.com", PASSWORD).await;
    service.advance(4);
    let code = app.key.code_at(service.clock.unix_seconds());
    assert_eq!(answer(&service, &app.session, &app.factor, &asked, &code).await.status, 200);
}
