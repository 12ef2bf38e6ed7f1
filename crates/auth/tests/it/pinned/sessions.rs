//! Sessions: what a refresh notes, from when inactivity counts, methods.

use std::time::{Duration, Instant};

use auth::Settings;
use serde_json::{Value, json};
use testkit::Call;

use crate::authenticator::{App, claim};
use crate::support::{PASSWORD, Service, assert_error, text};

/// Behaviour 88: a refresh notes its time in UTC without zone, address and program.
#[tokio::test]
async fn a_refresh_notes_when_whence_and_with_what() {
    for version in [1, 2] {
        let settings = Settings { refresh_token_algorithm_version: version, ..Settings::default() };
        let service = Service::with(settings).await;
        let session = service.sign_up("john@example.com").await;
        service.advance(90);
        let call = Call::post("/token?grant_type=refresh_token", &json!({"refresh_token": session["refresh_token"]}))
            .header("user-agent", "phone/2")
            .extension(base::http::ClientAddr("2001:db8::7".parse().expect("an address")));
        assert_eq!(service.send(call).await.status, 200);
        let row: String = service
            .db
            .value(
                "select user_agent || ' ' || host(ip) || ' ' || to_char(refreshed_at, 'YYYY-MM-DD\"T\"HH24:MI:SS')
                 from auth.sessions",
            )
            .await;
        let now = service.clock.now().to_string();
        assert_eq!(row, format!("phone/2 2001:db8::7 {}", &now[..19]));
    }
    let service = Service::new().await;
    let kind: String = service
        .db
        .value(
            "select data_type from information_schema.columns
             where table_schema = 'auth' and table_name = 'sessions' and column_name = 'refreshed_at'",
        )
        .await;
    assert_eq!(kind, "timestamp without time zone");
}

/// Behaviour 89: inactivity counts from the last refresh, else from the later of token and sign-in.
#[tokio::test]
async fn inactivity_counts_from_the_last_sign_of_life() {
    let settings = |version| Settings {
        sessions_inactivity_timeout: Some(Duration::from_secs(3600)),
        refresh_token_algorithm_version: version,
        ..Settings::default()
    };
    // (kind of token, what is changed, how much later the refresh comes, whether it passes)
    for (version, change, later, passes) in [
        (1, "update auth.refresh_tokens set updated_at = updated_at + interval '50 minutes'", 3700, true),
        (1, "update auth.sessions set created_at = created_at + interval '50 minutes'", 3700, true),
        (1, "update auth.sessions set created_at = created_at - interval '2 hours'", 3601, false),
        (1, "update auth.sessions set created_at = created_at - interval '2 hours'", 3600, true),
        (1, "update auth.sessions set refreshed_at = (now() at time zone 'utc') + interval '50 minutes'", 3700, true),
        (
            1,
            "update auth.sessions set refreshed_at = (now() at time zone 'utc') - interval '61 minutes';
             update auth.refresh_tokens set updated_at = now() + interval '50 minutes'",
            0,
            false,
        ),
        (2, "update auth.sessions set created_at = created_at + interval '50 minutes'", 3700, true),
        (2, "select 1", 3601, false),
    ] {
        let service = Service::with(settings(version)).await;
        let session = service.sign_up("john@example.com").await;
        service.db.sql(change).await;
        service.advance(later);
        let answer = service.refresh(text(&session, "refresh_token")).await;
        if passes {
            assert_eq!(answer.status, 200, "{version} {change}: {}", answer.text());
        } else {
            assert_error(&answer, 400, "session_expired");
        }
    }
}

/// Behaviour 90: an administrator's session that is over is refused, while a user's token lives on.
#[tokio::test]
async fn a_session_that_is_over_administers_nothing() {
    let settings = Settings { sessions_timebox: Some(Duration::from_secs(600)), ..Settings::default() };
    let service = Service::with(settings).await;
    let session = service.sign_up("john@example.com").await;
    let mut claims = testkit::keyring().verify(text(&session, "access_token")).expect("our token").claims.clone();
    claims["role"] = json!("service_role");
    let admin = testkit::keyring().sign(&claims);
    let list = || service.send(Call::get("/admin/users").bearer(&admin));
    assert_eq!(list().await.status, 200);
    service.advance(601);
    assert_error(&list().await, 403, "session_expired");
    assert_eq!(service.user(text(&session, "access_token")).await.status, 200);
}

/// Behaviour 86: who waits for a refresh that does not end is told to try again, after five seconds.
#[tokio::test]
async fn a_refresh_waits_five_seconds_for_another_one() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let holder = pg::Session::open(service.db.target()).await.expect("a connection");
    holder
        .batch("begin; select from auth.sessions for update; select from auth.refresh_tokens for update")
        .await
        .expect("locks");
    let started = Instant::now();
    assert_error(&service.refresh(text(&session, "refresh_token")).await, 409, "conflict");
    assert!(started.elapsed() >= Duration::from_millis(4900), "{:?}", started.elapsed());
    holder.batch("rollback").await.expect("the end");
    assert_eq!(service.refresh(text(&session, "refresh_token")).await.status, 200, "nobody was signed out");
}

/// Behaviour 93: the entry of a removed factor's method goes; tokens that are out keep their level.
/// Behaviour 94: a method that is used again is one entry with a new time, and the newest comes first.
#[tokio::test]
async fn a_method_that_is_used_again_moves_to_the_front() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let first = service.clock.unix_seconds();
    service.advance(60);
    let again = app.step_up(&service, &app.session).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let methods = claim(&again.json(), "amr");
    assert_eq!(
        methods,
        json!([
            {"method": "totp", "timestamp": first + 60},
            {"method": "password", "timestamp": first},
        ])
    );
    assert_eq!(service.count("auth.mfa_amr_claims").await, 2);
    let token = text(&again.json(), "access_token").to_owned();
    crate::authenticator::delete(&service, &again.json(), &app.factor).await;
    assert_eq!(service.count("auth.mfa_amr_claims where authentication_method = 'totp'").await, 0);
    assert_eq!(service.user(&token).await.status, 200);
    assert_eq!(testkit::keyring().verify(&token).expect("our token").claims["aal"], "aal2");
}

/// Behaviour 108: a ban ends no session; it counts at refresh and wherever the token is shown.
#[tokio::test]
async fn sessions_outlive_a_ban() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let path = format!("/admin/users/{}", text(&session["user"], "id"));
    let put = |body: Value| {
        service.send(Call::new(http::Method::PUT, &path).bearer(&testkit::project::service_token()).json(&body))
    };
    assert_eq!(put(json!({"ban_duration": "24h"})).await.status, 200);
    assert_eq!(service.count("auth.sessions").await, 1);
    assert_error(&service.refresh(text(&session, "refresh_token")).await, 400, "user_banned");
    assert_error(&service.user(text(&session, "access_token")).await, 403, "user_banned");
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "user_banned");
    assert_eq!(put(json!({"ban_duration": "none"})).await.status, 200);
    assert_eq!(service.refresh(text(&session, "refresh_token")).await.status, 200);
}
