//! Confirming addresses: sign-up without autoconfirm, `/verify`, and exchanging codes.

use auth::Settings;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::support::{PASSWORD, Service, assert_error, fragment, text};

pub(crate) fn settings() -> Settings {
    Settings {
        mailer_autoconfirm: false,
        uri_allow_list: vec!["http://app.example/**".to_owned()],
        ..Settings::default()
    }
}

async fn sign_up(service: &Service, email: &str) -> Value {
    service.sign_up_with(email, json!({"first_name": "John"})).await
}

async fn open(service: &Service, link: &str) -> Answer {
    service.send(Call::get(link)).await
}

/// Behaviour 48: a token is kept twice: links use one copy, codes are as good.
/// Behaviour 61: used, wrong and expired links look the same.
/// Behaviour 127: parameters of fragments are sorted and escaped.
/// Behaviour 1: the answer about a confirmed address is a fabricated user without identities; a real one has some.
#[tokio::test]
async fn a_sign_up_is_confirmed_by_its_link() {
    let service = Service::with(settings()).await;
    let user = sign_up(&service, "John@example.com").await;
    assert!(user.get("access_token").is_none());
    assert_eq!(user["identities"].as_array().unwrap().len(), 1);
    assert_eq!(user["confirmation_sent_at"], service.clock.now().to_string());
    assert!(user.get("email_confirmed_at").is_none());
    assert_error(&service.sign_in("john@example.com", PASSWORD).await, 400, "email_not_confirmed");
    let letter = service.mail("john@example.com").await;
    assert!(letter.link.ends_with("&type=signup&redirect_to=http://127.0.0.1:3000"), "{}", letter.link);
    let kept: String = service
        .db
        .value("select token_hash from auth.one_time_tokens join auth.users on confirmation_token = token_hash")
        .await;
    assert_eq!(kept, letter.hash());

    service.advance(3600);
    let answer = open(&service, &letter.link).await;
    let location = answer.header("location");
    assert!(location.starts_with("http://127.0.0.1:3000#access_token="), "{location}");
    let names: Vec<_> =
        location.split('#').nth(1).unwrap().split('&').map(|pair| pair.split('=').next().unwrap()).collect();
    assert_eq!(names, ["access_token", "expires_at", "expires_in", "refresh_token", "sb", "token_type", "type"]);
    assert_eq!(fragment(&answer, "type"), "signup");
    let user = service.user(&fragment(&answer, "access_token")).await.json();
    assert_eq!(user["email_confirmed_at"], service.clock.now().to_string());
    assert_eq!(user["user_metadata"]["email_verified"], true);
    assert_eq!(user["identities"][0]["identity_data"]["email_verified"], true);
    assert_eq!(service.refresh(&fragment(&answer, "refresh_token")).await.status, 200);
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
    for (action, rows) in [("user_confirmation_requested", 1), ("user_signedup", 1)] {
        let entries = format!("auth.audit_log_entries where payload ->> 'action' = '{action}'");
        assert_eq!(service.count(&entries).await, rows, "{action}");
    }
    let again = open(&service, &letter.link).await;
    assert_eq!(
        again.header("location"),
        "http://127.0.0.1:3000#error=access_denied&error_code=otp_expired\
         &error_description=Email+link+is+invalid+or+has+expired&sb="
    );
}

