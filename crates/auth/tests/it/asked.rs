//! How often letters may be asked for: with no least time between them, and after letters that others have caused.

use std::sync::Arc;
use std::time::Duration;

use auth::{Outside, Settings, SmsSettings};
use base::Clock;
use pg::Context;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::enumeration::started;
use crate::enumeration_limits::{all_at_once, statuses};
use crate::phone::Phones;
use crate::support::{PASSWORD, Service, assert_error, text};
use crate::verify::settings;

fn once_a_minute() -> Settings {
    Settings { mailer_max_frequency: Duration::from_secs(60), ..settings() }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_least_time_nothing_is_too_soon() {
    let settings = || Settings { mailer_max_frequency: Duration::ZERO, ..settings() };
    let mut service = Service::with(settings()).await;
    service.clock = Clock::system();
    service.router = started(&service, settings(), Outside::default());
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    let answers = all_at_once(&service, 50, || Call::post("/signup", &body)).await;
    assert_eq!((statuses(&answers), service.count("vestibule.mailbox").await), ((50, 0), 50));
    // Not even what another server's clock puts into the future.
    service
        .db
        .sql(
            "update vestibule.letters_asked set confirmation_at = now() + interval '1 minute';
         update auth.users set confirmation_sent_at = now() + interval '1 minute'",
        )
        .await;
    assert_eq!(service.post("/signup", body).await.status, 200);
    assert_eq!(service.count("vestibule.mailbox").await, 51);
}

/// Asks twice; asserts that the answers are those about nobody and that nothing was sent.
async fn assert_held(service: &Service, path: &str, body: Value) {
    let mails = service.count("vestibule.mailbox").await;
    for status in [200, 429] {
        let mut of_nobody = body.clone();
        of_nobody["email"] = json!("nobody@example.com");
        let answers: [Answer; 2] = [service.post(path, body.clone()).await, service.post(path, of_nobody).await];
        assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [status; 2], "{path}");
        assert_eq!(answers[0].body, answers[1].body, "{path}");
    }
    assert_eq!(service.count("vestibule.mailbox").await, mails, "{path}");
}

/// Behaviour 50: too soon sends nothing, and what was sent stays good, whoever has asked for it.
#[tokio::test]
async fn letters_that_others_have_caused_are_followed_by_none_too_soon() {
    let service = Service::with(once_a_minute()).await;
    service.sign_up("john@example.com").await;
    let opened = service.send(Call::get(&service.mail("john@example.com").await.link)).await;
    let token = crate::support::fragment(&opened, "access_token");
    // The user's own change.
    assert_eq!(service.change(&token, json!({"email": "new@example.com"})).await.status, 200);
    let first = service.mail("new@example.com").await;
    assert_held(&service, "/resend", json!({"type": "email_change", "email": "john@example.com"})).await;
    assert_eq!(service.mail("new@example.com").await.hash(), first.hash());
    // An administrator's link.
    let body = json!({"type": "recovery", "email": "john@example.com"});
    let made = service.admin_post("/admin/generate_link", body).await.json();
    assert_held(&service, "/recover", json!({"email": "john@example.com"})).await;
    let verify = json!({"type": "recovery", "token_hash": text(&made, "hashed_token")});
    assert_eq!(service.post("/verify", verify).await.status, 200);
}

/// What was asked for counts from when it was, however long it took to send it: who waits as long as told is not held
/// back for the sake of the last letter.
#[tokio::test]
async fn letters_are_noted_with_the_time_at_which_they_were_asked_for() {
    let settings = || Settings { mailer_max_frequency: Duration::ZERO, ..settings() };
    let mut service = Service::with(settings()).await;
    service.clock = Clock::system();
    service.router = started(&service, settings(), Outside::default());
    for (path, more, [asked, sent]) in [
        ("/signup", json!({"password": PASSWORD}), ["confirmation_at", "confirmation_sent_at"]),
        ("/otp", json!({}), ["confirmation_at", "confirmation_sent_at"]),
        ("/resend", json!({"type": "signup"}), ["confirmation_at", "confirmation_sent_at"]),
        ("/recover", json!({}), ["recovery_at", "recovery_sent_at"]),
        ("", json!({}), ["recovery_at", "recovery_sent_at"]),
        ("/otp", json!({}), ["recovery_at", "recovery_sent_at"]),
        ("/resend", json!({"type": "email_change"}), ["change_at", "email_change_sent_at"]),
    ] {
        if path.is_empty() {
            service.db.sql("update auth.users set email_confirmed_at = now(), email_change = 'new@example.com'").await;
            continue;
        }
        let mails = service.count("vestibule.mailbox").await;
        let mut body = more;
        body["email"] = json!("john@example.com");
        assert_eq!(service.post(path, body).await.status, 200, "{path}");
        assert!(service.count("vestibule.mailbox").await > mails, "{path}");
        let same = format!("vestibule.letters_asked join auth.users on {asked} = {sent}");
        assert_eq!(service.count(&same).await, 1, "{path}: {sent}");
    }
}

/// Numbers of accounts that are out of sight are limited like others.
#[tokio::test]
async fn a_sign_up_with_a_number_of_another_audience_counts() {
    let sms = SmsSettings { autoconfirm: false, max_frequency: Duration::from_secs(60), ..SmsSettings::default() };
    let settings = Settings { phone_enabled: true, sms, ..settings() };
    let service = Service::with_outside(settings, Outside::default().with_sms(Arc::new(Phones::default()))).await;
    service
        .db
        .sql(
            "insert into auth.users (instance_id, id, aud, role, phone, phone_confirmed_at, created_at, updated_at)
         values ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'elsewhere', 'authenticated', '15550101',
           null, now(), now()),
           ('00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'elsewhere', 'authenticated', '15550102',
           now(), now(), now())",
        )
        .await;
    for phone in ["15550100", "15550101", "15550102"] {
        let sign_up = service.post("/signup", json!({"phone": phone, "password": PASSWORD})).await;
        assert_eq!(sign_up.status, 200, "{phone}: {}", sign_up.text());
        assert_error(&service.post("/otp", json!({"phone": phone})).await, 429, "over_sms_send_rate_limit");
    }
}

/// A sign-up is as old as its request, whatever is done until it is answered: who exists already would be told by the
/// time that a letter or a hash takes.
#[tokio::test]
async fn the_time_of_a_sign_up_tells_nothing() {
    let service = Service::with(settings()).await;
    service.sign_up("waits@example.com").await;
    service.sign_up("known@example.com").await;
    service.db.sql("update auth.users set email_confirmed_at = now() where email like 'known%'").await;
    for email in ["new@example.com", "waits@example.com", "known@example.com"] {
        service.advance(60);
        let at = service.clock.now().to_string();
        let holder = service.db.db("supabase_auth_admin");
        let mut tx = holder.write(&Context::service()).await.expect("a connection");
        tx.batch("lock table auth.audit_log_entries in exclusive mode").await.expect("the table is there");
        let (router, call) =
            (service.router.clone(), Call::post("/signup", &json!({"email": email, "password": PASSWORD})));
        let asked = tokio::spawn(async move { call.send(&router).await });
        let waits = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while service.count(waits).await == 0 {
            tokio::task::yield_now().await;
        }
        service.advance(5);
        tx.commit().await.expect("nothing is in the way");
        let answer = asked.await.expect("no panic");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let user = answer.json();
        for time in ["created_at", "updated_at", "confirmation_sent_at"] {
            assert_eq!(user[time], at, "{email}: {user}");
        }
    }
}
