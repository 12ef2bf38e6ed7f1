//! `POST /token?grant_type=refresh_token`.

use std::collections::HashSet;
use std::time::Duration;

use auth::Settings;
use serde_json::{Value, json};
use testkit::Call;

use crate::support::{Service, assert_error, text};

async fn exchange(service: &Service, token: &str) -> Value {
    let answer = service.refresh(token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Behaviour 88: a refresh notes its time in UTC, address and program.
/// Behaviour 123: `weak_password` is there for passwords and for nothing else.
#[tokio::test]
async fn an_active_token_is_swapped_for_a_new_one() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    // A session's first token has no parent.
    assert_eq!(service.count("auth.refresh_tokens where parent is null").await, 1);
    service.advance(60);
    let answer = service.refresh(text(&session, "refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let refreshed = answer.json();
    assert_ne!(refreshed["refresh_token"], session["refresh_token"]);
    assert!(refreshed.get("weak_password").is_none());
    assert_eq!(answer.header("sb-auth-refresh-token-reuse"), "false");
    assert_eq!(service.user(text(&refreshed, "access_token")).await.status, 200);
    let parent: String = service.db.value("select parent from auth.refresh_tokens where not revoked").await;
    assert_eq!(parent, text(&session, "refresh_token"));
    let at: String =
        service.db.value("select to_char(refreshed_at, 'YYYY-MM-DD\"T\"HH24:MI:SS') from auth.sessions").await;
    assert!(service.clock.now().to_string().starts_with(&at), "{at}");
    for (action, rows) in [("token_refreshed", 1), ("token_revoked", 1)] {
        let entries = format!("auth.audit_log_entries where payload ->> 'action' = '{action}'");
        assert_eq!(service.count(&entries).await, rows, "{action}");
    }
}

#[tokio::test]
async fn refreshing_keeps_methods_and_session() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let claims = |session: &Value| testkit::keyring().verify(text(session, "access_token")).unwrap();
    service.advance(100);
    let refreshed = exchange(&service, text(&session, "refresh_token")).await;
    let (before, after) = (claims(&session), claims(&refreshed));
    for claim in ["sub", "session_id", "amr", "aal"] {
        assert_eq!(before.claims[claim], after.claims[claim], "{claim}");
    }
    assert_eq!(after.claims["iat"], service.clock.unix_seconds());
}

/// Behaviour 84: whoever lost the answer gets the same token again, any time later.
#[tokio::test]
async fn the_parent_of_the_active_token_gives_the_active_token() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let first = exchange(&service, text(&session, "refresh_token")).await;
    service.advance(3600);
    let again = service.refresh(text(&session, "refresh_token")).await;
    assert_eq!(again.json()["refresh_token"], first["refresh_token"]);
    assert_eq!(again.header("sb-auth-refresh-token-reuse"), "");
    assert_eq!(service.count("auth.refresh_tokens").await, 2);
}

/// Behaviour 85: an older token ends the family outside the interval, and that stays.
#[tokio::test]
async fn an_older_token_ends_the_family_outside_the_interval_only() {
    let service = Service::new().await;
    let first = service.sign_up("john@example.com").await;
    let second = exchange(&service, text(&first, "refresh_token")).await;
    let third = exchange(&service, text(&second, "refresh_token")).await;
    service.advance(10);
    let late = exchange(&service, text(&first, "refresh_token")).await;
    assert_ne!(late["refresh_token"], third["refresh_token"], "within the interval a fresh token is issued");
    let late = exchange(&service, text(&late, "refresh_token")).await;
    service.advance(1);
    let refused = service.refresh(text(&first, "refresh_token")).await;
    assert_error(&refused, 400, "refresh_token_already_used");
    assert_eq!(refused.json()["msg"], "Invalid Refresh Token: Already Used");
    assert_eq!(service.count("auth.refresh_tokens where not revoked").await, 0, "kept although it is an error");
    service.advance(60);
    assert_error(&service.refresh(text(&late, "refresh_token")).await, 400, "refresh_token_already_used");
}

// In Supabase the newest token of a family that was ended is still good within the interval.
#[tokio::test]
async fn no_token_of_an_ended_family_is_good_even_within_the_interval() {
    for version in [1, 2] {
        let settings = Settings { refresh_token_algorithm_version: version, ..Settings::default() };
        let service = Service::with(settings).await;
        let first = service.sign_up("john@example.com").await;
        let second = exchange(&service, text(&first, "refresh_token")).await;
        service.advance(60);
        let third = exchange(&service, text(&second, "refresh_token")).await;
        let fourth = exchange(&service, text(&third, "refresh_token")).await;
        service.advance(11);
        assert_error(&service.refresh(text(&first, "refresh_token")).await, 400, "refresh_token_already_used");
        let code = if version == 1 { "refresh_token_already_used" } else { "refresh_token_not_found" };
        for ended in [&first, &second, &third, &fourth] {
            assert_error(&service.refresh(text(ended, "refresh_token")).await, 400, code);
        }
    }
}

#[tokio::test]
async fn without_rotation_reuse_is_refused_and_nothing_else() {
    let settings = Settings { refresh_token_rotation: false, ..Settings::default() };
    let service = Service::with(settings).await;
    let first = service.sign_up("john@example.com").await;
    let second = exchange(&service, text(&first, "refresh_token")).await;
    let third = exchange(&service, text(&second, "refresh_token")).await;
    service.advance(60);
    assert_error(&service.refresh(text(&first, "refresh_token")).await, 400, "refresh_token_already_used");
    exchange(&service, text(&third, "refresh_token")).await;
}

/// Behaviour 86: all who refresh at once get the same token, and nobody is signed out.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_refreshes_of_one_token_at_once_agree() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let body = json!({"refresh_token": session["refresh_token"]});
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (router, body) = (service.router.clone(), body.clone());
            tokio::spawn(async move { Call::post("/token?grant_type=refresh_token", &body).send(&router).await })
        })
        .collect();
    let mut tokens = HashSet::new();
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        tokens.insert(text(&answer.json(), "refresh_token").to_owned());
    }
    assert_eq!(tokens.len(), 1);
    let token = tokens.into_iter().next().unwrap();
    assert_eq!(service.count("auth.refresh_tokens").await, 2);
    exchange(&service, &token).await;
}

