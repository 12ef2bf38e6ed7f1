//! Refresh tokens that carry a counter.

use std::collections::HashSet;

use auth::Settings;
use serde_json::{Value, json};
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, text};

fn settings() -> Settings {
    Settings { refresh_token_algorithm_version: 2, ..Settings::default() }
}

fn upgrading(refresh_token_upgrade_percentage: u8) -> Settings {
    Settings { refresh_token_upgrade_percentage, ..settings() }
}

async fn exchange(service: &Service, session: &Value) -> Value {
    let answer = service.refresh(text(session, "refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// All tokens that as many simultaneous refreshes of one token give.
async fn storm(service: &Service, session: &Value, calls: usize) -> HashSet<String> {
    let body = json!({"refresh_token": session["refresh_token"]});
    let calls: Vec<_> = (0..calls)
        .map(|_| {
            let (router, body) = (service.router.clone(), body.clone());
            tokio::spawn(async move { Call::post("/token?grant_type=refresh_token", &body).send(&router).await })
        })
        .collect();
    let mut tokens = HashSet::new();
    for call in calls {
        let answer = call.await.expect("no panic");
        assert_eq!(answer.status, 200, "{}", answer.text());
        tokens.insert(text(&answer.json(), "refresh_token").to_owned());
    }
    tokens
}

#[tokio::test]
async fn the_counter_of_the_session_goes_up_and_there_are_no_rows() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let answer = service.sign_in("john@example.com", PASSWORD).await;
    assert_eq!(answer.header("sb-auth-refresh-token-counter"), "0");
    assert_eq!(answer.header("sb-auth-refresh-token-prefix"), "");
    let first = answer.json();
    assert!(text(&first, "refresh_token").len() > 50);
    let answer = service.refresh(text(&first, "refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("sb-auth-refresh-token-counter"), "1");
    assert_eq!(answer.header("sb-auth-refresh-token-reuse"), "false");
    assert_ne!(answer.json()["refresh_token"], first["refresh_token"]);
    exchange(&service, &answer.json()).await;
    assert_eq!(service.count("auth.refresh_tokens").await, 0);
    assert_eq!(service.count("auth.sessions where refresh_token_counter = 2").await, 1);
    for (action, rows) in [("token_refreshed", 2), ("token_revoked", 0)] {
        let entries = format!("auth.audit_log_entries where payload ->> 'action' = '{action}'");
        assert_eq!(service.count(&entries).await, rows, "{action}");
    }
}

#[tokio::test]
async fn the_last_token_but_one_gives_the_current_one_any_time_later() {
    let service = Service::with(settings()).await;
    let first = service.sign_up("john@example.com").await;
    let second = exchange(&service, &first).await;
    service.advance(3600);
    let again = service.refresh(text(&first, "refresh_token")).await;
    assert_eq!(again.json()["refresh_token"], second["refresh_token"]);
    assert_eq!(again.header("sb-auth-refresh-token-reuse-cause"), "fail-to-save");
}

#[tokio::test]
async fn an_older_token_ends_the_session_outside_the_interval() {
    let service = Service::with(settings()).await;
    let first = service.sign_up("john@example.com").await;
    let third = exchange(&service, &exchange(&service, &first).await).await;
    service.advance(10);
    let within = service.refresh(text(&first, "refresh_token")).await;
    assert_eq!(within.json()["refresh_token"], third["refresh_token"]);
    assert_eq!(within.header("sb-auth-refresh-token-reuse-cause"), "concurrent-refresh");
    service.advance(11);
    let refused = service.refresh(text(&first, "refresh_token")).await;
    assert_error(&refused, 400, "refresh_token_already_used");
    assert_eq!(refused.header("sb-auth-refresh-token-rotated"), "true");
    assert_error(&service.refresh(text(&third, "refresh_token")).await, 400, "refresh_token_not_found");
    assert_error(&service.user(text(&third, "access_token")).await, 403, "session_not_found");
}

/// Who has an old token cannot keep it good by using it.
#[tokio::test]
async fn the_interval_is_not_prolonged_by_reuse() {
    let service = Service::with(settings()).await;
    let first = service.sign_up("john@example.com").await;
    exchange(&service, &exchange(&service, &first).await).await;
    service.advance(9);
    assert_eq!(service.refresh(text(&first, "refresh_token")).await.status, 200);
    service.advance(2);
    assert_error(&service.refresh(text(&first, "refresh_token")).await, 400, "refresh_token_already_used");
}

#[tokio::test]
async fn reuse_may_be_allowed_or_refused_without_an_end() {
    let service = Service::with(Settings { refresh_token_allow_reuse: true, ..settings() }).await;
    let first = service.sign_up("john@example.com").await;
    let third = exchange(&service, &exchange(&service, &first).await).await;
    service.advance(3600);
    let again = service.refresh(text(&first, "refresh_token")).await;
    assert_eq!(again.json()["refresh_token"], third["refresh_token"]);
    assert_eq!(again.header("sb-auth-refresh-token-reuse-cause"), "always-allow");

    let service = Service::with(Settings { refresh_token_rotation: false, ..settings() }).await;
    let first = service.sign_up("john@example.com").await;
    let third = exchange(&service, &exchange(&service, &first).await).await;
    service.advance(3600);
    assert_error(&service.refresh(text(&first, "refresh_token")).await, 400, "refresh_token_already_used");
    exchange(&service, &third).await;
}

#[tokio::test]
async fn tokens_of_another_key_session_or_future_are_refused() {
    let service = Service::with(settings()).await;
    let john = service.sign_up("john@example.com").await;
    let token = text(&exchange(&service, &john).await, "refresh_token").to_owned();
    service.db.sql("update auth.sessions set refresh_token_counter = 0").await;
    assert_error(&service.refresh(&token).await, 400, "validation_failed");
    let other_key = "update auth.sessions set refresh_token_hmac_key = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'";
    service.db.sql(other_key).await;
    assert_error(&service.refresh(&token).await, 400, "refresh_token_not_found");
    service.db.sql("update auth.sessions set refresh_token_hmac_key = null, refresh_token_counter = null").await;
    assert_error(&service.refresh(&token).await, 400, "refresh_token_not_found");
    service.db.sql("delete from auth.sessions").await;
    assert_error(&service.refresh(&token).await, 400, "refresh_token_not_found");
    assert_error(&service.refresh(&format!("{token}A")).await, 400, "validation_failed");
}

/// Behaviour 86: all who refresh at once get the same token, and nobody is signed out.
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_refreshes_of_one_token_at_once_agree() {
    for (before, settings) in
        [(Settings::default(), Settings::default()), (settings(), settings()), (Settings::default(), upgrading(100))]
    {
        let service = Service::with(before).await;
        let session = service.sign_up("john@example.com").await;
        let service = service.restart(settings);
        let tokens = storm(&service, &session, 200).await;
        assert_eq!(tokens.len(), 1);
        let token = tokens.into_iter().next().expect("one");
        assert_eq!(service.refresh(&token).await.status, 200);
    }
}

#[tokio::test]
async fn sessions_change_to_counted_tokens_by_percentage() {
    let service = Service::new().await;
    let plain = service.sign_up("john@example.com").await;
    assert_eq!(text(&plain, "refresh_token").len(), 12);
    let service = service.restart(upgrading(100));
    let first = exchange(&service, &plain).await;
    assert!(text(&first, "refresh_token").len() > 50);
    assert_eq!(service.count("auth.refresh_tokens where not revoked").await, 0);
    service.advance(3600);
    assert_eq!(exchange(&service, &plain).await["refresh_token"], first["refresh_token"], "the answer was lost");
    exchange(&service, &first).await;
    assert_error(&service.refresh(text(&plain, "refresh_token")).await, 400, "refresh_token_already_used");
    assert_eq!(service.count("auth.sessions").await, 0);

    // Who has gone back to the first kind wants no more of the second.
    let back = Settings { refresh_token_algorithm_version: 1, ..upgrading(100) };
    for settings in [upgrading(0), back] {
        let service = Service::new().await;
        let plain = service.sign_up("john@example.com").await;
        let service = service.restart(settings);
        assert_eq!(text(&exchange(&service, &plain).await, "refresh_token").len(), 12);
    }
}
