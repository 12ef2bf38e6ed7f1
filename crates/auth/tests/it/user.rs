//! `GET` and `PUT /user`.

use auth::Settings;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::support::{PASSWORD, Service, assert_error, text};

async fn update(service: &Service, session: &Value, body: Value) -> Answer {
    service.send(Call::new(Method::PUT, "/user").bearer(text(session, "access_token")).json(&body)).await
}

/// Behaviour 77: metadata is merged at the first level, and null deletes.
#[tokio::test]
async fn data_is_merged_key_by_key() {
    let service = Service::new().await;
    let session = service.sign_up_with("john@example.com", json!({"a": 1, "b": {"x": 1}, "c": [1]})).await;
    service.advance(5);
    let answer =
        update(&service, &session, json!({"data": {"a": null, "b": {"y": 2}, "age": 28, "n": {"z": null}}})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let user = answer.json();
    let metadata = &user["user_metadata"];
    assert!(metadata.get("a").is_none());
    assert_eq!(metadata["b"], json!({"y": 2}));
    assert_eq!(metadata["c"], json!([1]));
    assert_eq!(metadata["age"], json!(28));
    assert_eq!(metadata["n"], json!({"z": null}));
    assert_eq!(metadata["email"], "john@example.com");
    assert_eq!(user["updated_at"], service.clock.now().to_string());
    assert_eq!(service.user(text(&session, "access_token")).await.json(), user);
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'user_modified'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn merges_at_the_same_time_lose_nothing() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let (router, token) = (service.router.clone(), text(&session, "access_token").to_owned());
            let body = json!({"data": {format!("k{n}"): n}});
            tokio::spawn(async move { Call::new(Method::PUT, "/user").bearer(&token).json(&body).send(&router).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().status, 200);
    }
    let user = service.user(text(&session, "access_token")).await.json();
    for n in 0..20 {
        assert_eq!(user["user_metadata"][format!("k{n}")], n);
    }
}

/// Behaviour 77: metadata is merged at the first level, and null deletes.
#[tokio::test]
async fn metadata_that_is_no_object_is_replaced() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    for stored in ["null", "'null'", "'[1]'"] {
        service.db.sql(&format!("update auth.users set raw_user_meta_data = {stored}")).await;
        let answer = update(&service, &session, json!({"data": {"a": 1}})).await;
        assert_eq!(answer.json()["user_metadata"], json!({"a": 1}), "{stored}");
    }
}

#[tokio::test]
async fn no_metadata_is_an_empty_object_into_which_null_deletes() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set raw_user_meta_data = null").await;
    assert_eq!(service.user(text(&session, "access_token")).await.json()["user_metadata"], json!({}));
    let answer = update(&service, &session, json!({"data": {"a": 1, "b": null}})).await;
    assert_eq!(answer.json()["user_metadata"], json!({"a": 1}));
}

/// Behaviour 23: a new password ends all other sessions and every pending token.
#[tokio::test]
async fn a_new_password_ends_all_other_sessions_and_pending_tokens() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let other = service.sign_in("john@example.com", PASSWORD).await.json();
    service
        .db
        .sql(
            "update auth.users set recovery_token = 'r', recovery_sent_at = now();
         insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
         select gen_random_uuid(), id, 'recovery_token', 'r', email from auth.users",
        )
        .await;
    let answer = update(&service, &session, json!({"password": "another horse"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json().get("recovery_sent_at").is_none());
    assert_eq!(service.count("auth.one_time_tokens").await, 0);
    assert_eq!(service.user(text(&session, "access_token")).await.status, 200);
    assert_error(&service.user(text(&other, "access_token")).await, 403, "session_not_found");
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "invalid_credentials");
    assert_eq!(service.sign_in("john@example.com", "another horse").await.status, 200);
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'user_updated_password'").await, 1);
}

/// Behaviour 47: an empty password is weak, so that none can be removed.
#[tokio::test]
async fn passwords_are_checked() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    for (password, status, code) in [
        (PASSWORD.to_owned(), 422, "same_password"),
        (String::new(), 422, "weak_password"),
        ("short".to_owned(), 422, "weak_password"),
        ("x".repeat(73), 400, "validation_failed"),
    ] {
        assert_error(&update(&service, &session, json!({"password": password})).await, status, code);
    }
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
}

