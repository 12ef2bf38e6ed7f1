//! Requests about an account that becomes another one, or goes, while they wait for its row.

use std::time::Duration;

use auth::Settings;
use serde_json::{Value, json};
use testkit::Call;

use crate::enumeration_limits::{all_at_once, statuses};
use crate::support::{PASSWORD, Service, assert_error, text};
use crate::takeover::{behind, meanwhile};
use crate::verify::settings;

/// Like whoever takes a code: the user's row first, then the codes.
const TAKES_CODES: (&str, &str) = ("select from auth.users for no key update", "delete from auth.one_time_tokens");

#[tokio::test]
async fn a_change_of_address_is_sent_again_as_it_is_by_now() {
    let service = Service::new().await;
    let session = service.sign_up("old@example.com").await;
    let token = text(&session, "access_token");
    let resend = || Call::post("/resend", &json!({"type": "email_change", "email": "old@example.com"}));
    for (now, mails) in [("third@example.com", 2), ("", 0)] {
        assert_eq!(service.change(token, json!({"email": "second@example.com"})).await.status, 200);
        service.advance(60);
        let before = service.count("vestibule.mailbox").await;
        let then = format!("{}; update auth.users set email_change = '{now}'", TAKES_CODES.1);
        let answer = meanwhile(&service, TAKES_CODES.0, &then, resend()).await;
        assert_eq!((answer.status.as_u16(), &*answer.text()), (200, "{}"));
        assert_eq!(service.count(&format!("auth.users where email_change = '{now}'")).await, 1);
        assert_eq!(service.count("vestibule.mailbox").await - before, mails, "to {now}");
        service.advance(60);
    }
    service.mail("third@example.com").await;
}

#[tokio::test]
async fn a_strangers_sign_up_leaves_the_identities_of_an_account_that_is_confirmed_meanwhile() {
    for path in ["/signup", "/otp"] {
        let service = Service::with(settings()).await;
        service.sign_up("john@example.com").await;
        service.db.sql("update auth.identities set provider = 'google', provider_id = 'g1'").await;
        service.advance(60);
        let mails = service.count("vestibule.mailbox").await;
        let body = json!({"email": "john@example.com", "password": "somebody else's", "data": {"name": "Mallory"}});
        let held = "update auth.users set email_confirmed_at = now()";
        let answer = behind(&service, held, Call::post(path, &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let providers: Value = service.db.value("select jsonb_agg(provider) from auth.identities").await;
        assert_eq!(providers, json!(["google"]), "{path}");
        assert_eq!(service.count("vestibule.mailbox").await, mails, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_ask_at_once_for_an_account_without_identity_give_it_one() {
    let service = Service::with(Settings { mailer_max_frequency: Duration::ZERO, ..settings() }).await;
    service.sign_up("john@example.com").await;
    service.db.sql("delete from auth.identities").await;
    let body = json!({"email": "john@example.com"});
    let answers = all_at_once(&service, 20, || Call::post("/otp", &body)).await;
    assert_eq!(statuses(&answers), (20, 0));
    assert_eq!(service.count("auth.identities").await, 1);
}

/// Whoever asks about an account that is deleted meanwhile is answered as about nobody.
#[tokio::test]
async fn nothing_is_told_of_an_account_that_goes_meanwhile() {
    for (path, is_confirmed, more) in [
        ("/recover", true, json!({})),
        ("/recover", false, json!({})),
        ("/otp", true, json!({})),
        ("/otp", false, json!({})),
        ("/magiclink", true, json!({})),
        ("/resend", false, json!({"type": "signup"})),
        ("/signup", false, json!({"password": PASSWORD})),
    ] {
        let service = Service::with(settings()).await;
        service.sign_up("john@example.com").await;
        if is_confirmed {
            service.db.sql("update auth.users set email_confirmed_at = now()").await;
        }
        service.advance(60);
        let mails = service.count("vestibule.mailbox").await;
        let mut body = more;
        body["email"] = json!("john@example.com");
        let answer = behind(&service, "delete from auth.users", Call::post(path, &body)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if path != "/signup" {
            assert_eq!(answer.text(), "{}", "{path}");
        }
        assert_eq!(service.count("vestibule.mailbox").await, mails, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_an_address_that_an_account_gets_meanwhile() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    service.advance(60);
    let mails = service.count("vestibule.mailbox").await;
    let call = Call::post("/recover", &json!({"email": "john@example.com"}));
    let answer = behind(&service, "update auth.users set email = 'safe@example.com'", call).await;
    assert_eq!(answer.text(), "{}");
    assert_eq!(service.count("vestibule.mailbox").await, mails);
}

#[tokio::test]
async fn links_are_made_for_users_as_they_are_by_now() {
    let admin = testkit::project::service_token();
    for kind in ["recovery", "magiclink", "signup", "invite", "email_change_new"] {
        let service = Service::with(settings()).await;
        service.sign_up("john@example.com").await;
        let body = json!({"type": kind, "email": "john@example.com", "new_email": "new@example.com"});
        let call = || Call::post("/admin/generate_link", &body).bearer(&admin);
        if matches!(kind, "signup" | "invite") {
            let held = "update auth.users set email_confirmed_at = now()";
            assert_error(&behind(&service, held, call()).await, 422, "email_exists");
            service.db.sql("update auth.users set email_confirmed_at = null").await;
        }
        assert_error(&behind(&service, "delete from auth.users", call()).await, 404, "user_not_found");
    }
}

#[tokio::test]
async fn an_invitation_meets_the_account_as_it_is_by_now() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let admin = testkit::project::service_token();
    let call = || Call::post("/invite", &json!({"email": "john@example.com"})).bearer(&admin);
    let held = "update auth.users set email_confirmed_at = now()";
    assert_error(&behind(&service, held, call()).await, 422, "email_exists");
    service.db.sql("update auth.users set email_confirmed_at = null").await;
    let answer = behind(&service, "delete from auth.users", call()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(service.count("auth.users").await, 1, "who is gone is invited anew");
}
