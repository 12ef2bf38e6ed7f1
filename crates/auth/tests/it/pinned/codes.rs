//! Codes and links: where they are kept, what ends them, who is refused.

use auth::{Settings, SmsSettings};
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::support::{PASSWORD, Service, assert_error, code_hashes, fragment, text};
use crate::verify::{exchange, settings};

async fn verify(service: &Service, kind: &str, hash: &str) -> Answer {
    service.post("/verify", json!({"type": kind, "token_hash": hash})).await
}

/// The subject of the latest mail.
async fn subject(service: &Service) -> String {
    service.db.value("select subject from vestibule.mailbox order by created_at desc limit 1").await
}

/// Behaviour 7: codes are looked up by their hash, so that comparing them tells at most about hashes; no code is
/// kept as it is.
#[tokio::test]
async fn no_table_holds_a_code() {
    let settings = Settings { mailer_otp_length: 10, ..settings() };
    let service = Service::with(settings).await;
    service.sign_up("john@example.com").await;
    let letter = service.mail("john@example.com").await;
    assert_eq!(letter.code.len(), 10);
    assert_eq!(letter.hash(), code_hashes("john@example.com", &letter.code)[0]);
    let tables: Value = service
        .db
        .value(
            "select jsonb_agg(table_name) from information_schema.tables
             where table_schema = 'auth' and table_type = 'BASE TABLE'",
        )
        .await;
    for table in tables.as_array().expect("tables") {
        let table = table.as_str().expect("a name");
        let holds = format!("auth.{table} as t where t::text like '%{}%'", letter.code);
        assert_eq!(service.count(&holds).await, 0, "{table}");
    }
}

/// The hash takes a secret, since whoever knows an address could compute the links of all codes that there are. What
/// Supabase's server has sent before the database came here has none, and is good as it was.
#[tokio::test]
async fn nobody_can_compute_a_link() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let code = service.mail("john@example.com").await.code;
    let [_, computed] = code_hashes("john@example.com", &code);
    assert_error(&verify(&service, "signup", &computed).await, 403, "otp_expired");
    service.db.sql(&format!("update auth.one_time_tokens set token_hash = 'pkce_{computed}'")).await;
    let typed = json!({"type": "signup", "token": code, "email": "john@example.com"});
    assert_eq!(service.post("/verify", typed).await.status, 200);
}

/// Digits that are moved from the code to the address make the same text, which must not be the same code: wrong ones
/// are counted by the address that is named.
#[tokio::test]
async fn a_code_is_good_for_the_contact_it_was_sent_to_only() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let code = service.mail("john@example.com").await.code;
    let verify =
        |email: &str, code: &str| service.post("/verify", json!({"type": "signup", "email": email, "token": code}));
    let moved = format!("john@example.com{}", &code[..5]);
    assert_error(&verify(&moved, &code[5..]).await, 403, "otp_expired");
    let [_, unkeyed] = code_hashes("john@example.com", &code);
    service.db.sql(&format!("update auth.one_time_tokens set token_hash = '{unkeyed}'")).await;
    assert_error(&verify(&moved, &code[5..]).await, 403, "otp_expired");
    assert_eq!(verify("JOHN@example.com", &code).await.status, 200);
}

/// Behaviour 48: a token is kept twice; here the row beside the user decides for links and for codes.
#[tokio::test]
async fn the_row_beside_the_user_decides() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let letter = service.mail("john@example.com").await;
    let twice = "auth.users join auth.one_time_tokens on token_hash = confirmation_token and user_id = users.id";
    assert_eq!(service.count(twice).await, 1);
    service
        .db
        .sql("create table public.kept as select * from auth.one_time_tokens; delete from auth.one_time_tokens")
        .await;
    let code = json!({"type": "signup", "token": letter.code, "email": "john@example.com"});
    assert_error(&verify(&service, "signup", letter.hash()).await, 403, "otp_expired");
    assert_error(&service.post("/verify", code.clone()).await, 403, "otp_expired");
    service.db.sql("insert into auth.one_time_tokens select * from public.kept").await;
    assert_eq!(service.post("/verify", code).await.status, 200);
    assert_eq!(service.count("auth.users where confirmation_token = ''").await, 1);
}

