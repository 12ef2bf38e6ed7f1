//! Second factors and the sessions around them, where several requests come at the same moment: each decides by what
//! those before it have written.

use auth::Settings;
use pg::Context;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::authenticator::{App, challenge};
use crate::support::{Service, assert_error, text};

/// What all requests of a session wait for, those that refresh it too.
const SESSIONS: &str = "select from auth.sessions for update";

/// Sends requests while a transaction holds what they need, each once those before it wait; then it ends.
async fn queued(service: &Service, held: &str, calls: impl IntoIterator<Item = Call>) -> Vec<Answer> {
    let holder = service.db.db("supabase_auth_admin");
    let mut tx = holder.write(&Context::service()).await.expect("a connection");
    tx.batch(held).await.expect("valid SQL");
    let mut waiting = Vec::new();
    for call in calls {
        let router = service.router.clone();
        waiting.push(tokio::spawn(async move { call.send(&router).await }));
        let waits = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while service.count(waits).await < i64::try_from(waiting.len()).expect("a few") {
            tokio::task::yield_now().await;
        }
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
