//! Letters and hooks that tell of second factors and identities.

use std::time::Duration;

use auth::{HookName, LetterSettings, OutsideSettings, Settings};
use authkit::template::Kind;
use http::Method;
use serde_json::{Value, json};
use testkit::Call;
use wiremock::{MockServer, ResponseTemplate};

use crate::authenticator::{App, delete, enroll};
use crate::hooks;
use crate::letters::Post;
use crate::phone;
use crate::support::{Service, text};

fn settings() -> Settings {
    let notifications = vec![Kind::MfaFactorEnrolled, Kind::MfaFactorUnenrolled, Kind::IdentityUnlinked];
    let letters = LetterSettings { notifications, ..LetterSettings::default() };
    Settings { letters, manual_linking_enabled: true, ..Settings::default() }
}

/// Gives the only user an identity at a provider, and removes the one by email.
async fn unlink(service: &Service, session: &Value) {
    service
        .db
        .sql(
            r#"insert into auth.identities (id, provider_id, user_id, identity_data, provider, created_at, updated_at)
               select gen_random_uuid(), '1', id, '{"email": "work@example.com", "email_verified": true}', 'github',
                 now(), now() from auth.users"#,
        )
        .await;
    let identity = text(&session["user"]["identities"][0], "identity_id");
    let call = Call::new(Method::DELETE, &format!("/user/identities/{identity}"));
    let answer = service.send(call.bearer(text(session, "access_token"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Behaviour 17: the letter about an unlinked identity goes to the address of before.
#[tokio::test]
async fn letters_tell_of_factors_and_identities() {
    let post = Post::default();
    let service = post.service(settings(), OutsideSettings::default()).await;
    let app = App::verified(&service, "john@example.com").await;
    post.wait_for(1).await;
    let told = post.last();
    assert_eq!(&*told.to, &["john@example.com".to_owned()][..]);
    assert!(told.plain.contains("totp"), "{}", told.plain);
    service.advance(30);
    app.step_up(&service, &app.session).await;
    assert_eq!(post.count(), 1, "the first time alone is news");
    delete(&service, &app.session, &app.factor).await;
    post.wait_for(2).await;
    let told = post.last();
    assert!(told.plain.contains("totp"), "{}", told.plain);

    unlink(&service, &app.session).await;
    post.wait_for(3).await;
    let told = post.last();
    assert_eq!((post.count(), &*told.to), (3, &["john@example.com".to_owned()][..]), "the address from before");
    assert!(told.plain.contains("email"), "{}", told.plain);
    assert_eq!(service.count("auth.users where email = 'work@example.com'").await, 1);
}

/// A first number is a new way to sign in, and no change of one.
#[tokio::test]
async fn a_letter_tells_of_a_first_number_and_another_of_the_next() {
    let post = Post::default();
    let letters =
        LetterSettings { notifications: vec![Kind::PhoneChanged, Kind::IdentityLinked], ..LetterSettings::default() };
    let mut settings = Settings { letters, ..phone::settings() };
    settings.sms.test_otp.insert("15550198".to_owned(), "456456".to_owned());
    let service = post.service(settings, OutsideSettings::default()).await;
    let session = service.sign_up("john@example.com").await;
    for (count, number, code, told) in [(1, "15550199", "123123", "phone"), (2, "15550198", "456456", "15550199")] {
        service.advance(60);
        let answer = service.change(text(&session, "access_token"), json!({"phone": number})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let answer = service.post("/verify", json!({"type": "phone_change", "phone": number, "token": code})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        post.wait_for(count).await;
        let letter = post.last();
        assert_eq!((post.count(), &*letter.to), (count, &["john@example.com".to_owned()][..]));
        assert!(letter.plain.contains(told), "{}", letter.plain);
    }
}

/// What the hook was told last, once it was told as often.
async fn told_times(server: &MockServer, times: usize) -> Value {
    let wait = async {
        while server.received_requests().await.is_none_or(|requests| requests.len() < times) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the hook is called");
    hooks::told(server).await
}

#[tokio::test]
async fn the_hook_is_told_kind_and_provider() {
    let server = hooks::server(ResponseTemplate::new(200).set_body_json(json!({}))).await;
    let service = hooks::service(settings(), &[(HookName::SendEmail, &server.uri())]).await;
    let app = App::verified(&service, "john@example.com").await;
    let data = told_times(&server, 1).await["email_data"].clone();
    assert_eq!(data["email_action_type"], "mfa_factor_enrolled_notification");
    assert_eq!((&data["factor_type"], &data["provider"]), (&json!("totp"), &json!("")));
    delete(&service, &app.session, &app.factor).await;
    let data = told_times(&server, 2).await["email_data"].clone();
    assert_eq!(data["email_action_type"], "mfa_factor_unenrolled_notification");
    assert_eq!(data["factor_type"], "totp");
    unlink(&service, &app.session).await;
    let input = told_times(&server, 3).await;
    assert_eq!(input["email_data"]["email_action_type"], "identity_unlinked_notification");
    assert_eq!(input["email_data"]["provider"], "email");
    assert_eq!(input["user"]["email"], "john@example.com");
}

/// Behaviour 132: a notification that fails fails nothing.
#[tokio::test]
async fn what_cannot_be_told_happens_all_the_same() {
    let server = hooks::server(ResponseTemplate::new(500)).await;
    let service = hooks::service(settings(), &[(HookName::SendEmail, &server.uri())]).await;
    let app = App::verified(&service, "john@example.com").await;
    assert_eq!(service.count("auth.mfa_factors where status = 'verified'").await, 1);
    assert_eq!(delete(&service, &app.session, &app.factor).await.status, 200);
    assert_eq!(service.count("auth.mfa_factors").await, 0);
}

#[tokio::test]
async fn nothing_is_told_that_is_not_switched_on() {
    let post = Post::default();
    let service = post.service(Settings::default(), OutsideSettings::default()).await;
    let app = App::verified(&service, "john@example.com").await;
    enroll(&service, &app.session, "other").await;
    delete(&service, &app.session, &app.factor).await;
    assert_eq!(post.count(), 0);
}
