//! What passwords must be like, and what a new one ends.

use auth::Settings;
use authkit::PasswordRules;
use serde_json::{Value, json};
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, text};

fn rules(min_length: usize, required: &str) -> Settings {
    let required_characters = PasswordRules::parse_required_characters(required);
    Settings { password: PasswordRules { min_length, required_characters }, ..Settings::default() }
}

async fn sign_up(service: &Service, password: &str) -> testkit::Answer {
    service.post("/signup", json!({"email": "john@example.com", "password": password})).await
}

/// Behaviour 43: 72 bytes is the most, and more is no matter of strength.
/// Behaviour 44: the least length counts bytes as well.
/// Behaviour 45: no configured minimum is under 6.
#[tokio::test]
async fn lengths_are_those_of_bytes() {
    let service = Service::with(rules(3, "0123456789")).await;
    let long = sign_up(&service, &"é".repeat(37)).await;
    assert_error(&long, 400, "validation_failed");
    assert!(long.json().get("weak_password").is_none(), "{}", long.text());
    let short = sign_up(&service, "1é34").await;
    assert_error(&short, 422, "weak_password");
    assert_eq!(short.json()["weak_password"]["reasons"], json!(["length"]));
    assert!(text(&short.json(), "msg").contains("at least 6 characters"));
    assert_eq!(sign_up(&service, "1éé4").await.status, 200, "four characters of six bytes");

    let service = Service::new().await;
    assert_eq!(sign_up(&service, &"é".repeat(36)).await.status, 200, "72 bytes");
    assert_eq!(service.sign_in("john@example.com", &"é".repeat(36)).await.status, 200);
}

/// Behaviour 46: missing sets of characters are one reason, and the text lists all.
#[tokio::test]
async fn all_sets_are_named_once() {
    let service = Service::with(rules(8, "abc:ABC:012")).await;
    let weak = sign_up(&service, "zzzzzzzz").await;
    assert_error(&weak, 422, "weak_password");
    assert_eq!(weak.json()["weak_password"]["reasons"], json!(["characters"]));
    let message = weak.json();
    let message = text(&message, "msg");
    assert!(message.ends_with("of each: abc, ABC, 012."), "{message}");
    assert_eq!(sign_up(&service, "zzzzzaA0").await.status, 200);
}

/// Behaviour 23: every pending token goes, in the user's row and beside it, with the times of sending.
#[tokio::test]
async fn a_new_password_ends_all_that_is_pending() {
    let service = Service::new().await;
    let session = service.sign_up("john@example.com").await;
    service
        .db
        .sql(
            "update auth.users set confirmation_token = 'a', recovery_token = 'b', email_change_token_new = 'c',
               email_change_token_current = 'd', phone_change_token = 'e', reauthentication_token = 'f',
               confirmation_sent_at = now(), recovery_sent_at = now(), email_change_sent_at = now(),
               phone_change_sent_at = now(), reauthentication_sent_at = now(),
               email_change = 'new@example.com', phone_change = '15550100';
             insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
             select gen_random_uuid(), u.id, k, k::text, u.email
             from auth.users u, unnest(enum_range(null::auth.one_time_token_type)) k",
        )
        .await;
    assert_eq!(service.count("auth.one_time_tokens").await, 6);
    let changed = service.change(text(&session, "access_token"), json!({"password": "another horse"})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let left: Value = service
        .db
        .value(
            "select jsonb_strip_nulls(jsonb_build_object(
               'tokens', confirmation_token || recovery_token || email_change_token_new || email_change_token_current
                 || phone_change_token || reauthentication_token,
               'times', coalesce(confirmation_sent_at, recovery_sent_at, email_change_sent_at, phone_change_sent_at,
                 reauthentication_sent_at))) from auth.users",
        )
        .await;
    assert_eq!(left, json!({"tokens": ""}));
    assert_eq!(service.count("auth.one_time_tokens").await, 0);
    for kind in ["email_change", "recovery", "signup"] {
        for hash in ["confirmation_token", "recovery_token", "email_change_token_new", "c", "d"] {
            let answer = service.post("/verify", json!({"type": kind, "token_hash": hash})).await;
            assert_error(&answer, 403, "otp_expired");
        }
    }
}

/// Behaviour 82: who came by recovery or a code need not know the password.
#[tokio::test]
async fn who_came_by_recovery_sets_a_password_without_the_old_one() {
    let settings = Settings { update_password_require_current_password: true, ..Settings::default() };
    let service = Service::with(settings).await;
    service.sign_up("john@example.com").await;
    service.post("/recover", json!({"email": "john@example.com"})).await;
    let letter = service.mail("john@example.com").await;
    let opened = service.send(Call::get(&letter.link)).await;
    let token = crate::support::fragment(&opened, "access_token");
    assert_eq!(service.change(&token, json!({"password": "another horse"})).await.status, 200);
    let session = service.sign_in("john@example.com", "another horse").await.json();
    let refused = service.change(text(&session, "access_token"), json!({"password": PASSWORD})).await;
    assert_error(&refused, 400, "current_password_required");
}
