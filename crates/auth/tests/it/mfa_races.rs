//! Second factors and the sessions around them, where several requests come at the same moment: each decides by what
//! those before it have written.

use auth::Settings;
use http::Method;
use pg::Context;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::authenticator::{App, challenge, post};
use crate::support::{PASSWORD, Service, assert_error, text};

/// What the requests of one user wait for.
const USER: &str = "select from auth.users for update";

/// What all requests of a session wait for, those that refresh it too.
const SESSIONS: &str = "select from auth.sessions for update";

/// Sends requests while a transaction holds what they need, each once those before it wait; then it ends.
async fn queued(service: &Service, held: &str, calls: impl IntoIterator<Item = Call>) -> Vec<Answer> {
    let holder = service.db.db("supabase_auth_admin");
    let mut tx = holder.write(&Context::service()).await.expect("a connection");
    tx.batch(held).await.expect("valid SQL");
    let mut waiting = Vec::new();
    for call in calls {
        // On one server they would wait for each other elsewhere, see `lines.rs`.
        let router = service.another();
        let waits = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        let before = service.count(waits).await;
        let call = tokio::spawn(async move { call.send(&router).await });
        // One that waits for nothing shows by its answer.
        while service.count(waits).await <= before && !call.is_finished() {
            tokio::task::yield_now().await;
        }
        waiting.push(call);
    }
    tx.commit().await.expect("nothing is in the way");
    let mut answers = Vec::new();
    for call in waiting {
        answers.push(call.await.expect("no panic"));
    }
    answers
}

fn refresh(session: &Value) -> Call {
    Call::post("/token?grant_type=refresh_token", &json!({"refresh_token": session["refresh_token"]}))
}

/// The call that verifies an app's challenge with the code of now.
async fn verify(service: &Service, app: &App, session: &Value) -> Call {
    let asked = challenge(service, session, &app.factor).await;
    let body = json!({"challenge_id": asked, "code": app.code(service)});
    Call::post(&format!("/factors/{}/verify", app.factor), &body).bearer(text(session, "access_token"))
}

#[tokio::test]
async fn a_refresh_beside_a_step_up_leaves_the_session() {
    for version in [1, 2] {
        let settings = Settings { refresh_token_algorithm_version: version, ..Settings::default() };
        let service = Service::with(settings).await;
        let first = service.sign_up("john@example.com").await;
        let app = App::enroll(&service, first.clone()).await;
        let calls = [verify(&service, &app, &first).await, refresh(&first)];
        let [raised, refreshed] = &queued(&service, SESSIONS, calls).await[..] else { unreachable!() };
        assert_eq!(raised.status, 200, "{version}: {}", raised.text());
        assert_error(refreshed, 400, "refresh_token_not_found");
        let next = service.refresh(text(&raised.json(), "refresh_token")).await;
        assert_eq!(next.status, 200, "{version}: {}", next.text());
    }
}

fn as_user(method: Method, path: &str, session: &Value) -> Call {
    Call::new(method, path).bearer(text(session, "access_token"))
}

fn as_admin(method: Method, path: &str) -> Call {
    Call::new(method, path).bearer(&project::service_token())
}

fn unenroll(factor: &str, session: &Value) -> Call {
    as_user(Method::DELETE, &format!("/factors/{factor}"), session)
}

/// The path of the only user, for administrators.
async fn user_path(service: &Service) -> String {
    let id: String = service.db.value("select id::text from auth.users").await;
    format!("/admin/users/{id}")
}

#[tokio::test]
async fn sessions_that_end_beside_a_step_up_are_in_nobodys_way() {
    for (method, path) in
        [(Method::POST, "/logout"), (Method::POST, "/logout?scope=others"), (Method::DELETE, "/sessions")]
    {
        let service = Service::new().await;
        let low = service.sign_up("john@example.com").await;
        let session = service.sign_in("john@example.com", PASSWORD).await.json();
        let ends = service.sign_in("john@example.com", PASSWORD).await.json();
        let app = App::enroll(&service, session.clone()).await;
        let end = match path {
            "/sessions" => as_admin(method, &format!("{}{path}", user_path(&service).await)),
            _ => as_user(method, path, &ends),
        };
        // Whoever ends all meets this one first, and whoever steps up ends it last.
        let held = format!("select from auth.sessions where id = '{}' for update", id_of(&low));
        let calls = [end, verify(&service, &app, &session).await];
        let [ended, raised] = &queued(&service, &held, calls).await[..] else { unreachable!() };
        assert_eq!(ended.status, 204, "{path}: {}", ended.text());
        assert_error(raised, 403, "session_not_found");
    }
}

