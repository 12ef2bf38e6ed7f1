//! `POST /otp` and `POST /magiclink` by mail.

use auth::Settings;
use serde_json::json;
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, fragment, text};
use crate::verify::{CHALLENGE, VERIFIER, exchange, settings};

/// Behaviour 41: the address is stored in lower case.
/// Behaviour 54: `email` stands for both, and the names of before stay good.
/// Behaviour 56: who is new gets the letter of confirmation, who is confirmed the magic link.
#[tokio::test]
async fn who_is_new_confirms_and_who_is_known_signs_in() {
    let service = Service::with(settings()).await;
    let body = json!({"email": "John@example.com", "data": {"first_name": "John"}});
    let new = service.post("/otp", body.clone()).await;
    assert_eq!((new.status.as_u16(), &*new.text()), (200, "{}"));
    let letter = service.mail("john@example.com").await;
    assert!(letter.link.contains("type=signup"), "{letter:?}");
    let verify = json!({"type": "email", "token": letter.code, "email": "john@example.com"});
    let session = service.post("/verify", verify).await.json();
    assert_eq!(session["user"]["user_metadata"]["first_name"], "John");
    assert!(session["user"]["email_confirmed_at"].is_string());

    service.advance(1);
    let known = service.post("/otp", json!({"email": "john@example.com", "create_user": false})).await;
    assert_eq!((known.status, &known.body, known.headers.len()), (new.status, &new.body, new.headers.len()));
    let letter = service.mail("john@example.com").await;
    let opened = service.send(Call::get(&letter.link)).await;
    assert_eq!(fragment(&opened, "type"), "magiclink");
    assert_eq!(service.audited("user_recovery_requested").await, 1);
    assert_error(&service.sign_in("john@example.com", "").await, 400, "invalid_credentials");
    assert_eq!(service.count("auth.users where email = 'john@example.com'").await, 1);
}

/// Behaviour 49: a new mail ends the link of the one before.
/// Behaviour 50: too soon sends nothing, and what was sent stays good.
/// Behaviour 57: asking again before confirming is the confirmation once more.
#[tokio::test]
async fn asking_again_before_confirming_is_limited_and_the_old_code_stays_good() {
    let service = Service::with(settings()).await;
    service.post("/otp", json!({"email": "john@example.com"})).await;
    let soon = service.post("/otp", json!({"email": "john@example.com"})).await;
    assert_error(&soon, 429, "over_email_send_rate_limit");
    let first = service.mail("john@example.com").await;
    service.advance(1);
    assert_eq!(service.post("/otp", json!({"email": "john@example.com"})).await.status, 200);
    let second = service.mail("john@example.com").await;
    let verify = |hash: &str| json!({"type": "signup", "token_hash": hash});
    assert_error(&service.post("/verify", verify(first.hash())).await, 403, "otp_expired");
    assert_eq!(service.post("/verify", verify(second.hash())).await.status, 200);
    assert_eq!(service.count("auth.users").await, 1);
}

/// Behaviour 4: nobody learns by these answers who has an account, except where an app asks with `create_user: false`.
/// Behaviour 69: a channel with an address is an error for codes and nothing for sign-ups.
#[tokio::test]
async fn inputs_and_switches_are_checked() {
    let service = Service::with(settings()).await;
    for (path, body, status, code) in [
        ("/otp", json!({}), 400, "validation_failed"),
        ("/otp", json!({"email": "a@b.c", "phone": "15550100"}), 400, "validation_failed"),
        ("/otp", json!({"email": "a@b.c", "channel": "sms"}), 400, "validation_failed"),
        ("/otp", json!({"email": "a@b.c", "code_challenge": "x"}), 400, "validation_failed"),
        ("/otp", json!({"email": "no address"}), 400, "validation_failed"),
        ("/otp", json!({"email": "no address", "create_user": false}), 422, "otp_disabled"),
        ("/otp", json!({"email": "a@b.c", "create_user": false}), 422, "otp_disabled"),
        ("/otp", json!({"phone": "15550100"}), 400, "phone_provider_disabled"),
        ("/magiclink", json!({}), 422, "validation_failed"),
        ("/magiclink", json!({"email": "no address"}), 400, "validation_failed"),
    ] {
        assert_error(&service.post(path, body).await, status, code);
    }
    for (settings, code) in [
        (Settings { email_enabled: false, ..settings() }, "email_provider_disabled"),
        (Settings { magic_link_enabled: false, ..settings() }, "email_provider_disabled"),
    ] {
        let service = Service::with(settings).await;
        assert_error(&service.post("/otp", json!({"email": "a@b.c"})).await, 422, code);
        assert_eq!(service.count("auth.users").await, 0);
    }
}

