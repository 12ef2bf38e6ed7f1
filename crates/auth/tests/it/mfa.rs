//! `/factors` and `/admin/users/{id}/factors`.

use std::net::IpAddr;
use std::time::Duration;

use auth::{MfaSettings, Settings};
use base::http::ClientAddr;
use http::Method;
use serde_json::{Value, json};
use testkit::{Call, keyring, project};

use crate::authenticator::{App, answer, challenge, claim, delete, enroll, post};
use crate::support::{PASSWORD, Service, assert_error, text};

#[tokio::test]
async fn an_app_is_added_with_key_address_and_picture() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let answer = enroll(&service, &session, "my phone").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let factor = answer.json();
    assert_eq!((&factor["type"], &factor["friendly_name"]), (&json!("totp"), &json!("my phone")));
    let totp = &factor["totp"];
    assert!(text(totp, "qr_code").starts_with("<svg "));
    assert!(text(totp, "uri").starts_with("otpauth://totp/127.0.0.1%3A3000:john@example.com?"));
    assert!(text(totp, "uri").contains(text(totp, "secret")));
    let user = service.user(text(&session, "access_token")).await.json();
    assert_eq!((&user["factors"][0]["id"], &user["factors"][0]["status"]), (&factor["id"], &json!("unverified")));
    assert!(user["factors"][0].get("secret").is_none());
    assert_eq!(enroll(&service, &session, "").await.json()["friendly_name"], "");
    let body = json!({"factor_type": "totp", "friendly_name": "x", "issuer": "Shop & Co"});
    let named = post(&service, &session, "/factors", body).await.json();
    assert!(text(&named["totp"], "uri").starts_with("otpauth://totp/Shop%20%26%20Co:"));
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'factor_in_progress'").await, 3);
}

/// Behaviour 24: verification raises this session, ends the lower ones and the chain of refresh tokens from before.
/// Behaviour 94: methods are listed newest first, one entry each.
#[tokio::test]
async fn verifying_raises_this_session_and_ends_the_lower_ones() {
    for version in [1, 2] {
        let settings = Settings { refresh_token_algorithm_version: version, ..Settings::default() };
        let service = Service::with(settings).await;
        let john = service.sign_up("john@example.com").await;
        let other = service.sign_in("john@example.com", PASSWORD).await.json();
        let jane = service.sign_up("jane@example.com").await;
        enroll(&service, &john, "abandoned").await;
        let app = App::enroll(&service, john).await;
        service.advance(60);
        let raised = app.step_up(&service, &app.session).await;
        assert_eq!(raised.status, 200, "{}", raised.text());
        let raised = raised.json();
        assert_eq!(
            (claim(&raised, "aal"), claim(&raised, "session_id")),
            ("aal2".into(), claim(&app.session, "session_id"))
        );
        let methods = claim(&raised, "amr");
        assert_eq!((&methods[0]["method"], &methods[1]["method"]), (&json!("totp"), &json!("password")));
        assert_eq!(methods[0]["timestamp"], service.clock.unix_seconds());
        assert_eq!(raised["user"]["factors"].as_array().unwrap().len(), 1, "the other one was not verified");
        assert_eq!(raised["user"]["factors"][0]["status"], "verified");
        let row = format!("auth.sessions where aal = 'aal2' and factor_id = '{}'", app.factor);
        assert_eq!(service.count(&row).await, 1);
        assert_error(&service.user(text(&other, "access_token")).await, 403, "session_not_found");
        assert_eq!(service.user(text(&jane, "access_token")).await.status, 200);
        let old = service.refresh(text(&app.session, "refresh_token")).await;
        assert_error(&old, 400, "refresh_token_not_found");
        let refreshed = service.refresh(text(&raised, "refresh_token")).await;
        assert_eq!(refreshed.status, 200, "{}", refreshed.text());
        assert_eq!(claim(&refreshed.json(), "aal"), "aal2");
    }
}

