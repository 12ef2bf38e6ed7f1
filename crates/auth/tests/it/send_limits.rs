//! How much is sent to all together.

use std::sync::Arc;
use std::time::Duration;

use auth::{Deps, HookName, LetterSettings, Outside, OutsideSettings, RateLimits, SendLimit, Settings, SmsSettings};
use authkit::template::Kind;
use axum::Router;
use base::Random;
use serde_json::json;
use testkit::{Answer, Call, keyring};
use wiremock::ResponseTemplate;

use crate::hooks;
use crate::letters::Post;
use crate::phone::Phones;
use crate::support::{PASSWORD, Service, assert_error, text};

fn limit(text: &str) -> SendLimit {
    auth::send_limit(text).expect("a limit")
}

fn mails(limit: SendLimit) -> Settings {
    let rate_limits = RateLimits { email_sent: limit, ..RateLimits::default() };
    let mailer_max_frequency = Duration::ZERO;
    Settings { rate_limits, mailer_max_frequency, mailer_autoconfirm: false, ..Settings::default() }
}

async fn sign_up(service: &Service, email: &str) -> Answer {
    service.post("/signup", json!({"email": email, "password": PASSWORD})).await
}

async fn recover(service: &Service, email: &str) -> Answer {
    service.post("/recover", json!({"email": email})).await
}

/// Another server on the same database.
fn other_instance(service: &Service, settings: Settings, post: &Post) -> Router {
    let (keyring, clock, random) = (keyring(), service.clock.clone(), Random::system());
    let deps = Deps { db: service.db.db("supabase_auth_admin"), keyring, clock, random };
    let outside = Outside::default().with_mailer(Arc::new(post.clone()));
    auth::router(auth::State::new(settings, deps).with_outside(outside))
}

/// Behaviour 134: limits are shared by all servers of a database.
#[tokio::test]
async fn so_many_mails_go_out_in_an_hour_from_all_servers_together() {
    let post = Post::default();
    let service = post.service(mails(limit("2")), OutsideSettings::default()).await;
    let other = other_instance(&service, mails(limit("2")), &post);
    assert_eq!(sign_up(&service, "a@example.com").await.status, 200);
    service.advance(600);
    let from_other = Call::post("/recover", &json!({"email": "a@example.com"}));
    assert_eq!(from_other.send(&other).await.status, 200);
    let refused = sign_up(&service, "b@example.com").await;
    assert_error(&refused, 429, "over_email_send_rate_limit");
    assert_eq!(refused.header("retry-after"), "3000");
    assert!(text(&refused.json(), "msg").contains("\"email_sent\""), "{}", refused.text());
    assert_eq!((service.count("auth.users").await, post.count()), (1, 2), "nothing remains of the sign-up");
    service.advance(2999);
    assert_error(&recover(&service, "a@example.com").await, 429, "over_email_send_rate_limit");
    service.advance(1);
    for email in ["b@example.com", "c@example.com"] {
        assert_eq!(sign_up(&service, email).await.status, 200);
    }
    assert_error(&sign_up(&service, "d@example.com").await, 429, "over_email_send_rate_limit");
}

#[tokio::test]
async fn with_a_time_they_come_back_one_by_one() {
    let post = Post::default();
    let service = post.service(mails(limit("2/1m")), OutsideSettings::default()).await;
    for email in ["a@example.com", "b@example.com"] {
        assert_eq!(sign_up(&service, email).await.status, 200);
    }
    let refused = sign_up(&service, "c@example.com").await;
    assert_error(&refused, 429, "over_email_send_rate_limit");
    assert_eq!(refused.header("retry-after"), "60");
    service.advance(60);
    assert_eq!(sign_up(&service, "c@example.com").await.status, 200);
    assert_error(&sign_up(&service, "d@example.com").await, 429, "over_email_send_rate_limit");
}

// The limit tells nobody who has an account: what only seems to be sent counts too.
#[tokio::test]
async fn unknown_addresses_are_counted_like_known_ones() {
    for email in ["known@example.com", "unknown@example.com"] {
        let post = Post::default();
        let service = post.service(mails(limit("3")), OutsideSettings::default()).await;
        sign_up(&service, "known@example.com").await;
        service.db.sql("update auth.users set email_confirmed_at = now()").await;
        assert_eq!(recover(&service, email).await.status, 200);
        assert_eq!(sign_up(&service, "known@example.com").await.status, 200, "it seems so");
        let refused = recover(&service, email).await;
        assert_error(&refused, 429, "over_email_send_rate_limit");
        assert_eq!(refused.header("retry-after"), "3600");
    }
}

