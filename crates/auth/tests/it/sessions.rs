//! `/sessions` and `/admin/users/{id}/sessions`; one session per user.

use std::time::Duration;

use auth::Settings;
use http::Method;
use serde_json::Value;
use testkit::{Answer, Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

async fn list(service: &Service, token: &str, query: &str) -> Answer {
    let answer = service.send(Call::get(&format!("/sessions{query}")).bearer(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

async fn delete(service: &Service, path: &str, token: &str) -> Answer {
    service.send(Call::new(Method::DELETE, path).bearer(token)).await
}

fn session_id(session: &Value) -> String {
    let token = testkit::keyring().verify(text(session, "access_token")).expect("our token");
    token.text("session_id").expect("a session").to_owned()
}

#[tokio::test]
async fn users_see_their_own_sessions_the_last_used_first() {
    let service = Service::new().await;
    let first = service.sign_up("john@example.com").await;
    service.sign_up("jane@example.com").await;
    service.advance(60);
    let second = service.sign_in("john@example.com", PASSWORD).await.json();
    let token = text(&second, "access_token");
    let answer = list(&service, token, "").await;
    assert_eq!(answer.header("x-total-count"), "2");
    let sessions = answer.json()["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    assert_eq!(sessions[0]["id"], session_id(&second));
    assert_eq!((&sessions[0]["current"], &sessions[1]["current"]), (&true.into(), &false.into()));
    assert_eq!(sessions[1]["id"], session_id(&first));
    assert_eq!(sessions[1]["amr"][0]["method"], "password");
    assert_eq!(sessions[1]["aal"], "aal1");
    assert!(sessions[1]["refreshed_at"].is_null());
    service.advance(60);
    service.refresh(text(&first, "refresh_token")).await;
    let page = list(&service, token, "?per_page=1").await;
    assert_eq!(page.json()["sessions"][0]["id"], session_id(&first));
    assert_eq!(page.json()["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(
        page.header("link"),
        "</sessions?page=2&per_page=1>; rel=\"next\", </sessions?page=2&per_page=1>; rel=\"last\""
    );
    assert_error(&service.send(Call::get("/sessions")).await, 401, "no_authorization");
}

#[tokio::test]
async fn users_end_their_own_sessions_only() {
    let service = Service::new().await;
    let john = service.sign_up("john@example.com").await;
    let other = service.sign_in("john@example.com", PASSWORD).await.json();
    let jane = service.sign_up("jane@example.com").await;
    let token = text(&john, "access_token");
    let janes = delete(&service, &format!("/sessions/{}", session_id(&jane)), token).await;
    assert_error(&janes, 404, "session_not_found");
    assert_error(&delete(&service, "/sessions/x", token).await, 404, "validation_failed");
    let ended = delete(&service, &format!("/sessions/{}", session_id(&other)), token).await;
    assert_eq!((ended.status.as_u16(), ended.body.len()), (204, 0));
    assert_error(&service.user(text(&other, "access_token")).await, 403, "session_not_found");
    assert_error(&service.refresh(text(&other, "refresh_token")).await, 400, "refresh_token_not_found");
    assert_eq!(service.user(text(&jane, "access_token")).await.status, 200);
    let entries = "auth.audit_log_entries where payload ->> 'action' = 'session_revoked'";
    assert_eq!(service.count(entries).await, 1);
    assert_eq!(delete(&service, &format!("/sessions/{}", session_id(&john)), token).await.status, 204);
    assert_error(&service.user(token).await, 403, "session_not_found");
}

#[tokio::test]
async fn administrators_see_and_end_anybodys_sessions() {
    let service = Service::new().await;
    let john = service.sign_up("john@example.com").await;
    let other = service.sign_in("john@example.com", PASSWORD).await.json();
    let jane = service.sign_up("jane@example.com").await;
    let path = format!("/admin/users/{}/sessions", text(&john["user"], "id"));
    let admin = project::service_token();
    let answer = service.send(Call::get(&path).bearer(&admin)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["sessions"].as_array().unwrap().len(), 2);
    assert!(answer.json()["sessions"][0].get("current").is_none());
    assert_error(&service.send(Call::get(&path).bearer(text(&john, "access_token"))).await, 403, "not_admin");
    let of_jane = format!("{path}/{}", session_id(&jane));
    assert_error(&delete(&service, &of_jane, &admin).await, 404, "session_not_found");
    assert_eq!(delete(&service, &format!("{path}/{}", session_id(&other)), &admin).await.status, 204);
    assert_eq!(service.count("auth.sessions").await, 2);
    assert_eq!(delete(&service, &path, &admin).await.status, 204);
    assert_eq!(service.count("auth.sessions").await, 1);
    let nobody = "/admin/users/00000000-0000-0000-0000-000000000001/sessions";
    assert_error(&delete(&service, nobody, &admin).await, 404, "user_not_found");
}

/// Behaviour 91: of one session per user the older one fails at its next refresh.
#[tokio::test]
async fn with_one_session_per_user_the_older_one_fails_at_its_next_refresh() {
    let service = Service::with(Settings { sessions_single_per_user: true, ..Settings::default() }).await;
    let old = service.sign_up("john@example.com").await;
    service.advance(1);
    let new = service.sign_in("john@example.com", PASSWORD).await.json();
    assert_eq!(service.user(text(&old, "access_token")).await.status, 200, "until its next refresh");
    let refused = service.refresh(text(&old, "refresh_token")).await;
    assert_error(&refused, 400, "session_expired");
    assert_eq!(refused.json()["msg"], "Invalid Refresh Token: Session Expired (Revoked by Newer Login)");
    assert_eq!(service.refresh(text(&new, "refresh_token")).await.status, 200);
}

#[tokio::test]
async fn a_newer_session_that_is_over_or_of_another_tag_does_not_count() {
    let settings = Settings {
        sessions_single_per_user: true,
        sessions_tags: vec!["web".to_owned(), "phone".to_owned()],
        sessions_timebox: Some(Duration::from_secs(3600)),
        ..Settings::default()
    };
    let service = Service::with(settings).await;
    let old = service.sign_up("john@example.com").await;
    service.advance(1);
    service.sign_in("john@example.com", PASSWORD).await;
    let newest = "select id from auth.sessions order by created_at desc limit 1";
    service.db.sql(&format!("update auth.sessions set tag = 'phone' where id = ({newest})")).await;
    let old = service.refresh(text(&old, "refresh_token")).await;
    assert_eq!(old.status, 200, "{}", old.text());
    service.advance(1);
    service.sign_in("john@example.com", PASSWORD).await;
    service
        .db
        .sql(&format!("update auth.sessions set tag = 'gone', not_after = '2000-01-01' where id = ({newest})"))
        .await;
    let old = service.refresh(text(&old.json(), "refresh_token")).await;
    assert_eq!(old.status, 200, "{}", old.text());
    service.db.sql("update auth.sessions set not_after = null").await;
    service.advance(1);
    service.db.sql(&format!("update auth.sessions set refreshed_at = '2100-01-01' where id = ({newest})")).await;
    let old = service.refresh(text(&old.json(), "refresh_token")).await;
    assert_error(&old, 400, "session_expired");
}