/// Behaviour 1: the answer about a confirmed address is a fabricated user without identities; a real one has some.
/// Behaviour 2: the fabricated user has another id each time and repeats the data of who asks.
/// Behaviour 3: nothing of the account shows in the fabricated user.
/// Behaviour 5: as for an account that waits for confirmation.
#[tokio::test]
async fn signing_up_again_tells_nothing_about_a_confirmed_account() {
    let service = Service::with(settings()).await;
    sign_up(&service, "john@example.com").await;
    service.db.sql(
        "update auth.users set email_confirmed_at = now(), phone = '15550100', invited_at = now(), banned_until = now(),
           recovery_sent_at = now(), phone_change = '15550101', email_change = 'x@y.z', deleted_at = now()",
    ).await;
    service.advance(1);
    let request = json!({"email": "John@example.com", "password": "somebody else's", "data": {"mine": 1}});
    let answer = service.post("/signup", request.clone()).await;
    assert_eq!(answer.status, 200);
    let fabricated = answer.json();
    let now = service.clock.now().to_string();
    let expected = json!({
        "id": fabricated["id"], "aud": "authenticated", "role": "", "email": "john@example.com", "phone": "",
        "confirmation_sent_at": now, "app_metadata": {"provider": "email", "providers": ["email"]},
        "user_metadata": {"mine": 1}, "identities": [], "created_at": now, "updated_at": now, "is_anonymous": false,
    });
    assert_eq!(fabricated, expected);
    let soon = service.post("/signup", request.clone()).await;
    assert_error(&soon, 429, "over_email_send_rate_limit");
    service.advance(1);
    assert_ne!(service.post("/signup", request).await.json()["id"], fabricated["id"]);
    assert_eq!(service.count("auth.users").await, 1);
    assert_eq!(service.count("vestibule.mailbox").await, 1, "no mail goes out");
    assert_eq!(service.count("auth.audit_log_entries where payload ->> 'action' = 'user_repeated_signup'").await, 2);
}

/// Behaviour 2: the answer has another id each time and repeats the data of who asks.
/// Behaviour 8: signing up over an unconfirmed account changes neither its password nor its metadata.
/// Behaviour 49: a new mail ends the link of the one before.
/// Behaviour 50: too soon sends nothing, and what was sent stays good.
#[tokio::test]
async fn signing_up_again_before_confirming_sends_another_mail_and_changes_nothing() {
    let service = Service::with(settings()).await;
    let user = sign_up(&service, "john@example.com").await;
    let first = service.mail("john@example.com").await;
    let request = json!({"email": "john@example.com", "password": "another horse", "data": {"x": 1}});
    let soon = service.post("/signup", request.clone()).await;
    assert_error(&soon, 429, "over_email_send_rate_limit");
    assert_eq!(service.count("vestibule.mailbox").await, 1);
    service.advance(1);
    let again = service.post("/signup", request).await.json();
    assert_ne!(again["id"], user["id"]);
    assert_eq!((&again["user_metadata"]["x"], again["user_metadata"].get("first_name")), (&json!(1), None));
    let second = service.mail("john@example.com").await;
    assert_ne!(first.hash(), second.hash());
    assert_eq!(fragment(&open(&service, &first.link).await, "error_code"), "otp_expired");
    assert_eq!(fragment(&open(&service, &second.link).await, "type"), "signup");
    assert_error(&service.sign_in("john@example.com", "another horse").await, 400, "invalid_credentials");
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
}