#[tokio::test]
async fn audit_entries_of_factors_carry_the_address() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let app = App::enroll(&service, session).await;
    let address = ClientAddr("192.0.2.1".parse::<IpAddr>().unwrap());
    let token = text(&app.session, "access_token");
    let path = format!("/factors/{}/challenge", app.factor);
    service.send(Call::post(&path, &json!({})).bearer(token).extension(address)).await;
    let entry = "auth.audit_log_entries where payload ->> 'action' = 'challenge_created' and ip_address = '192.0.2.1'";
    assert_eq!(service.count(entry).await, 1);
}

/// Behaviour 25: a challenge is answered from its address and once, else it is the mismatch of addresses.
#[tokio::test]
async fn a_challenge_is_answered_once_and_from_one_address() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let app = App::enroll(&service, session).await;
    let asked = challenge(&service, &app.session, &app.factor).await;
    let body = json!({"challenge_id": asked, "code": app.code(&service)});
    let elsewhere = Call::post(&format!("/factors/{}/verify", app.factor), &body)
        .bearer(text(&app.session, "access_token"))
        .extension(ClientAddr("192.0.2.1".parse::<IpAddr>().unwrap()));
    assert_error(&service.send(elsewhere).await, 422, "mfa_ip_address_mismatch");
    let wrong = answer(&service, &app.session, &app.factor, &asked, "000000x").await;
    assert_error(&wrong, 422, "mfa_verification_failed");
    let right = answer(&service, &app.session, &app.factor, &asked, &app.code(&service)).await;
    assert_eq!(right.status, 200, "a wrong code does not use the challenge up: {}", right.text());
    service.advance(30);
    let again = answer(&service, &right.json(), &app.factor, &asked, &app.code(&service)).await;
    assert_error(&again, 422, "mfa_ip_address_mismatch");
}

/// Behaviour 37: a code of an authenticator app counts once.
#[tokio::test]
async fn a_code_counts_once_even_with_a_new_challenge() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    assert_error(&app.step_up(&service, &app.session).await, 422, "mfa_verification_failed");
    service.advance(30);
    let earlier = app.key.code_at(service.clock.unix_seconds() - 30);
    let asked = challenge(&service, &app.session, &app.factor).await;
    let replayed = answer(&service, &app.session, &app.factor, &asked, &earlier).await;
    assert_error(&replayed, 422, "mfa_verification_failed");
    assert_eq!(app.step_up(&service, &app.session).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_answers_at_once_one_counts() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let app = App::enroll(&service, session).await;
    let mut calls = Vec::new();
    for _ in 0..10 {
        let asked = challenge(&service, &app.session, &app.factor).await;
        let body = json!({"challenge_id": asked, "code": app.code(&service)});
        let call = Call::post(&format!("/factors/{}/verify", app.factor), &body);
        let call = call.bearer(text(&app.session, "access_token"));
        let router = service.router.clone();
        calls.push(tokio::spawn(async move { call.send(&router).await.status.as_u16() }));
    }
    let mut successes = 0;
    for call in calls {
        let status = call.await.unwrap();
        assert!(status == 200 || status == 422, "{status}");
        successes += u32::from(status == 200);
    }
    assert_eq!(successes, 1);
}

#[tokio::test]
async fn challenges_expire_and_belong_to_their_factor() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let app = App::enroll(&service, session).await;
    let asked = challenge(&service, &app.session, &app.factor).await;
    service.advance(301);
    let late = answer(&service, &app.session, &app.factor, &asked, &app.code(&service)).await;
    assert_error(&late, 422, "mfa_challenge_expired");
    let gone = answer(&service, &app.session, &app.factor, &asked, &app.code(&service)).await;
    assert_error(&gone, 422, "mfa_factor_not_found");
    let empty = answer(&service, &app.session, &app.factor, &asked, "").await;
    assert_error(&empty, 400, "validation_failed");
    let path = format!("/factors/{}/verify", app.factor);
    let odd = post(&service, &app.session, &path, json!({"challenge_id": "x", "code": "123456"})).await;
    assert_error(&odd, 400, "bad_json");
}

