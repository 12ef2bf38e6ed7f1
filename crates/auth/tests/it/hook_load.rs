//! Hooks over HTTP that take their time: who waits for one is in nobody's way. The pool has four connections.

use std::time::Duration;

use auth::{HookName, Settings, SmsSettings};
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};
use tokio::task::JoinSet;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers};

use crate::hooks::service;
use crate::support::{PASSWORD, Service, assert_error, text};

/// More than there are connections.
const MANY: usize = 6;

/// Half of the connections.
const HALF: usize = 2;

/// Nearly all the time that a hook has.
const SLOW: Duration = Duration::from_secs(4);

/// Lets the hook answer what it is given, from now on after a while.
async fn answer_after(server: &MockServer, delay: Duration) {
    server.reset().await;
    let answer = move |request: &Request| {
        let event: Value = serde_json::from_slice(&request.body).expect("JSON");
        ResponseTemplate::new(200).set_body_json(json!({"claims": event["claims"]})).set_delay(delay)
    };
    Mock::given(matchers::any()).respond_with(answer).mount(server).await;
}

async fn start(name: HookName, settings: Settings) -> (Service, MockServer) {
    let server = MockServer::start().await;
    answer_after(&server, Duration::ZERO).await;
    (service(settings, &[(name, &server.uri())]).await, server)
}

fn all_at_once(service: &Service, calls: impl IntoIterator<Item = Call>) -> JoinSet<Answer> {
    let send = |call: Call| {
        let router = service.router.clone();
        async move { call.send(&router).await }
    };
    calls.into_iter().map(send).collect()
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.expect("requests are recorded").len()
}

async fn wait_until_asked(server: &MockServer, count: usize) {
    while asked(server).await < count {
        tokio::task::yield_now().await;
    }
}

async fn wait_for_turns(service: &Service, count: usize) {
    while service.turns() < count {
        tokio::task::yield_now().await;
    }
}