/// Behaviour 54: `email` stands for both, and the names of before stay good.
#[tokio::test]
async fn codes_and_hashes_are_good_for_a_session_too() {
    let service = Service::with(settings()).await;
    for (email, kind) in [("a@b.c", "signup"), ("b@b.c", "email"), ("c@b.c", "invite")] {
        sign_up(&service, email).await;
        let code = service.mail(email).await.code;
        let body = json!({"type": kind, "token": code, "email": email.to_uppercase()});
        let answer = service.post("/verify", body.clone()).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        assert_eq!(answer.json()["user"]["email"], email);
        let claims = testkit::keyring().verify(text(&answer.json(), "access_token")).unwrap();
        assert_eq!(claims.claims["amr"][0]["method"], "otp");
        assert_error(&service.post("/verify", body).await, 403, "otp_expired");
    }
    sign_up(&service, "d@b.c").await;
    let hash = service.mail("d@b.c").await.hash().to_owned();
    let answer = service.post("/verify", json!({"type": "email", "token_hash": hash})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["user"]["app_metadata"], json!({"provider": "email", "providers": ["email"]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_even_at_the_same_time() {
    let service = Service::with(settings()).await;
    sign_up(&service, "john@example.com").await;
    let body =
        json!({"type": "signup", "token": service.mail("john@example.com").await.code, "email": "john@example.com"});
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let (router, body) = (service.router.clone(), body.clone());
            tokio::spawn(async move { Call::post("/verify", &body).send(&router).await.status })
        })
        .collect();
    let mut sessions = 0;
    for call in calls {
        sessions += usize::from(call.await.unwrap() == 200);
    }
    assert_eq!(sessions, 1);
}

/// Behaviour 53: a token hash comes alone.
/// Behaviour 58: wrong input is JSON, wrong tokens lead back to the app.
#[tokio::test]
async fn inputs_are_checked_before_anything_is_looked_up() {
    let service = Service::with(settings()).await;
    let (email, hash) = ("a@b.c", "x");
    for (body, status, code) in [
        (json!({}), 400, "validation_failed"),
        (json!({"type": "signup"}), 400, "validation_failed"),
        (json!({"type": "signup", "token": "1", "token_hash": hash}), 400, "validation_failed"),
        (json!({"type": "signup", "token": "1"}), 400, "validation_failed"),
        (json!({"type": "signup", "token": "1", "email": email, "phone": "1"}), 400, "validation_failed"),
        (json!({"type": "signup", "token": "1", "email": "no address"}), 422, "validation_failed"),
        (json!({"type": "sms", "token": "1", "phone": "no number"}), 400, "validation_failed"),
        (json!({"type": "telepathy", "token": "1", "email": email}), 400, "validation_failed"),
        (json!({"type": "signup", "token_hash": hash, "email": email}), 400, "validation_failed"),
        (json!({"type": "signup", "token_hash": hash, "redirect_to": "x"}), 400, "validation_failed"),
        (json!({"type": "sms", "token_hash": hash}), 400, "validation_failed"),
        (json!({"type": "signup", "token": "1", "email": email}), 403, "otp_expired"),
        (json!({"type": "sms", "token": "1", "phone": "15550100"}), 403, "otp_expired"),
        (json!({"type": "sms", "token": "1", "email": email}), 403, "otp_expired"),
        (json!({"type": "signup", "token": "1", "phone": "15550100"}), 403, "otp_expired"),
        (json!({"type": "signup", "token_hash": hash}), 403, "otp_expired"),
    ] {
        assert_error(&service.post("/verify", body).await, status, code);
    }
    assert_error(&open(&service, "/verify?token=x").await, 400, "validation_failed");
    assert_error(&open(&service, "/verify?type=signup").await, 400, "validation_failed");
    let answer = open(&service, "/verify?type=telepathy&token=x").await;
    assert_eq!(fragment(&answer, "error_code"), "validation_failed");
}

/// Behaviour 62: who is banned is refused whatever is verified.
#[tokio::test]
async fn old_links_and_links_of_banned_users_are_refused() {
    let service = Service::with(settings()).await;
    sign_up(&service, "john@example.com").await;
    let letter = service.mail("john@example.com").await;
    service.db.sql("update auth.users set banned_until = 'infinity'").await;
    assert_eq!(fragment(&open(&service, &letter.link).await, "error_code"), "user_banned");
    service.db.sql("update auth.users set banned_until = null").await;
    service.advance(3601);
    assert_eq!(fragment(&open(&service, &letter.link).await, "error_code"), "otp_expired");
    assert_eq!(service.count("auth.one_time_tokens").await, 1, "a refusal uses nothing up");
    assert_eq!(service.count("auth.sessions").await, 0);
}

#[tokio::test]
async fn looking_at_a_link_does_not_use_it_up() {
    let service = Service::with(settings()).await;
    sign_up(&service, "john@example.com").await;
    let link = service.mail("john@example.com").await.link;
    assert_eq!(service.send(Call::new(Method::HEAD, &link)).await.status, 405);
    assert_eq!(fragment(&open(&service, &link).await, "type"), "signup");
}

#[tokio::test]
async fn what_is_not_for_looking_at_says_which_methods_it_has() {
    let service = Service::new().await;
    for (path, allowed) in [("/verify", "GET, POST"), ("/reauthenticate", "GET")] {
        for method in [Method::HEAD, Method::PUT] {
            let answer = service.send(Call::new(method, path)).await;
            assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, allowed), "{path}");
        }
    }
}