/// Behaviour 87: the token of a deleted session is not found.
/// Behaviour 108: a ban counts at once and at refresh, and ends no session.
#[tokio::test]
async fn tokens_of_no_session_user_or_form_are_refused() {
    let service = Service::new().await;
    for (token, code) in [
        ("", "validation_failed"),
        ("tooshort", "validation_failed"),
        ("UPPERCASE234", "validation_failed"),
        ("this is no token at all", "validation_failed"),
        ("abcdefghijkl", "refresh_token_not_found"),
    ] {
        assert_error(&service.refresh(token).await, 400, code);
    }
    let session = service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set banned_until = now() + interval '1 day'").await;
    assert_error(&service.refresh(text(&session, "refresh_token")).await, 400, "user_banned");
    service.db.sql("update auth.users set banned_until = null; update auth.refresh_tokens set session_id = null").await;
    assert_error(&service.refresh(text(&session, "refresh_token")).await, 400, "session_not_found");
    assert_eq!(service.count("auth.refresh_tokens").await, 0);
    let session = service.sign_in("john@example.com", crate::support::PASSWORD).await.json();
    service.db.sql("delete from auth.sessions").await;
    assert_error(&service.refresh(text(&session, "refresh_token")).await, 400, "refresh_token_not_found");
}

/// Behaviour 89: inactivity counts from the last refresh, else from the token, else from the sign-in.
/// Behaviour 90: limits of sessions count at refresh and for administrators, nowhere else.
#[tokio::test]
async fn sessions_end_by_age_inactivity_and_their_own_end() {
    let hour = Some(Duration::from_secs(3600));
    let service = Service::with(Settings { sessions_timebox: hour, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    service.advance(3600);
    let session = exchange(&service, text(&session, "refresh_token")).await;
    service.advance(1);
    let refused = service.refresh(text(&session, "refresh_token")).await;
    assert_error(&refused, 400, "session_expired");
    assert_eq!(refused.json()["msg"], "Invalid Refresh Token: Session Expired");
    assert_eq!(service.user(text(&session, "access_token")).await.status, 200);

    let service = Service::with(Settings { sessions_inactivity_timeout: hour, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    service.advance(3000);
    let session = exchange(&service, text(&session, "refresh_token")).await;
    service.advance(3601);
    let refused = service.refresh(text(&session, "refresh_token")).await;
    assert_error(&refused, 400, "session_expired");
    assert_eq!(refused.json()["msg"], "Invalid Refresh Token: Session Expired (Inactivity)");

    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql("update auth.sessions set not_after = '2000-01-01'").await;
    assert_error(&service.refresh(text(&session, "refresh_token")).await, 400, "session_expired");
}

/// Behaviour 92: the first level lasts shorter for users with a second factor.
/// Behaviour 93: the level follows the methods; tokens that are out keep theirs.
/// Behaviour 94: methods are listed newest first, one entry each.
#[tokio::test]
async fn levels_follow_the_methods_of_the_session() {
    let settings = Settings { sessions_allow_low_aal: Some(Duration::from_secs(600)), ..Settings::default() };
    let service = Service::with(settings).await;
    let session = service.sign_up("john@example.com").await;
    service
        .db
        .sql(
            "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
         select gen_random_uuid(), id, 'totp', 'verified', now(), now() from auth.users",
        )
        .await;
    let low = exchange(&service, text(&session, "refresh_token")).await;
    assert_eq!(low["expires_in"], 600);
    assert_eq!(low["user"]["factors"][0]["factor_type"], "totp");
    service.advance(601);
    let refused = service.refresh(text(&low, "refresh_token")).await;
    assert_error(&refused, 400, "session_expired");
    service
        .db
        .sql(
            "update auth.sessions set aal = 'aal2';
         insert into auth.mfa_amr_claims (id, session_id, created_at, updated_at, authentication_method)
         select gen_random_uuid(), id, now() + interval '1 hour', now() + interval '1 hour', 'totp' from auth.sessions",
        )
        .await;
    let high = exchange(&service, text(&low, "refresh_token")).await;
    let claims = testkit::keyring().verify(text(&high, "access_token")).unwrap();
    assert_eq!(claims.claims["aal"], "aal2");
    assert_eq!(claims.claims["amr"][0]["method"], "totp");
    assert_eq!(high["expires_in"], 3600);
}

/// Behaviour 122: errors in OAuth's form are 400, whatever the version.
#[tokio::test]
async fn sessions_of_oauth_clients_refresh_elsewhere() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql(
        "with client as (
           insert into auth.oauth_clients (id, registration_type, redirect_uris, grant_types, token_endpoint_auth_method)
           values (gen_random_uuid(), 'manual', 'https://a.example', 'refresh_token', 'none') returning id)
         update auth.sessions set oauth_client_id = client.id from client",
    ).await;
    let answer = service.refresh(text(&session, "refresh_token")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["error"], "invalid_client");
    assert_eq!(answer.header("x-sb-error-code"), "");
}
