//! Codes and links that many present at the same moment, each over a connection of its own.

use auth::{Deps, Settings, State};
use axum::Router;
use base::Random;
use http::{Method, StatusCode};
use pg::{Db, PoolSettings};
use serde_json::json;
use testkit::{Answer, Call};

use crate::support::{Service, assert_error, text};
use crate::verify::{CHALLENGE, VERIFIER, settings};

/// How many present it.
const MANY: usize = 20;

/// The same service with as many connections as there are requests, all of them open.
async fn wide(service: &Service) -> Router {
    let target = service.db.target().as_role("supabase_auth_admin", &String::new().into());
    let pool = PoolSettings { max_connections: MANY, ..PoolSettings::default() };
    let deps = Deps {
        db: Db::new(target, &pool).expect("a valid target"),
        keyring: testkit::keyring(),
        clock: service.clock.clone(),
        random: Random::system(),
    };
    let router = auth::router(State::new(settings(), deps));
    let warm = all_at_once(&router, || Call::post("/recover", &json!({"email": "nobody@example.com"}))).await;
    assert_eq!(warm.len(), MANY);
    router
}

async fn all_at_once(router: &Router, call: impl Fn() -> Call) -> Vec<Answer> {
    let calls: Vec<_> = (0..MANY)
        .map(|_| {
            let (router, call) = (router.clone(), call());
            tokio::spawn(async move { call.send(&router).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("no panic"));
    }
    answers
}

/// What is told as having been there was what the change before had made, however many change at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_are_told_one_after_the_other() {
    let service = Service::with(Settings { mailer_autoconfirm: true, ..settings() }).await;
    let router = wide(&service).await;
    let session = service.sign_up("john@example.com").await;
    let (id, token) = (text(&session["user"], "id"), text(&session, "access_token"));
    let admin = testkit::project::service_token();
    let path = format!("/admin/users/{id}");
    let number = std::cell::Cell::new(0);
    let call = || {
        number.set(number.get() + 1);
        let n = json!({"n": number.get()});
        match number.get() % 2 {
            0 => Call::new(Method::PUT, &path).bearer(&admin).json(&json!({"user_metadata": n})),
            _ => Call::new(Method::PUT, "/user").bearer(token).json(&json!({"data": n})),
        }
    };
    assert!(all_at_once(&router, call).await.iter().all(is_ok));
    let last = service.user(token).await.json()["user_metadata"]["n"].clone();
    let sql = "select payload::jsonb #> '{traits,changes,user_metadata.n}' from auth.audit_log_entries
      where payload ->> 'action' = 'user_modified'";
    let changes: Vec<serde_json::Value> = service.db.query(sql, &[]).await.iter().map(|row| row.get(0)).collect();
    let mut befores: Vec<_> = changes.iter().map(|change| change["from"].as_u64().unwrap_or_default()).collect();
    befores.push(last.as_u64().expect("a number"));
    befores.sort_unstable();
    assert_eq!(befores, (0..=20).collect::<Vec<_>>(), "{changes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_deletions_one_deletes_and_is_noted() {
    for body in [json!({}), json!({"should_soft_delete": true})] {
        let service = Service::with(settings()).await;
        let router = wide(&service).await;
        let user = service.sign_up("john@example.com").await;
        let path = format!("/admin/users/{}", text(&user, "id"));
        let admin = testkit::project::service_token();
        let call = || Call::new(Method::DELETE, &path).bearer(&admin).json(&body);
        let answers = all_at_once(&router, call).await;
        let is_soft = body != json!({});
        // A soft delete of who is deleted already is answered like the first, and changes nothing.
        let changes = "auth.audit_log_entries where payload ->> 'action' = 'user_deleted'
          and (payload::jsonb #> '{traits,changes,deleted_at}' is not null or $soft is false)";
        assert_eq!(service.count(&changes.replace("$soft", &is_soft.to_string())).await, 1);
        assert_eq!(answers.iter().filter(|answer| is_ok(answer)).count(), if is_soft { MANY } else { 1 });
        for refused in answers.iter().filter(|answer| !is_ok(answer)) {
            assert_error(refused, 404, "user_not_found");
        }
    }
}

/// Asserts that one succeeded and the others were refused, and that there is one session, or none yet.
async fn assert_one(service: &Service, answers: &[Answer], is_success: fn(&Answer) -> bool, sessions: i64) {
    let count = answers.iter().filter(|answer| is_success(answer)).count();
    let texts: Vec<_> = answers.iter().map(|answer| format!("{} {}", answer.status, answer.text())).collect();
    assert_eq!(count, 1, "{texts:?}");
    assert!(answers.iter().all(|answer| !answer.status.is_server_error()), "{texts:?}");
    assert_eq!(service.count("auth.sessions").await, sessions);
    assert_eq!(service.count("auth.one_time_tokens").await, 0);
}

fn is_ok(answer: &Answer) -> bool {
    answer.status == StatusCode::OK
}

fn leads_in(answer: &Answer) -> bool {
    let location = answer.header("location");
    location.contains("#access_token=") || location.contains("?code=")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_a_hash_and_a_link_are_good_once_each() {
    for (form, is_success) in
        [("code", is_ok as fn(&Answer) -> bool), ("hash", is_ok), ("link", leads_in), ("link of recovery", leads_in)]
    {
        let service = Service::with(settings()).await;
        let router = wide(&service).await;
        service.sign_up("john@example.com").await;
        if form == "link of recovery" {
            service.advance(2);
            service.post("/recover", json!({"email": "john@example.com"})).await;
        }
        let letter = service.mail("john@example.com").await;
        let body = match form {
            "code" => json!({"type": "email", "token": letter.code, "email": "john@example.com"}),
            _ => json!({"type": "signup", "token_hash": letter.hash()}),
        };
        let call = || if form.starts_with("link") { Call::get(&letter.link) } else { Call::post("/verify", &body) };
        let answers = all_at_once(&router, call).await;
        assert_one(&service, &answers, is_success, 1).await;
    }
}

/// Behaviour 18: the link gives one code, and the code one session.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_a_challenge_gives_one_code_and_that_one_session() {
    let service = Service::with(settings()).await;
    let router = wide(&service).await;
    let body = json!({"email": "john@example.com", "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    assert_eq!(service.post("/otp", body).await.status, 200);
    let link = service.mail("john@example.com").await.link;
    let answers = all_at_once(&router, || Call::get(&link)).await;
    assert_one(&service, &answers, leads_in, 0).await;
    let opened = answers.iter().find(|answer| leads_in(answer)).expect("one");
    let code = opened.header("location").split_once("?code=").expect("a code").1;
    let body = json!({"auth_code": code, "code_verifier": VERIFIER});
    let answers = all_at_once(&router, || Call::post("/token?grant_type=pkce", &body)).await;
    assert_one(&service, &answers, is_ok, 1).await;
    assert_eq!(service.count("auth.flow_state").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_halves_of_a_new_address_at_once_make_one_change() {
    let service = Service::with(settings()).await;
    let router = wide(&service).await;
    service.sign_up("old@example.com").await;
    let opened = service.send(Call::get(&service.mail("old@example.com").await.link)).await;
    let token = crate::support::fragment(&opened, "access_token");
    service.advance(1);
    assert_eq!(service.change(&token, json!({"email": "new@example.com"})).await.status, 200);
    let (old, new) = (service.mail("old@example.com").await, service.mail("new@example.com").await);
    let links = std::cell::Cell::new(0);
    let call = || {
        links.set(links.get() + 1);
        Call::get(if links.get() % 2 == 0 { &old.link } else { &new.link })
    };
    let answers = all_at_once(&router, call).await;
    assert_one(&service, &answers, leads_in, 2).await;
    let half = answers.iter().filter(|answer| answer.header("location").contains("message=")).count();
    assert_eq!(half, 1, "one side agrees, the other one finishes");
    assert_eq!(service.count("auth.users where email = 'new@example.com'").await, 1);
}