/// Behaviour 71: a flow lasts five minutes from its start, a magic link's from its click.
#[tokio::test]
async fn a_magic_link_with_a_challenge_may_be_opened_late() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let body = json!({
        "email": "john@example.com", "code_challenge": CHALLENGE, "code_challenge_method": "s256",
    });
    assert_eq!(service.post("/magiclink", body).await.status, 200);
    service.advance(3000);
    let opened = service.send(Call::get(&service.mail("john@example.com").await.link)).await;
    let code = opened.header("location").split_once("?code=").expect("a code").1.to_owned();
    service.advance(299);
    let answer = exchange(&service, &code, VERIFIER).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = testkit::keyring().verify(text(&answer.json(), "access_token")).unwrap();
    assert_eq!(token.claims["amr"][0]["method"], "magiclink");
}

#[tokio::test]
async fn where_addresses_count_as_confirmed_a_new_user_gets_a_link_to_sign_in() {
    let service = Service::new().await;
    assert_eq!(service.post("/otp", json!({"email": "john@example.com"})).await.status, 200);
    assert_eq!(service.count("auth.users where email_confirmed_at is not null").await, 1);
    assert_eq!(service.count("auth.sessions").await, 0);
    assert!(service.mail("john@example.com").await.link.contains("type=magiclink"));
}

#[tokio::test]
async fn a_code_is_good_once_however_many_ask_at_the_same_time() {
    let service = Service::with(settings()).await;
    service.post("/otp", json!({"email": "john@example.com"})).await;
    let code = service.mail("john@example.com").await.code;
    let body = json!({"type": "email", "token": code, "email": "john@example.com"});
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let (router, call) = (service.router.clone(), Call::post("/verify", &body));
            tokio::spawn(async move { call.send(&router).await.status.as_u16() })
        })
        .collect();
    let mut statuses = Vec::new();
    for attempt in tries {
        statuses.push(attempt.await.expect("it does not panic"));
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(service.count("auth.sessions").await, 1);
}

#[tokio::test]
async fn an_account_that_was_opened_by_a_code_gets_a_password_later() {
    let service = Service::new().await;
    service.post("/otp", json!({"email": "john@example.com"})).await;
    let opened = service.send(Call::get(&service.mail("john@example.com").await.link)).await;
    let changed = service.change(&fragment(&opened, "access_token"), json!({"password": PASSWORD})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
}

/// The unique index knows no audience: an account of another one is out of sight, and in the way.
#[tokio::test]
async fn an_account_of_another_audience_is_not_told() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let ask = |path: &'static str, email: &str| {
        service.send(Call::post(path, &json!({"email": email})).header("X-JWT-AUD", "other"))
    };
    for (path, new) in [("/otp", "new1@example.com"), ("/magiclink", "new2@example.com")] {
        service.advance(1);
        let unknown = ask(path, new).await;
        let taken = ask(path, "john@example.com").await;
        assert_eq!((taken.status.as_u16(), &*taken.text()), (200, "{}"), "{path}");
        assert_eq!((unknown.status, unknown.body), (taken.status, taken.body), "{path}");
        for email in [new, "john@example.com"] {
            assert_error(&ask(path, email).await, 429, "over_email_send_rate_limit");
        }
    }
    assert_eq!(service.count("vestibule.mailbox where mail_to = array['john@example.com']").await, 1, "its own");
    let invite = Call::post("/invite", &json!({"email": "john@example.com"})).header("X-JWT-AUD", "other");
    let invited = service.send(invite.bearer(&testkit::project::service_token())).await;
    assert_error(&invited, 422, "email_exists");
}

/// Rows from elsewhere may have addresses with capitals.
#[tokio::test]
async fn codes_are_good_whatever_the_case_of_the_stored_address() {
    let service = Service::with(settings()).await;
    service.post("/otp", json!({"email": "john@example.com"})).await;
    service.db.sql("update auth.users set email = 'John@Example.com', email_confirmed_at = now()").await;
    service.advance(60);
    assert_eq!(service.post("/otp", json!({"email": "john@example.com"})).await.status, 200);
    let code = service.mail("John@Example.com").await.code;
    let verify = json!({"type": "email", "email": "john@example.com", "token": code});
    let answer = service.post("/verify", verify).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Behaviour of `type=email` in links: what the app is told follows the code, not the account.
#[tokio::test]
async fn a_link_of_a_recovery_is_told_as_a_magic_link() {
    let service = Service::with(settings()).await;
    service.post("/otp", json!({"email": "john@example.com"})).await;
    let hash = service.mail("john@example.com").await.hash().to_owned();
    let answer = service.send(Call::get(&format!("/verify?type=email&token={hash}"))).await;
    assert_eq!(fragment(&answer, "type"), "signup");
    service.post("/otp", json!({"email": "jane@example.com"})).await;
    service.advance(60);
    service.post("/recover", json!({"email": "jane@example.com"})).await;
    let hash = service.mail("jane@example.com").await.hash().to_owned();
    let answer = service.send(Call::get(&format!("/verify?type=email&token={hash}"))).await;
    assert_eq!(fragment(&answer, "type"), "magiclink");
}