#[tokio::test]
async fn factors_of_others_are_not_found() {
    let service = Service::new().await;
    let john = App::verified(&service, "john@example.com").await;
    let jane = service.sign_up("jane@example.com").await;
    for path in [format!("/factors/{}/challenge", john.factor), format!("/factors/{}/verify", john.factor)] {
        assert_error(&post(&service, &jane, &path, json!({"code": "1"})).await, 404, "mfa_factor_not_found");
    }
    assert_error(&delete(&service, &jane, &john.factor).await, 404, "mfa_factor_not_found");
    assert_error(&delete(&service, &jane, "x").await, 404, "validation_failed");
}

#[tokio::test]
async fn names_are_one_of_a_kind_and_numbers_limited() {
    let mfa = MfaSettings { max_enrolled_factors: 2, ..MfaSettings::default() };
    let service = Service::with(Settings { mfa, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    assert_eq!(enroll(&service, &session, "").await.status, 200);
    assert_error(&enroll(&service, &session, "").await, 422, "mfa_factor_name_conflict");
    assert_eq!(enroll(&service, &session, "b").await.status, 200);
    assert_error(&enroll(&service, &session, "c").await, 422, "too_many_enrolled_mfa_factors");
    service.advance(301);
    assert_eq!(enroll(&service, &session, "c").await.status, 200, "those that nobody went on with are gone");

    let mfa = MfaSettings { max_verified_factors: 1, ..MfaSettings::default() };
    let service = Service::with(Settings { mfa, ..Settings::default() }).await;
    let app = App::verified(&service, "john@example.com").await;
    assert_error(&enroll(&service, &app.session, "more").await, 422, "too_many_enrolled_mfa_factors");
}

#[tokio::test]
async fn kinds_that_are_off_or_unknown_are_refused() {
    let mfa = MfaSettings { totp_enroll_enabled: false, totp_verify_enabled: false, ..MfaSettings::default() };
    let service = Service::with(Settings { mfa, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    for (kind, status, code) in [
        ("totp", 422, "mfa_totp_enroll_not_enabled"),
        ("phone", 422, "mfa_phone_enroll_not_enabled"),
        ("webauthn", 422, "mfa_webauthn_enroll_not_enabled"),
        ("sms", 400, "validation_failed"),
        ("", 400, "validation_failed"),
    ] {
        let body = json!({"factor_type": kind, "friendly_name": "x", "phone": "+4915112345678"});
        assert_error(&post(&service, &session, "/factors", body).await, status, code);
    }
    service
        .db
        .sql(
            "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at, friendly_name)
             select gen_random_uuid(), u.id, k::auth.factor_type, 'unverified', now(), now(), k
             from auth.users u, unnest(array['totp', 'phone', 'webauthn']) k",
        )
        .await;
    for kind in ["totp", "phone", "webauthn"] {
        let id: String =
            service.db.value(&format!("select id::text from auth.mfa_factors where friendly_name = '{kind}'")).await;
        for step in ["challenge", "verify"] {
            let refused = post(&service, &session, &format!("/factors/{id}/{step}"), json!({"code": "1"})).await;
            assert_error(&refused, 422, &format!("mfa_{kind}_verify_not_enabled"));
        }
    }
}

/// Behaviour 28: with a verified factor the first level is not enough to change how one signs in.
#[tokio::test]
async fn the_first_level_may_not_change_how_one_signs_in() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    assert_eq!(claim(&low, "aal"), "aal1");
    let put = async |session: &Value, body: Value| {
        service.send(Call::new(Method::PUT, "/user").json(&body).bearer(text(session, "access_token"))).await
    };
    for body in
        [json!({"password": "another horse"}), json!({"email": "new@example.com"}), json!({"phone": "+4915112345678"})]
    {
        assert_error(&put(&low, body).await, 401, "insufficient_aal");
    }
    assert_eq!(put(&low, json!({"data": {"a": 1}})).await.status, 200);
    assert_error(&enroll(&service, &low, "more").await, 403, "insufficient_aal");
    assert_error(&delete(&service, &low, &app.factor).await, 422, "insufficient_aal");
    assert_eq!(put(&app.session, json!({"password": "another horse"})).await.status, 200);
    assert_eq!(enroll(&service, &app.session, "more").await.status, 200);
}

/// Behaviour 27: removing a factor lowers the sessions that used it.
/// Behaviour 93: the level follows the methods; tokens that are out keep theirs.
#[tokio::test]
async fn removing_a_factor_lowers_the_sessions_that_used_it() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let answer = delete(&service, &app.session, &app.factor).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"id": app.factor})));
    assert_eq!(service.count("auth.sessions where aal = 'aal1' and factor_id is null").await, 1);
    assert_eq!(claim(&app.session, "aal"), "aal2", "tokens that are out stay as they are");
    let refreshed = service.refresh(text(&app.session, "refresh_token")).await.json();
    assert_eq!(claim(&refreshed, "aal"), "aal1");
    assert_eq!(claim(&refreshed, "amr").as_array().unwrap().len(), 1);
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'factor_unenrolled'").await, 1);
}