async fn open_transactions(service: &Service) -> i64 {
    service.count("pg_stat_activity where datname = current_database() and state like 'idle in transaction%'").await
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_hold_nothing_while_the_hook_makes_their_claims() {
    let (service, server) = start(HookName::CustomAccessToken, Settings::default()).await;
    let session = service.sign_up("john@example.com").await;
    answer_after(&server, SLOW).await;
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    let mut calls = all_at_once(&service, (0..MANY).map(|_| Call::post("/token?grant_type=password", &body)));
    wait_until_asked(&server, MANY).await;
    assert_eq!(open_transactions(&service).await, 0);
    assert_eq!(service.user(text(&session, "access_token")).await.status, 200);
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.expect("no panic").status, 200);
    }
    assert_eq!(service.count("auth.sessions").await, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn refreshes_that_wait_for_the_hook_leave_connections_to_others() {
    let (service, server) = start(HookName::CustomAccessToken, Settings::default()).await;
    let session = service.sign_up("john@example.com").await;
    let mut refreshes = Vec::new();
    for _ in 0..MANY {
        let session = service.sign_in("john@example.com", PASSWORD).await.json();
        let body = json!({"refresh_token": session["refresh_token"]});
        refreshes.push(Call::post("/token?grant_type=refresh_token", &body));
    }
    answer_after(&server, SLOW).await;
    let mut calls = all_at_once(&service, refreshes);
    assert_others_pass(&service, &server, &session).await;
    assert!(calls.try_join_next().is_none(), "all of them still wait");
}

/// One client that refreshes its session again and again holds one turn, and learns soon that it is in its own way.
#[tokio::test(flavor = "multi_thread")]
async fn refreshes_of_one_session_leave_turns_to_others_and_end_in_a_conflict() {
    for version in [1, 2] {
        let settings = Settings { refresh_token_algorithm_version: version, ..Settings::default() };
        let (service, server) = start(HookName::CustomAccessToken, settings).await;
        let refresh = |session: &Value| {
            Call::post("/token?grant_type=refresh_token", &json!({"refresh_token": session["refresh_token"]}))
        };
        let (john, jane) = (service.sign_up("john@example.com").await, service.sign_up("jane@example.com").await);
        answer_after(&server, SLOW).await;
        let mut calls = all_at_once(&service, (0..MANY).map(|_| refresh(&john)));
        wait_until_asked(&server, 1).await;
        let answer = refresh(&jane).send(&service.router).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let statuses = [200, 409, 409, 409, 409];
        for status in statuses {
            let answer = calls.join_next().await.expect("another one").expect("no panic");
            assert_eq!(answer.status, status, "{}", answer.text());
        }
        assert_eq!(asked(&server).await, 3, "one after the other for John, and Jane");
        drop(calls);
        assert_eq!(service.count("auth.sessions").await, 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_turn_in_time_is_told_so() {
    let settings = Settings { max_request_duration: Duration::from_secs(1), ..Settings::default() };
    let (service, server) = start(HookName::CustomAccessToken, settings).await;
    let mut refreshes = Vec::new();
    for number in 0..MANY {
        let session = service.sign_up(&format!("john{number}@example.com")).await;
        let body = json!({"refresh_token": session["refresh_token"]});
        refreshes.push(Call::post("/token?grant_type=refresh_token", &body));
    }
    answer_after(&server, SLOW).await;
    let mut calls = all_at_once(&service, refreshes);
    let mut causes = Vec::new();
    while let Some(answer) = calls.join_next().await {
        let answer = answer.expect("no panic");
        assert_error(&answer, 504, "request_timeout");
        causes.push(answer.extensions.get::<base::http::Failure>().expect("a cause").message.clone());
    }
    assert!(causes.iter().any(|cause| cause.contains("waiting for the hook custom_access_token")), "{causes:?}");
    assert!(causes.iter().any(|cause| cause.contains("waiting for a turn")), "{causes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_wait_for_the_hook_leave_connections_to_others() {
    let sms = SmsSettings { autoconfirm: false, ..SmsSettings::default() };
    let settings = Settings { phone_enabled: true, sms, ..Settings::default() };
    let (service, server) = start(HookName::SendSms, settings).await;
    let session = service.sign_up("john@example.com").await;
    answer_after(&server, SLOW).await;
    let call = |number| Call::post("/otp", &json!({"phone": format!("1555010{number}")}));
    let mut calls = all_at_once(&service, (0..MANY).map(call));
    assert_others_pass(&service, &server, &session).await;
    assert!(calls.try_join_next().is_none(), "all of them still wait");
}

/// A letter is sent with the user's row locked. Requests about that user wait for it without a connection.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_user_leaves_connections_to_others() {
    let (service, server) = start(HookName::SendEmail, Settings::default()).await;
    let (john, jane) = (service.sign_up("john@example.com").await, service.sign_up("jane@example.com").await);
    answer_after(&server, SLOW).await;
    let letter = Call::post("/recover", &json!({"email": "john@example.com"}));
    let mut letter = all_at_once(&service, [letter]);
    wait_until_asked(&server, 1).await;
    let of_john = |call: Call| call.bearer(text(&john, "access_token"));
    let (id, admin) = (text(&john["user"], "id"), testkit::project::service_token());
    let calls = [
        Call::post("/token?grant_type=password", &json!({"email": "john@example.com", "password": PASSWORD})),
        of_john(Call::post("/factors", &json!({"factor_type": "totp"}))),
        of_john(Call::new(Method::PUT, "/user").json(&json!({"data": {"name": "John"}}))),
        of_john(Call::post("/logout?scope=others", &json!({}))),
        Call::new(Method::PUT, &format!("/admin/users/{id}")).json(&json!({"role": "author"})).bearer(&admin),
        Call::new(Method::DELETE, &format!("/admin/users/{id}/sessions")).bearer(&admin),
    ];
    let of_him = calls.len();
    let mut calls = all_at_once(&service, calls);
    // That of the letter, in the line of letters too.
    wait_for_turns(&service, 2 + of_him).await;
    assert_eq!(service.user(text(&jane, "access_token")).await.status, 200);
    assert_eq!(open_transactions(&service).await, 1, "that of the letter");
    assert_eq!(
        service.count("pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'").await,
        0
    );
    assert!(calls.try_join_next().is_none() && letter.try_join_next().is_none(), "all of them still wait");
    while let Some(answer) = calls.join_next().await {
        let answer = answer.expect("no panic");
        // Whose session ended meanwhile is told so.
        assert!(matches!(answer.status.as_u16(), 200 | 204 | 403), "{}", answer.text());
    }
}

/// Half of the connections are with letters to others, and one to this user waits for one of them. The user's row is free
/// meanwhile for who asks nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_waits_for_its_turn_is_in_nobodys_way() {
    let (service, server) = start(HookName::SendEmail, Settings::default()).await;
    let session = service.sign_up("john@example.com").await;
    let letter = |email: &str| Call::post("/recover", &json!({"email": email}));
    for email in ["one@example.com", "two@example.com"] {
        service.sign_up(email).await;
    }
    answer_after(&server, SLOW).await;
    let mut calls = all_at_once(&service, [letter("one@example.com"), letter("two@example.com")]);
    wait_until_asked(&server, HALF).await;
    let mut waiting = all_at_once(&service, [letter("john@example.com")]);
    // It has come to its line, and those of the others are in both.
    wait_for_turns(&service, 2 * HALF + 1).await;
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    assert_eq!(service.post("/token?grant_type=password", body).await.status, 200);
    let change = service.change(text(&session, "access_token"), json!({"data": {"name": "John"}})).await;
    assert_eq!(change.status, 200, "{}", change.text());
    assert_eq!(asked(&server).await, HALF);
    assert!(calls.try_join_next().is_none() && waiting.try_join_next().is_none(), "all of them still wait");
}

async fn assert_others_pass(service: &Service, server: &MockServer, session: &Value) {
    wait_until_asked(server, HALF).await;
    assert_eq!(service.user(text(session, "access_token")).await.status, 200);
    assert_eq!(open_transactions(service).await, i64::try_from(HALF).expect("a few"));
    assert_eq!(asked(server).await, HALF);
}