/// Where links lead, 0.11 of the reference.
#[tokio::test]
async fn links_lead_to_allowed_addresses_only() {
    let service = Service::with(settings()).await;
    for (n, (asked, expected)) in [
        ("http://app.example/welcome?a=1&b=2", "http://app.example/welcome?a=1&b=2#"),
        ("http://evil.example/", "http://127.0.0.1:3000#"),
        ("http://127.0.0.1:9999/other", "http://127.0.0.1:9999/other#"),
        // The link carries what the address has escaped as it is, so that it is read once more.
        ("http://app.example/a%2520b", "http://app.example/a%20b#"),
        ("http://app.example/a%20b", "http://app.example/a%20b#"),
        ("http://app.example/gr%C3%BC%C3%9Fe", "http://app.example/gr%C3%BC%C3%9Fe#"),
        ("http://app.example/gr%25C3%25BC", "http://app.example/gr%C3%BC#"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("user{n}@b.c");
        let body = json!({"email": email, "password": PASSWORD});
        let asked = asked.replace('&', "%26").replace('?', "%3F");
        service.post(&format!("/signup?redirect_to={asked}"), body).await;
        let answer = open(&service, &service.mail(&email).await.link).await;
        assert!(answer.header("location").starts_with(expected), "{}", answer.header("location"));
    }
    let answer = open(&service, "/verify?type=signup&token=x&redirect_to=http://evil.example/").await;
    assert!(answer.header("location").starts_with("http://127.0.0.1:3000#error="));
    let call = Call::get("/verify?type=signup&token=x").header("referer", "http://app.example/page");
    assert!(service.send(call).await.header("location").starts_with("http://app.example/page#error="));
}

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) async fn exchange(service: &Service, code: &str, verifier: &str) -> Answer {
    service.post("/token?grant_type=pkce", json!({"auth_code": code, "code_verifier": verifier})).await
}