/// Behaviour 133: a limit of none on mails stops them even where addresses are confirmed at once.
#[tokio::test]
async fn none_is_none_and_else_those_who_need_not_confirm_are_not_counted() {
    let post = Post::default();
    let settings = Settings { mailer_autoconfirm: true, ..mails(limit("0")) };
    let none = post.service(settings, OutsideSettings::default()).await;
    none.sign_up("a@example.com").await;
    let refused = recover(&none, "a@example.com").await;
    assert_error(&refused, 429, "over_email_send_rate_limit");
    assert!(refused.headers.get("retry-after").is_none(), "there is no use in waiting");
    assert_eq!(post.count(), 0);

    let settings = Settings { mailer_autoconfirm: true, ..mails(limit("1")) };
    let free = post.service(settings, OutsideSettings::default()).await;
    free.sign_up("a@example.com").await;
    for _ in 0..3 {
        assert_eq!(recover(&free, "a@example.com").await.status, 200);
    }
    assert_eq!(post.count(), 3);
}

#[tokio::test]
async fn mail_that_stays_in_the_mailbox_is_not_counted() {
    let service = Service::with(mails(limit("1"))).await;
    for email in ["a@example.com", "b@example.com"] {
        assert_eq!(sign_up(&service, email).await.status, 200);
    }
    assert_eq!(service.count("vestibule.mailbox").await, 2);
    let none = Service::with(mails(limit("0"))).await;
    assert_error(&sign_up(&none, "a@example.com").await, 429, "over_email_send_rate_limit");
}

#[tokio::test]
async fn mails_by_hook_and_notifications_count_and_two_for_one_change_are_one() {
    let server = hooks::server(ResponseTemplate::new(200).set_body_json(json!({}))).await;
    let service = hooks::service(mails(limit("1")), &[(HookName::SendEmail, &server.uri())]).await;
    assert_eq!(sign_up(&service, "a@example.com").await.status, 200);
    assert_error(&recover(&service, "a@example.com").await, 429, "over_email_send_rate_limit");

    let post = Post::default();
    let letters = LetterSettings { notifications: vec![Kind::PasswordChanged], ..LetterSettings::default() };
    let service = post.service(Settings { letters, ..mails(limit("3")) }, OutsideSettings::default()).await;
    sign_up(&service, "a@example.com").await;
    service.db.sql("update auth.users set email_confirmed_at = now()").await;
    let session = service.sign_in("a@example.com", PASSWORD).await.json();
    let token = text(&session, "access_token");
    assert_eq!(service.change(token, json!({"email": "b@example.com"})).await.status, 200);
    assert_eq!(post.count(), 3);
    for (password, letters) in [("another horse", 4), ("a third horse", 4)] {
        let changed = service.change(token, json!({"password": password})).await;
        post.wait_for(letters).await;
        assert_eq!((changed.status.as_u16(), post.count()), (200, letters), "a notification fails nothing");
    }
}

// More at once than there are connections, each of which waits for its turn to be counted.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_mails_at_once_no_more_go_out() {
    let post = Post::default();
    let service = post.service(mails(limit("5")), OutsideSettings::default()).await;
    let calls: Vec<_> = (0..40)
        .map(|number| {
            let router = service.router.clone();
            let body = json!({"email": format!("{number}@example.com"), "create_user": true});
            tokio::spawn(async move { Call::post("/otp", &body).send(&router).await.status.as_u16() })
        })
        .collect();
    let mut passed = 0;
    for call in calls {
        let status = call.await.expect("no panic");
        assert!(status == 200 || status == 429, "{status}");
        passed += usize::from(status == 200);
    }
    assert_eq!((passed, post.count()), (5, 5));
}

#[tokio::test]
async fn messages_to_phones_are_counted_but_not_for_test_numbers() {
    let sms = |autoconfirm| SmsSettings {
        autoconfirm,
        max_frequency: Duration::ZERO,
        test_otp: [("15550199".to_owned(), "123123".to_owned())].into(),
        ..SmsSettings::default()
    };
    let rate_limits = RateLimits { sms_sent: limit("2"), ..RateLimits::default() };
    let settings = |autoconfirm| Settings {
        rate_limits: rate_limits.clone(),
        phone_enabled: true,
        sms: sms(autoconfirm),
        ..Settings::default()
    };
    let phones = Phones::default();
    let outside = || Outside::default().with_sms(Arc::new(phones.clone()));
    let service = Service::with_outside(settings(false), outside()).await;
    for phone in ["15550199", "15550199", "15550100", "15550101"] {
        assert_eq!(service.post("/otp", json!({"phone": phone})).await.status, 200, "{phone}");
    }
    let refused = service.post("/otp", json!({"phone": "15550102"})).await;
    assert_error(&refused, 429, "over_sms_send_rate_limit");
    assert!(text(&refused.json(), "msg").contains("\"sms_sent\""), "{}", refused.text());
    assert_eq!((refused.header("retry-after"), phones.count()), ("3600", 2));
    let free = Service::with_outside(settings(true), outside()).await;
    for _ in 0..3 {
        assert_eq!(free.post("/otp", json!({"phone": "15550100"})).await.status, 200);
    }
}
