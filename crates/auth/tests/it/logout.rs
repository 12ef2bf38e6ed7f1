//! `POST /logout`.

use http::Method;
use testkit::{Answer, Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

async fn log_out(service: &Service, token: &str, query: &str) -> Answer {
    service.send(Call::new(Method::POST, &format!("/logout{query}")).bearer(token)).await
}

/// Behaviour 95: a token without a session ends all.
/// Behaviour 96: scopes say which sessions end.
/// Behaviour 97: a token of an ended session is refused at once.
#[tokio::test]
async fn scopes_say_which_sessions_end() {
    for (query, left) in [("", 0), ("?scope=global", 0), ("?scope=local", 2), ("?scope=others", 1)] {
        let service = Service::new().await;
        let session = service.sign_up("john@example.com").await;
        service.sign_in("john@example.com", PASSWORD).await;
        service.sign_in("john@example.com", PASSWORD).await;
        service.sign_up("jane@example.com").await;
        let token = text(&session, "access_token");
        let answer = log_out(&service, token, query).await;
        assert_eq!(answer.status, 204, "{query}: {}", answer.text());
        assert!(answer.body.is_empty());
        assert_eq!(service.count("auth.sessions").await, left + 1, "{query}; Jane stays signed in");
        assert_eq!(service.count("auth.refresh_tokens").await, left + 1, "{query}");
        assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'logout'").await, 1);
        let user = service.user(token).await;
        if query == "?scope=others" {
            assert_eq!(user.status, 200);
        } else {
            assert_error(&user, 403, "session_not_found");
            let refreshed = service.refresh(text(&session, "refresh_token")).await;
            assert_error(&refreshed, 400, "refresh_token_not_found");
        }
    }
}

/// Behaviour 95: a token without a session ends all.
#[tokio::test]
async fn a_token_without_a_session_ends_all_whatever_the_scope() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let token = project::user_token(text(&session["user"], "id"));
    assert_eq!(log_out(&service, &token, "?scope=others").await.status, 204);
    assert_eq!(service.count("auth.sessions").await, 0);
    assert_eq!(service.count("auth.audit_log_entries where payload #>> '{traits,scope}' = 'global'").await, 1);
}

#[tokio::test]
async fn a_bad_scope_and_a_missing_token_end_nothing() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let answer = log_out(&service, text(&session, "access_token"), "?scope=everyone").await;
    assert_error(&answer, 400, "validation_failed");
    let answer = service.send(Call::new(Method::POST, "/logout")).await;
    assert_error(&answer, 401, "no_authorization");
    assert_eq!(service.count("auth.sessions").await, 1);
}