/// Signs up with a code challenge, opens the link and returns the code.
async fn code(service: &Service, email: &str) -> String {
    let body = json!({
        "email": email, "password": PASSWORD, "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    });
    assert_eq!(service.post("/signup?redirect_to=http://app.example/cb?x=1", body).await.status, 200);
    let letter = service.mail(email).await;
    assert!(letter.hash().starts_with("pkce_"), "{letter:?}");
    let answer = open(service, &letter.link).await;
    assert_eq!(answer.status, 303);
    let location = answer.header("location").to_owned();
    let code = location.strip_prefix("http://app.example/cb?code=").expect(&location);
    code.strip_suffix("&x=1").expect(&location).to_owned()
}

/// Behaviour 18: a code of a flow is exchanged once.
/// Behaviour 71: a flow lasts five minutes from its start, a magic link's from its click.
#[tokio::test]
async fn a_flow_with_a_code_challenge_ends_in_a_code() {
    let service = Service::with(settings()).await;
    let code = code(&service, "john@example.com").await;
    assert_error(&exchange(&service, &code, "wrong").await, 400, "bad_code_verifier");
    assert_error(&exchange(&service, "unknown", VERIFIER).await, 404, "flow_state_not_found");
    assert_error(&exchange(&service, "", VERIFIER).await, 400, "validation_failed");
    let answer = exchange(&service, &code, VERIFIER).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let claims = testkit::keyring().verify(text(&answer.json(), "access_token")).unwrap();
    assert_eq!(claims.claims["amr"][0]["method"], "email/signup");
    assert_error(&exchange(&service, &code, VERIFIER).await, 404, "flow_state_not_found");
}

#[tokio::test]
async fn a_code_is_good_for_five_minutes_from_the_start() {
    let service = Service::with(settings()).await;
    let code = code(&service, "john@example.com").await;
    service.advance(301);
    assert_error(&exchange(&service, &code, VERIFIER).await, 422, "flow_state_expired");
}

/// Behaviour 52: a code typed in opens a session even where the flow has a challenge.
/// Behaviour 59: errors are in the fragment, and in the query too for flows with a challenge.
#[tokio::test]
async fn codes_typed_in_work_in_such_a_flow_and_errors_reach_the_query() {
    let service = Service::with(settings()).await;
    let body = json!({
        "email": "a@b.c", "password": PASSWORD, "code_challenge": CHALLENGE, "code_challenge_method": "s256",
    });
    service.post("/signup", body).await;
    let code = service.mail("a@b.c").await.code;
    let answer = service.post("/verify", json!({"type": "signup", "token": code, "email": "a@b.c"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = open(&service, "/verify?type=signup&token=pkce_x").await;
    assert_eq!(
        answer.header("location"),
        "http://127.0.0.1:3000?error=access_denied&error_code=otp_expired\
         &error_description=Email+link+is+invalid+or+has+expired\
         #error=access_denied&error_code=otp_expired&error_description=Email+link+is+invalid+or+has+expired&sb="
    );
}

/// Behaviour 63: who is invited gets a password that nobody knows, and sets one.
/// Behaviour 65: signing up with an invited address tells nothing of the invitation.
#[tokio::test]
async fn an_invited_user_is_confirmed_without_a_password_that_anybody_knows() {
    let service = Service::with(settings()).await;
    sign_up(&service, "john@example.com").await;
    service.db.sql("update auth.users set invited_at = now(), encrypted_password = ''").await;
    let hash = service.mail("john@example.com").await.hash().to_owned();
    let answer = service.post("/verify", json!({"type": "invite", "token_hash": hash})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(service.count("auth.users where encrypted_password like '$2a$10$%'").await, 1);
    service.db.sql("update auth.users set email_confirmed_at = null, confirmation_sent_at = null").await;
    service.advance(1);
    let again = service.post("/signup", json!({"email": "john@example.com", "password": PASSWORD})).await.json();
    assert_eq!((again.get("invited_at"), again["user_metadata"].get("first_name")), (None, None), "{again}");
}

/// Behaviour 131: a mail that is not taken undoes the sign-up.
#[tokio::test]
async fn a_mail_that_cannot_be_kept_undoes_the_sign_up() {
    let service = Service::with(settings()).await;
    service.db.sql("alter table vestibule.mailbox add constraint no_room check (false)").await;
    let call = Call::new(Method::POST, "/signup").header("X-Supabase-Api-Version", "2024-01-01");
    let answer = service.send(call.json(&json!({"email": "a@b.c", "password": PASSWORD}))).await;
    assert_eq!(answer.status, 500);
    assert_eq!(answer.json()["message"], "Error sending confirmation email");
    assert_eq!(service.count("auth.users").await, 0);
}

#[tokio::test]
async fn where_links_ask_first_only_the_button_uses_them_up() {
    let service = Service::with(Settings { verify_asks_first: true, ..settings() }).await;
    sign_up(&service, "john@example.com").await;
    let link = service.mail("john@example.com").await.link;
    for _ in 0..2 {
        let page = open(&service, &link).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        assert!(page.text().contains("<form method=\"post\">") && !page.text().contains("token"), "{}", page.text());
    }
    assert_eq!(service.count("auth.sessions").await, 0);
    assert_error(&open(&service, "/verify?type=signup").await, 400, "validation_failed");
    let press = || Call::new(Method::POST, &link).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(fragment(&service.send(press()).await, "type"), "signup");
    assert_eq!(fragment(&service.send(press()).await, "error_code"), "otp_expired");
    let without = Service::with(settings()).await;
    let form = Call::new(Method::POST, "/verify?type=signup&token=x");
    let answer = without.send(form.header("content-type", "application/x-www-form-urlencoded")).await;
    assert_error(&answer, 400, "bad_json");
}