/// Behaviour 81: a code proves presence where the session is older than a day.
/// Behaviour 82: who came by recovery or a code need not know the password.
#[tokio::test]
async fn changing_a_password_may_need_the_old_one_or_a_fresh_sign_in() {
    let service =
        Service::with(Settings { update_password_require_current_password: true, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    let change = |current: &str| json!({"password": "another horse", "current_password": current});
    assert_error(&update(&service, &session, change("")).await, 400, "current_password_required");
    assert_error(&update(&service, &session, change("wrong")).await, 400, "current_password_invalid");
    assert_eq!(update(&service, &session, change(PASSWORD)).await.status, 200);
    service.db.sql("update auth.mfa_amr_claims set authentication_method = 'recovery'").await;
    assert_eq!(update(&service, &session, json!({"password": "a third horse"})).await.status, 200);

    let service =
        Service::with(Settings { update_password_require_reauthentication: true, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    assert_eq!(update(&service, &session, json!({"password": "another horse"})).await.status, 200);
    service.db.sql("update auth.sessions set created_at = created_at - interval '25 hours'").await;
    let again = json!({"password": "a third horse"});
    assert_error(&update(&service, &session, again).await, 400, "reauthentication_needed");
    let with_nonce = json!({"password": "a third horse", "nonce": "123456"});
    assert_error(&update(&service, &session, with_nonce).await, 422, "reauthentication_not_valid");
}

/// Behaviour 78: `app_metadata` needs the row of an administrator.
#[tokio::test]
async fn app_metadata_needs_an_administrators_row() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let body = json!({"app_metadata": {"plan": "gold"}});
    assert_error(&update(&service, &session, body.clone()).await, 403, "not_admin");
    service.db.sql("update auth.users set role = 'admin'").await;
    let answer = update(&service, &session, body).await;
    assert_eq!(answer.json()["app_metadata"], json!({"provider": "email", "providers": ["email"], "plan": "gold"}));
}

/// Behaviour 28: with a verified factor the first level may not change how one signs in.
#[tokio::test]
async fn a_second_factor_must_be_used_before_the_password_changes() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service
        .db
        .sql(
            "insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
         select gen_random_uuid(), id, 'totp', 'verified', now(), now() from auth.users",
        )
        .await;
    let change = json!({"password": "another horse"});
    assert_error(&update(&service, &session, change.clone()).await, 401, "insufficient_aal");
    assert_eq!(update(&service, &session, json!({"data": {"a": 1}})).await.status, 200);
    let sessionless = json!({"access_token": testkit::project::user_token(text(&session["user"], "id"))});
    assert_error(&update(&service, &sessionless, change.clone()).await, 401, "insufficient_aal");
    service.db.sql("update auth.sessions set aal = 'aal2'").await;
    assert_eq!(update(&service, &session, change).await.status, 200);
}

#[tokio::test]
async fn accounts_of_single_sign_on_change_there() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set is_sso_user = true").await;
    for body in [json!({"password": "another horse"}), json!({"email": "new@example.com"}), json!({"nonce": "1"})] {
        assert_error(&update(&service, &session, body).await, 422, "user_sso_managed");
    }
}

/// Behaviour 80: the same address or number is no change.
#[tokio::test]
async fn addresses_and_numbers_are_checked_and_the_same_ones_ignored() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service.sign_up("jane@example.com").await;
    service.db.sql("update auth.users set phone = '15550100' where email like 'jane%'").await;
    for (body, status, code) in [
        (json!({"email": "no address"}), 400, "validation_failed"),
        (json!({"email": "JANE@example.com"}), 422, "email_exists"),
        (json!({"phone": "no number"}), 400, "validation_failed"),
        (json!({"phone": "+1 555 0100"}), 422, "phone_exists"),
        (json!({"phone": "+1 555 0101"}), 400, "phone_provider_disabled"),
        (json!({"phone": "+1 555 0101", "channel": "pigeon"}), 400, "validation_failed"),
    ] {
        assert_error(&update(&service, &session, body).await, status, code);
    }
    let answer = update(&service, &session, json!({"email": "John@example.com"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.json().get("new_email").is_none());
}

/// A new password beside it forgets when the last letter was sent, which must not make another one due.
#[tokio::test]
async fn letters_of_a_change_come_not_sooner_with_a_password() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    assert_eq!(update(&service, &session, json!({"email": "new@example.com"})).await.status, 200);
    let both = json!({"email": "other@example.com", "password": "another horse"});
    assert_error(&update(&service, &session, both.clone()).await, 429, "over_email_send_rate_limit");
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200, "nothing has changed");
    service.advance(60);
    assert_eq!(update(&service, &session, both).await.status, 200);
}

#[tokio::test]
async fn the_audience_of_the_request_must_be_that_of_the_token() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    let call = Call::get("/user").bearer(text(&session, "access_token")).header("X-JWT-AUD", "elsewhere");
    assert_error(&service.send(call).await, 400, "validation_failed");
}