/// Behaviour 51: a confirmation ends every other pending token.
#[tokio::test]
async fn a_link_of_recovery_dies_when_the_sign_up_is_confirmed() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let confirmation = service.mail("john@example.com").await;
    service.advance(1);
    service.post("/recover", json!({"email": "john@example.com"})).await;
    let recovery = service.mail("john@example.com").await;
    assert_eq!(service.count("auth.one_time_tokens").await, 2);
    assert_eq!(verify(&service, "signup", confirmation.hash()).await.status, 200);
    assert_eq!(service.count("auth.one_time_tokens").await, 0);
    assert_error(&verify(&service, "recovery", recovery.hash()).await, 403, "otp_expired");
}

/// Behaviour 55: `magiclink` before any confirmation means the token of recovery, not that of confirmation.
#[tokio::test]
async fn a_code_of_confirmation_is_no_magic_link() {
    let service = Service::with(settings()).await;
    service.sign_up("john@example.com").await;
    let letter = service.mail("john@example.com").await;
    assert_error(&verify(&service, "magiclink", letter.hash()).await, 403, "otp_expired");
    let code = json!({"type": "magiclink", "token": letter.code, "email": "john@example.com"});
    assert_error(&service.post("/verify", code).await, 403, "otp_expired");
    service.advance(1);
    service.post("/recover", json!({"email": "john@example.com"})).await;
    let letter = service.mail("john@example.com").await;
    assert_eq!(verify(&service, "magiclink", letter.hash()).await.status, 200);
}

/// Behaviour 56: who is new gets the letter of confirmation, who is confirmed the magic link.
/// Behaviour 57: asking again before confirming is the confirmation once more, limited as such.
#[tokio::test]
async fn letters_are_those_of_the_state_of_the_account() {
    let service = Service::with(settings()).await;
    let ask = || service.post("/otp", json!({"email": "john@example.com"}));
    assert_eq!(ask().await.status, 200);
    let confirmation = subject(&service).await;
    service.advance(1);
    assert_eq!(ask().await.status, 200);
    assert_eq!(subject(&service).await, confirmation);
    assert_eq!(service.count("auth.users where recovery_sent_at is null and recovery_token = ''").await, 1);
    assert_eq!(service.audited("user_confirmation_requested").await, 2);
    assert_error(&ask().await, 429, "over_email_send_rate_limit");
    service.advance(1);
    service.db.sql("update auth.users set email_confirmed_at = now()").await;
    assert_eq!(ask().await.status, 200);
    assert_ne!(subject(&service).await, confirmation);
}

/// Behaviour 62: who is banned is refused whatever is verified.
#[tokio::test]
async fn a_banned_user_verifies_nothing() {
    let sms = SmsSettings { autoconfirm: false, ..SmsSettings::default() };
    let service = Service::with(Settings { phone_enabled: true, sms, ..settings() }).await;
    service.sign_up("john@example.com").await;
    let [hash, _] = code_hashes("15550100", "123456");
    let [new, _] = code_hashes("15550101", "123456");
    let banned = format!(
        "update auth.users set banned_until = 'infinity', phone = '15550100', phone_change = '15550101',
           email_change = 'new@example.com', recovery_sent_at = now(), email_change_sent_at = now(),
           phone_change_sent_at = now();
         delete from auth.one_time_tokens;
         insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
         select gen_random_uuid(), id, t.kind::auth.one_time_token_type, t.hash, t.contact from auth.users,
           (values ('recovery_token', 'r', 'john@example.com'), ('email_change_token_new', 'e', 'new@example.com'),
              ('phone_change_token', '{new}', '15550101')) as t (kind, hash, contact)"
    );
    service.db.sql(&banned).await;
    let put = async |kind: &str, hash: &str, contact: &str| {
        let insert = format!(
            "insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
             select gen_random_uuid(), id, '{kind}', '{hash}', '{contact}' from auth.users"
        );
        service.db.sql(&insert).await;
    };
    put("confirmation_token", "c", "john@example.com").await;
    for (kind, hash) in [
        ("signup", "c"),
        ("invite", "c"),
        ("email", "c"),
        ("recovery", "r"),
        ("magiclink", "r"),
        ("email", "r"),
        ("email_change", "e"),
    ] {
        assert_error(&verify(&service, kind, hash).await, 403, "user_banned");
        let link = service.send(Call::get(&format!("/verify?type={kind}&token={hash}"))).await;
        assert_eq!(fragment(&link, "error_code"), "user_banned", "{kind}");
    }
    service.db.sql("delete from auth.one_time_tokens where token_type = 'confirmation_token'").await;
    put("confirmation_token", &hash, "15550100").await;
    for (kind, phone) in [("sms", "15550100"), ("phone_change", "15550101")] {
        let answer = service.post("/verify", json!({"type": kind, "phone": phone, "token": "123456"})).await;
        assert_error(&answer, 403, "user_banned");
    }
    assert_eq!(service.count("auth.sessions").await, 0);
    service.db.sql("update auth.users set banned_until = null").await;
    let answer = service.post("/verify", json!({"type": "sms", "phone": "15550100", "token": "123456"})).await;
    assert_eq!(answer.status, 200, "nothing was used up: {}", answer.text());
}

