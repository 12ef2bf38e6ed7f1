//! Ways to an account that is somebody else's.

use std::sync::Arc;

use auth::{Outside, Settings, SmsSettings};
use http::Method;
use pg::Context;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::phone::Phones;
use crate::support::{PASSWORD, Service, assert_error, text};
use crate::verify::{CHALLENGE, VERIFIER, exchange, settings};

/// A service that confirms numbers by codes.
async fn with_phones() -> Service {
    let sms = SmsSettings { autoconfirm: false, ..SmsSettings::default() };
    let settings = Settings { phone_enabled: true, sms, ..Settings::default() };
    Service::with_outside(settings, Outside::default().with_sms(Arc::new(Phones::default()))).await
}

#[tokio::test]
async fn a_strangers_sign_up_leaves_the_identities_of_a_confirmed_account() {
    for (path, body) in [
        ("/signup", json!({"phone": "15550100", "password": "somebody else's", "data": {"name": "Mallory"}})),
        ("/otp", json!({"phone": "15550100", "data": {"name": "Mallory"}})),
    ] {
        let service = with_phones().await;
        let session = service.sign_up("john@example.com").await;
        service.db.sql("update auth.users set phone = '15550100'").await;
        assert_eq!(service.post(path, body).await.status, 200);
        let identities: Value = service.db.value("select jsonb_agg(provider) from auth.identities").await;
        assert_eq!(identities, json!(["email"]), "{path}");
        assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
        let user = service.user(text(&session, "access_token")).await.json();
        assert_eq!(user["identities"][0]["identity_data"]["email"], "john@example.com");
    }
}

/// Sends a request while a transaction holds what it needs, which ends once the request waits for it.
pub(crate) async fn behind(service: &Service, held: &str, call: Call) -> Answer {
    let holder = service.db.db("supabase_auth_admin");
    let mut tx = holder.write(&Context::service()).await.expect("a connection");
    tx.batch(held).await.expect("valid SQL");
    let router = service.router.clone();
    let waiting = tokio::spawn(async move { call.send(&router).await });
    let waits = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while service.count(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    tx.commit().await.expect("nothing is in the way");
    waiting.await.expect("no panic")
}

fn sign_in(password: &str) -> Call {
    Call::post("/token?grant_type=password", &json!({"email": "john@example.com", "password": password}))
}

#[tokio::test]
async fn a_sign_in_under_way_does_not_survive_a_change_of_the_password() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let held = "update auth.users set encrypted_password = 'another'; delete from auth.sessions";
    assert_error(&behind(&service, held, sign_in(PASSWORD)).await, 400, "invalid_credentials");
    assert_eq!(service.count("auth.sessions").await, 0);
    assert_eq!(service.audited("login").await, 1, "that of the sign-up");
}

#[tokio::test]
async fn a_change_of_the_password_ends_what_signs_in_at_the_same_time() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let held = "
        update auth.users set last_sign_in_at = now();
        insert into auth.sessions (id, user_id) select gen_random_uuid(), id from auth.users";
    let change = Call::new(Method::PUT, "/user").json(&json!({"password": "another horse"}));
    let changed = behind(&service, held, change.bearer(text(&session, "access_token"))).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(service.count("auth.sessions").await, 1, "that of the change");
}

/// A code that waits to be exchanged, as the link of a recovery has handed it out.
async fn handed_out(service: &Service) -> String {
    service.advance(60);
    let body = json!({"email": "john@example.com", "code_challenge": CHALLENGE, "code_challenge_method": "s256"});
    assert_eq!(service.post("/recover", body).await.status, 200);
    let opened = service.send(Call::get(&service.mail("john@example.com").await.link)).await;
    opened.header("location").split_once("?code=").expect("a code").1.to_owned()
}

#[tokio::test]
async fn what_ends_sessions_ends_codes_that_were_handed_out() {
    let service = Service::with(Settings { mailer_autoconfirm: true, ..settings() }).await;
    let session = service.sign_up("john@example.com").await;
    let user = format!("/admin/users/{}", text(&session["user"], "id"));
    let as_admin = |method, path: &str| Call::new(method, path).bearer(&project::service_token());
    for (method, path, password) in [
        (Method::POST, "/logout", None),
        (Method::POST, "/logout?scope=others", None),
        (Method::DELETE, &*format!("{user}/sessions"), None),
        (Method::PUT, "/user", Some("another horse")),
        (Method::PUT, &*user, Some(PASSWORD)),
    ] {
        let code = handed_out(&service).await;
        let call = if path.starts_with("/admin") {
            as_admin(method, path)
        } else {
            let session = service.sign_in("john@example.com", PASSWORD).await.json();
            Call::new(method, path).bearer(text(&session, "access_token"))
        };
        let call = password.map(|password| json!({"password": password})).iter().fold(call, Call::json);
        let answer = service.send(call).await;
        assert!(answer.status.is_success(), "{}", answer.text());
        assert_error(&exchange(&service, &code, VERIFIER).await, 404, "flow_state_not_found");
    }
    // A ban ends neither; both are refused until it is over.
    let code = handed_out(&service).await;
    for (ban, status) in [("1m", 400), ("none", 200)] {
        let banned = service.send(as_admin(Method::PUT, &user).json(&json!({"ban_duration": ban}))).await;
        assert_eq!(banned.status, 200);
        assert_eq!(exchange(&service, &code, VERIFIER).await.status, status, "{ban}");
    }
}

#[tokio::test]
async fn an_exchange_under_way_does_not_survive_a_change_of_the_password() {
    let service = Service::with(Settings { mailer_autoconfirm: true, ..settings() }).await;
    service.sign_up("john@example.com").await;
    let code = handed_out(&service).await;
    let held = "
        update auth.users set encrypted_password = 'another'; delete from auth.flow_state; delete from auth.sessions";
    let body = json!({"auth_code": code, "code_verifier": VERIFIER});
    let answer = behind(&service, held, Call::post("/token?grant_type=pkce", &body)).await;
    assert_error(&answer, 404, "flow_state_not_found");
    assert_eq!(service.count("auth.sessions").await, 0);
}
