//! Ways to an account that is somebody else's.

use std::sync::Arc;

use auth::{Outside, Settings, SmsSettings};
use http::Method;
use pg::Context;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::phone::Phones;
use crate::support::{PASSWORD, Service, assert_error, fragment, text};
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
    meanwhile(service, held, "", call).await
}

/// The same, where the transaction goes on before it ends.
pub(crate) async fn meanwhile(service: &Service, held: &str, then: &str, call: Call) -> Answer {
    let holder = service.db.db("supabase_auth_admin");
    let mut tx = holder.write(&Context::service()).await.expect("a connection");
    tx.batch(held).await.expect("valid SQL");
    let router = service.router.clone();
    let waiting = tokio::spawn(async move { call.send(&router).await });
    let waits = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    while service.count(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    tx.batch(then).await.expect("valid SQL, and nobody waits for whom this waits for");
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
async fn a_sign_in_under_way_does_not_pass_a_ban() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let held = "update auth.users set banned_until = now() + interval '1 hour'; delete from auth.sessions";
    assert_error(&behind(&service, held, sign_in(PASSWORD)).await, 400, "user_banned");
    assert_eq!(service.count("auth.sessions").await, 0);
}

/// A sign-up that confirms an account with its own password, where addresses count as confirmed by now.
#[tokio::test]
async fn a_sign_up_under_way_opens_what_it_has_found_only() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let unconfirmed = "update auth.users set email_confirmed_at = null; delete from auth.sessions";
    service.db.sql(unconfirmed).await;
    let sign_up = || Call::post("/signup", &json!({"email": "john@example.com", "password": PASSWORD}));
    let hash: String = service.db.value("select encrypted_password from auth.users").await;
    let as_before =
        format!("update auth.users set email = 'john@example.com', banned_until = null, encrypted_password = '{hash}'");
    for change in ["email = 'mallory@example.com'", "banned_until = 'infinity'", "encrypted_password = 'another'"] {
        let held = format!("update auth.users set {change}");
        assert_error(&behind(&service, &held, sign_up()).await, 422, "user_already_exists");
        assert_eq!(service.count("auth.users where email_confirmed_at is not null").await, 0, "{change}");
        service.db.sql(&as_before).await;
    }
    assert_eq!(service.send(sign_up()).await.status, 200);
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

/// Whose session ends while a request is under way changes nothing any more.
#[tokio::test]
async fn a_change_under_way_does_not_survive_its_session() {
    let service = Service::with(Settings { manual_linking_enabled: true, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    let put = |body: &Value| Call::new(Method::PUT, "/user").json(body).bearer(text(&session, "access_token"));
    let ended = "update auth.users set updated_at = now(); delete from auth.sessions";
    for body in
        [json!({"password": "another horse"}), json!({"email": "mallory@example.com"}), json!({"data": {"a": 1}})]
    {
        let kept: Value = service.db.value("select to_jsonb(s) - '{ip,user_agent}'::text[] from auth.sessions s").await;
        assert_error(&behind(&service, ended, put(&body)).await, 403, "session_not_found");
        service
            .db
            .sql(&format!(
                "insert into auth.sessions select * from jsonb_populate_record(null::auth.sessions, '{kept}')"
            ))
            .await;
    }
    for (held, code) in [
        ("update auth.users set banned_until = now() + interval '1 hour'", "user_banned"),
        ("update auth.users set deleted_at = now(), banned_until = null", "user_not_found"),
    ] {
        assert_error(&behind(&service, held, put(&json!({"password": "another horse"}))).await, 403, code);
        service.db.sql("update auth.users set deleted_at = null, banned_until = null").await;
    }
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200, "nothing has changed");
    let factor = "
        update auth.users set updated_at = now();
        insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at, secret)
        select gen_random_uuid(), id, 'totp', 'verified', now(), now(), '' from auth.users";
    assert_error(&behind(&service, factor, put(&json!({"password": "another horse"}))).await, 401, "insufficient_aal");
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

/// Sets fields of the only user as an administrator.
async fn set(service: &Service, fields: Value) {
    let id: String = service.db.value("select id::text from auth.users").await;
    let call = Call::new(Method::PUT, &format!("/admin/users/{id}")).json(&fields);
    let answer = service.send(call.bearer(&project::service_token())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// The user as rows of the database, as it is before an administrator's change, to be put back after it.
const KEEP: &str = "
    create table kept as table auth.users; create table kept_tokens as table auth.one_time_tokens";

/// All but the address is as before: what was sent to the old one is still kept.
const PUT_BACK: &str = "
    update auth.users u set recovery_token = k.recovery_token, recovery_sent_at = k.recovery_sent_at,
      email_change = k.email_change, email_change_token_current = k.email_change_token_current,
      email_change_token_new = k.email_change_token_new, email_change_sent_at = k.email_change_sent_at
    from kept k;
    insert into auth.one_time_tokens table kept_tokens";

#[tokio::test]
async fn what_was_sent_to_an_address_that_is_the_users_no_more_opens_nothing() {
    let service = Service::with(Settings { mailer_autoconfirm: true, ..settings() }).await;
    service.sign_up("old@example.com").await;
    assert_eq!(service.post("/recover", json!({"email": "old@example.com"})).await.status, 200);
    let letter = service.mail("old@example.com").await;
    service.db.sql(KEEP).await;
    set(&service, json!({"email": "safe@example.com"})).await;
    // Ended with the change, and good for nothing even where they are not.
    assert_eq!(service.count("auth.one_time_tokens").await, 0);
    for _ in 0..2 {
        let code = json!({"type": "recovery", "email": "old@example.com", "token": letter.code});
        assert_error(&service.post("/verify", code).await, 403, "otp_expired");
        let hash = json!({"type": "recovery", "token_hash": letter.hash()});
        assert_error(&service.post("/verify", hash).await, 403, "otp_expired");
        assert_eq!(fragment(&service.send(Call::get(&letter.link)).await, "error_code"), "otp_expired");
        if service.count("auth.one_time_tokens").await == 0 {
            service.db.sql(PUT_BACK).await;
        }
    }
    // The same address ends nothing.
    service.advance(60);
    assert_eq!(service.post("/recover", json!({"email": "safe@example.com"})).await.status, 200);
    set(&service, json!({"email": "safe@example.com", "user_metadata": {"a": 1}})).await;
    let letter = service.mail("safe@example.com").await;
    let code = json!({"type": "recovery", "email": "safe@example.com", "token": letter.code});
    assert_eq!(service.post("/verify", code).await.status, 200);
}

#[tokio::test]
async fn an_administrators_change_of_the_address_ends_the_users_own() {
    let service = Service::with(settings()).await;
    service.sign_up("old@example.com").await;
    let opened = service.send(Call::get(&service.mail("old@example.com").await.link)).await;
    service.advance(60);
    let token = fragment(&opened, "access_token");
    assert_eq!(service.change(&token, json!({"email": "new@example.com"})).await.status, 200);
    let letters = [service.mail("old@example.com").await, service.mail("new@example.com").await];
    service.db.sql(KEEP).await;
    set(&service, json!({"email": "safe@example.com"})).await;
    assert!(service.user(&token).await.json().get("new_email").is_none());
    for letter in &letters {
        assert_eq!(fragment(&service.send(Call::get(&letter.link)).await, "error_code"), "otp_expired");
    }
    service.db.sql(PUT_BACK).await;
    assert_eq!(fragment(&service.send(Call::get(&letters[0].link)).await, "error_code"), "otp_expired");
    service.db.sql("update auth.users set email_change = 'another@example.com'").await;
    assert_eq!(fragment(&service.send(Call::get(&letters[1].link)).await, "error_code"), "otp_expired");
    assert_eq!(service.count("auth.users where email = 'safe@example.com'").await, 1);
}

#[tokio::test]
async fn a_test_code_finishes_no_change_of_number_that_has_ended() {
    let service = Service::with(crate::phone::settings()).await;
    let session = service.sign_up("john@example.com").await;
    let token = text(&session, "access_token");
    assert_eq!(service.change(token, json!({"phone": "15550199"})).await.status, 200);
    assert_eq!(service.change(token, json!({"password": "another horse"})).await.status, 200);
    let code = json!({"type": "phone_change", "phone": "15550199", "token": "123123"});
    assert_error(&service.post("/verify", code).await, 403, "otp_expired");
}

/// Signs up with somebody else's address.
async fn squat(service: &Service) {
    let body = json!({"email": "emp@corp.example", "password": "strangers pw", "data": {"role": "boss", "sub": "x"}});
    assert_eq!(service.post("/signup", body).await.status, 200);
    service
        .db
        .sql(
            "insert into auth.identities (provider_id, user_id, identity_data, provider)
         select 'g1', id, '{\"sub\": \"g1\", \"email\": \"emp@corp.example\"}', 'google' from auth.users",
        )
        .await;
}

#[tokio::test]
async fn an_invitation_leaves_nothing_of_who_signed_up_with_the_address_before() {
    for path in ["/invite", "/admin/generate_link"] {
        let service = Service::with(settings()).await;
        squat(&service).await;
        service.advance(60);
        let body = json!({"type": "invite", "email": "emp@corp.example", "data": {"team": 7}});
        let invited = service.admin_post(path, body).await;
        assert_eq!(invited.status, 200, "{}", invited.text());
        let invited = invited.json();
        assert_eq!(invited["user_metadata"], json!({"team": 7}), "{path}");
        let identities = invited["identities"].as_array().expect("identities");
        let data = json!({
            "sub": invited["id"], "email": "emp@corp.example", "email_verified": false, "phone_verified": false,
        });
        assert_eq!((identities.len(), &identities[0]["identity_data"]), (1, &data), "{path}");
        let changes: Value = service
            .db
            .value("select payload::jsonb #> '{traits,changes}' from auth.audit_log_entries where payload ->> 'action' = 'user_invited'")
            .await;
        assert_eq!(changes["password"], "changed", "{changes}");
        let link = match path {
            "/invite" => service.mail("emp@corp.example").await.link,
            _ => text(&invited, "action_link").replace("http://127.0.0.1:54321/auth/v1", ""),
        };
        let opened = service.send(Call::get(&link)).await;
        let token = fragment(&opened, "access_token");
        assert_eq!(service.user(&token).await.json()["user_metadata"], json!({"team": 7, "email_verified": true}));
        assert_error(&service.sign_in("emp@corp.example", "strangers pw").await, 400, "invalid_credentials");
    }
}

#[tokio::test]
async fn an_invitation_takes_nothing_from_who_was_prepared_by_an_administrator() {
    let service = Service::with(settings()).await;
    let body = json!({"email": "emp@corp.example", "password": PASSWORD, "user_metadata": {"team": 7}});
    assert_eq!(service.admin_post("/admin/users", body).await.status, 200);
    for _ in 0..2 {
        service.advance(1);
        let invited = service.admin_post("/invite", json!({"email": "emp@corp.example", "data": {"team": 8}})).await;
        assert_eq!(invited.json()["user_metadata"]["team"], 7, "{}", invited.text());
    }
    service.send(Call::get(&service.mail("emp@corp.example").await.link)).await;
    assert_eq!(service.sign_in("emp@corp.example", PASSWORD).await.status, 200);
    // What the first invitation gave stays when a second one gives nothing.
    service.admin_post("/invite", json!({"email": "jane@corp.example", "data": {"team": 7}})).await;
    let again = service.admin_post("/invite", json!({"email": "jane@corp.example"})).await;
    assert_eq!(again.json()["user_metadata"], json!({"team": 7}));
}