/// Behaviour 70: challenge and method come together, the challenge has 43 to 128 characters, methods have any
/// case and are stored in lower case.
#[tokio::test]
async fn challenges_have_their_form() {
    let service = Service::with(settings()).await;
    let ask = |n: usize, challenge: &str, method: &str| {
        let body = json!({
            "email": format!("user{n}@example.com"), "code_challenge": challenge, "code_challenge_method": method,
        });
        service.post("/otp", body)
    };
    let plain = "p".repeat(43);
    for (challenge, method) in [
        (&*plain, ""),
        ("", "s256"),
        (&plain[1..], "plain"),
        (&*"x".repeat(129), "plain"),
        (&*" ".repeat(43), "plain"),
        (&*plain, "s512"),
    ] {
        assert_error(&ask(0, challenge, method).await, 400, "validation_failed");
    }
    assert_eq!(service.count("auth.users").await, 0);
    for (n, (challenge, method)) in [(&*plain, "PLAIN"), (&*"x".repeat(128), "S256")].into_iter().enumerate() {
        assert_eq!(ask(n, challenge, method).await.status, 200);
    }
    let methods: String = service
        .db
        .value("select string_agg(code_challenge_method::text, ' ' order by created_at) from auth.flow_state")
        .await;
    assert_eq!(methods, "plain s256");
    let opened = service.send(Call::get(&service.mail("user0@example.com").await.link)).await;
    let code = opened.header("location").split_once("?code=").expect("a code").1.to_owned();
    assert_error(&exchange(&service, &code, &plain[1..]).await, 400, "bad_code_verifier");
    assert_eq!(exchange(&service, &code, &plain).await.status, 200);
}

/// Behaviour 69: a channel with an address is nothing for sign-ups.
#[tokio::test]
async fn a_channel_with_an_address_is_passed_by() {
    let service = Service::new().await;
    let body = json!({"email": "john@example.com", "password": PASSWORD, "channel": "sms"});
    assert_eq!(service.post("/signup", body).await.status, 200);
}

/// Behaviour 126: where a link leads is escaped only where it has `&`, `=` or `#`.
#[tokio::test]
async fn where_links_lead_is_escaped_only_where_it_must_be() {
    let service = Service::with(settings()).await;
    for (n, (asked, expected)) in [
        ("http://app.example/in", "http://app.example/in"),
        ("http://app.example/a%20b/ü?c", "http://app.example/a%20b/ü?c"),
        ("http://app.example/in?a=1&b=2", "http%3A%2F%2Fapp.example%2Fin%3Fa%3D1%26b%3D2"),
        ("http://app.example/in#part", "http%3A%2F%2Fapp.example%2Fin%23part"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("user{n}@example.com");
        let escaped: String = asked.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let body = json!({"email": email, "password": PASSWORD});
        let answer = service.post(&format!("/signup?redirect_to={escaped}"), body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let link = service.mail(&email).await.link;
        assert_eq!(link.split_once("&redirect_to=").expect("an address").1, expected);
    }
}

/// Behaviour 35: addresses that clients write into headers are not believed; the gateway tells the address.
#[tokio::test]
async fn the_address_in_a_header_counts_nowhere() {
    let service = Service::new().await;
    let body = json!({"email": "john@example.com", "password": PASSWORD});
    let call = Call::post("/signup", &body)
        .header("x-forwarded-for", "203.0.113.9")
        .header("sb-forwarded-for", "203.0.113.9")
        .extension(base::http::ClientAddr("192.0.2.7".parse().expect("an address")));
    let session = service.send(call).await.json();
    let call =
        Call::post("/token?grant_type=refresh_token", &json!({"refresh_token": text(&session, "refresh_token")}));
    let call = call.header("x-forwarded-for", "203.0.113.9");
    assert_eq!(
        service.send(call.extension(base::http::ClientAddr("192.0.2.8".parse().expect("an address")))).await.status,
        200
    );
    assert_eq!(service.count("auth.sessions where host(ip) = '192.0.2.8'").await, 1);
    assert_eq!(service.count("auth.audit_log_entries as a where a::text like '%203.0.113%'").await, 0);
}