/// The id of a session.
fn id_of(session: &Value) -> String {
    let id = crate::authenticator::claim(session, "session_id");
    id.as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_factor_that_counts_by_now_is_not_removed_below_the_second_level() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let other = service.sign_in("john@example.com", PASSWORD).await.json();
    let app = App::enroll(&service, session.clone()).await;
    let calls = [verify(&service, &app, &session).await, unenroll(&app.factor, &other)];
    let [raised, removed] = &queued(&service, USER, calls).await[..] else { unreachable!() };
    assert_eq!(raised.status, 200, "{}", raised.text());
    assert_error(removed, 403, "session_not_found");
    assert_eq!(service.count("auth.mfa_factors where status = 'verified'").await, 1);
}

/// What a session that has ended meanwhile may not do, and where a factor has come to count, not below it.
#[tokio::test]
async fn nothing_is_done_with_factors_in_a_session_that_a_step_up_has_ended() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let other = service.sign_in("john@example.com", PASSWORD).await.json();
    let app = App::enroll(&service, session.clone()).await;
    let ask = as_user(Method::POST, &format!("/factors/{}/challenge", app.factor), &other);
    let add = Call::post("/factors", &json!({"factor_type": "totp", "friendly_name": "thief's"}));
    let calls = [verify(&service, &app, &session).await, ask, add.bearer(text(&other, "access_token"))];
    let [raised, asked, added] = &queued(&service, USER, calls).await[..] else { unreachable!() };
    assert_eq!(raised.status, 200, "{}", raised.text());
    assert_error(asked, 403, "session_not_found");
    assert_error(added, 403, "session_not_found");
    assert_eq!(service.count("auth.mfa_factors").await, 1);
}

#[tokio::test]
async fn a_factor_that_is_removed_meanwhile_is_not_found() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let session = &app.session;
    service.advance(60);
    let ask = as_user(Method::POST, &format!("/factors/{}/challenge", app.factor), session);
    let calls = [unenroll(&app.factor, session), ask, verify(&service, &app, session).await];
    let [removed, asked, raised] = &queued(&service, USER, calls).await[..] else { unreachable!() };
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_error(asked, 404, "mfa_factor_not_found");
    assert_error(raised, 404, "mfa_factor_not_found");
}

#[tokio::test]
async fn no_recovery_codes_are_made_once_the_last_factor_is_gone() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let session = &app.session;
    let made = post(&service, session, "/factors/recovery-codes", json!({})).await.json();
    let code = Call::post("/factors/recovery-codes/verify", &json!({"code": made["codes"][0]}));
    let calls = [
        unenroll(&app.factor, session),
        as_user(Method::POST, "/factors/recovery-codes", session),
        code.bearer(text(session, "access_token")),
    ];
    let [removed, made, used] = &queued(&service, USER, calls).await[..] else { unreachable!() };
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_error(made, 422, "mfa_factor_not_found");
    assert_error(used, 422, "mfa_factor_not_found");
    assert_eq!(service.count("vestibule.mfa_recovery_codes").await, 0);
}

#[tokio::test]
async fn a_factor_is_removed_once() {
    for action in ["factor_unenrolled", "factor_deleted"] {
        let service = Service::new().await;
        let app = App::verified(&service, "john@example.com").await;
        let path = format!("{}/factors/{}", user_path(&service).await, app.factor);
        let calls = (0..3).map(|_| match action {
            "factor_unenrolled" => unenroll(&app.factor, &app.session),
            _ => as_admin(Method::DELETE, &path),
        });
        let [first, later @ ..] = &queued(&service, USER, calls).await[..] else { unreachable!() };
        assert_eq!(first.status, 200, "{}", first.text());
        for answer in later {
            assert_error(answer, 404, "mfa_factor_not_found");
        }
        assert_eq!(service.audited(action).await, 1);
    }
}
