//! What somebody with the password alone cannot get at, once the account has a second factor.

use std::sync::Arc;

use auth::{MfaSettings, Outside, Settings};
use authkit::totp::Key;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::authenticator::{App, answer, challenge, claim, delete, enroll, post};
use crate::phone::Phones;
use crate::support::{PASSWORD, Service, assert_error, text};

/// A factor that was added before the account had one must not come to count afterwards.
#[tokio::test]
async fn a_factor_from_before_the_first_is_proven_at_the_second_level_only() {
    let phones = Phones::default();
    let mfa = MfaSettings { phone_enroll_enabled: true, phone_verify_enabled: true, ..MfaSettings::default() };
    let settings = Settings { mfa, ..Settings::default() };
    let service = Service::with_outside(settings, Outside::default().with_sms(Arc::new(phones.clone()))).await;
    let owner = service.sign_up("john@example.com").await;
    let thief = service.sign_in("john@example.com", PASSWORD).await.json();
    let app = App::enroll(&service, thief).await;
    let asked = challenge(&service, &app.session, &app.factor).await;

    let phone = json!({"factor_type": "phone", "friendly_name": "mine", "phone": "+1 555 0100"});
    let phone = post(&service, &owner, "/factors", phone).await.json();
    let phone = text(&phone, "id");
    let code = challenge(&service, &owner, phone).await;
    let owner = answer(&service, &owner, phone, &code, &phones.last().code).await;
    assert_eq!(owner.status, 200, "{}", owner.text());

    let thief = service.sign_in("john@example.com", PASSWORD).await.json();
    let again = post(&service, &thief, &format!("/factors/{}/challenge", app.factor), json!({})).await;
    assert_error(&again, 403, "insufficient_aal");
    let proven = answer(&service, &thief, &app.factor, &asked, &app.code(&service)).await;
    assert_error(&proven, 403, "insufficient_aal");
    assert_eq!(service.count("auth.mfa_factors where status = 'verified'").await, 1);
    assert_eq!(app.step_up(&service, &owner.json()).await.status, 200, "at the second level it may be proven");
}

#[tokio::test]
async fn an_identity_is_unlinked_at_the_second_level_only() {
    let service = Service::with(Settings { manual_linking_enabled: true, ..Settings::default() }).await;
    let app = App::verified(&service, "john@example.com").await;
    let id = text(&app.session["user"], "id");
    service
        .db
        .sql(&format!(
            "insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at)
             values ('42', '{id}', '{{\"sub\": \"42\", \"email\": \"john@example.com\"}}', 'github', now(), now())"
        ))
        .await;
    let github: String = service.db.value("select id::text from auth.identities where provider = 'github'").await;
    let unlink = async |session: &Value| -> Answer {
        let path = format!("/user/identities/{github}");
        service.send(Call::new(Method::DELETE, &path).bearer(text(session, "access_token"))).await
    };
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    assert_error(&unlink(&low).await, 401, "insufficient_aal");
    assert_eq!(unlink(&app.session).await.status, 200);
}

/// Behaviour 24, for counted refresh tokens: what was issued before the second factor was proven gives nothing after.
#[tokio::test]
async fn a_counted_token_from_before_the_step_up_never_gives_the_second_level() {
    let settings = Settings { refresh_token_algorithm_version: 2, ..Settings::default() };
    let service = Service::with(settings).await;
    let first = service.sign_up("john@example.com").await;
    let app = App::enroll(&service, first.clone()).await;
    let raised = app.step_up(&service, &first).await.json();
    assert_error(&service.refresh(text(&first, "refresh_token")).await, 400, "refresh_token_not_found");
    let last = service.refresh(text(&raised, "refresh_token")).await;
    assert_eq!(claim(&last.json(), "aal"), "aal2");
    assert_error(&service.refresh(text(&first, "refresh_token")).await, 400, "refresh_token_not_found");
    let again = service.refresh(text(&raised, "refresh_token")).await;
    assert_eq!(again.json()["refresh_token"], last.json()["refresh_token"], "the session lives on");
}

/// Behaviours 27 and 93: a session stays with its factor when a recovery code is used, and without factors there is no
/// second level.
#[tokio::test]
async fn recovery_codes_do_not_outlive_the_factor_that_they_stand_for() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let codes = post(&service, &app.session, "/factors/recovery-codes", json!({})).await.json()["codes"].clone();
    let use_code = async |session: &Value, at: usize| -> Value {
        let used = post(&service, session, "/factors/recovery-codes/verify", json!({"code": codes[at]})).await;
        assert_eq!(used.status, 200, "{}", used.text());
        used.json()
    };
    let both = use_code(&app.session, 0).await;
    let low = service.sign_in("john@example.com", PASSWORD).await.json();
    let paper = use_code(&low, 1).await;
    assert_eq!(delete(&service, &both, &app.factor).await.status, 200);
    for session in [both, paper] {
        let session = service.refresh(text(&session, "refresh_token")).await.json();
        assert_eq!(claim(&session, "aal"), "aal1", "{}", claim(&session, "amr"));
    }
    assert_eq!(service.count("auth.sessions where aal <> 'aal1' or factor_id is not null").await, 0);
}

/// Behaviour 93: what the next token says of the level is what the session may do.
#[tokio::test]
async fn a_session_whose_factor_is_removed_is_at_the_first_level_whatever_else_it_used() {
    let service = Service::new().await;
    let app = App::verified(&service, "john@example.com").await;
    let codes = post(&service, &app.session, "/factors/recovery-codes", json!({})).await.json()["codes"].clone();
    let second = enroll(&service, &app.session, "second").await.json();
    let key = Key::parse(text(&second["totp"], "secret")).expect("base32");
    let second = App { session: app.session, factor: text(&second, "id").to_owned(), key };
    let session = second.step_up(&service, &second.session).await.json();
    let session = post(&service, &session, "/factors/recovery-codes/verify", json!({"code": codes[0]})).await.json();
    assert_eq!(delete(&service, &session, &second.factor).await.status, 200);
    let session = service.refresh(text(&session, "refresh_token")).await.json();
    assert_eq!(claim(&session, "aal"), "aal1", "{}", claim(&session, "amr"));
    let changed = service.change(text(&session, "access_token"), json!({"password": "another horse"})).await;
    assert_error(&changed, 401, "insufficient_aal");
}