/// Behaviour 74: anonymous users have no factors.
#[tokio::test]
async fn anonymous_users_and_tokens_without_a_session_have_no_factors() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let mut claims = keyring().verify(text(&session, "access_token")).unwrap().claims.clone();
    claims["is_anonymous"] = true.into();
    let body = json!({"factor_type": "totp", "friendly_name": "x"});
    let anonymous = Call::post("/factors", &body).bearer(&keyring().sign(&claims));
    assert_error(&service.send(anonymous).await, 403, "no_authorization");
    claims["is_anonymous"] = false.into();
    claims["session_id"] = "".into();
    let without = Call::post("/factors", &body).bearer(&keyring().sign(&claims));
    assert_error(&service.send(without).await, 403, "session_not_found");
}

/// Behaviour 118: a deleted factor is answered, a deleted user is an empty object.
#[tokio::test]
async fn administrators_list_rename_and_delete_factors() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let path = format!("/admin/users/{}/factors", text(&app.session["user"], "id"));
    let admin = project::service_token();
    let list = service.send(Call::get(&path).bearer(&admin)).await.json();
    assert_eq!((list.as_array().unwrap().len(), &list[0]["id"]), (1, &json!(app.factor)));
    let one = format!("{path}/{}", app.factor);
    let put = Call::new(Method::PUT, &one).json(&json!({"friendly_name": "new", "phone": "x"})).bearer(&admin);
    let renamed = service.send(put).await;
    assert_eq!((renamed.status.as_u16(), &renamed.json()["friendly_name"]), (200, &json!("new")), "{}", renamed.text());
    let nothing = service.send(Call::new(Method::PUT, &one).json(&json!({})).bearer(&admin)).await.json();
    assert_eq!(nothing["updated_at"], renamed.json()["updated_at"]);
    let by_admin = "auth.audit_log_entries where payload ->> 'action' = 'factor_updated'
        and payload ->> 'actor_username' = 'service_role' and payload -> 'traits' ->> 'factor_type' = 'totp'";
    assert_eq!(service.count(by_admin).await, 2);
    enroll(&service, &app.session, "other").await;
    let put = Call::new(Method::PUT, &one).json(&json!({"friendly_name": "other"})).bearer(&admin);
    assert_error(&service.send(put).await, 422, "mfa_factor_name_conflict");
    let deleted = service.send(Call::new(Method::DELETE, &one).bearer(&admin)).await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["friendly_name"]), (200, &json!("new")));
    assert_eq!(service.count("auth.sessions where aal = 'aal1'").await, 1);
    assert_error(&service.send(Call::new(Method::DELETE, &one).bearer(&admin)).await, 404, "mfa_factor_not_found");
    let odd = Call::new(Method::DELETE, &format!("{path}/x")).bearer(&admin);
    assert_error(&service.send(odd).await, 404, "validation_failed");
    assert_error(&service.send(Call::get(&path).bearer(text(&app.session, "access_token"))).await, 403, "not_admin");
}

#[tokio::test]
async fn with_low_level_limits_a_step_up_lifts_them() {
    let limit = Some(Duration::from_secs(600));
    let service = Service::with(Settings { sessions_allow_low_aal: limit, ..Settings::default() }).await;
    let app = App::verified(&service, "john@example.com").await;
    assert_eq!(app.session["expires_in"], 3600);
    service.advance(601);
    assert_eq!(service.refresh(text(&app.session, "refresh_token")).await.status, 200);
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    assert_eq!(low["expires_in"], 600, "92");
}
