//! Hooks, in the database and over HTTP.

use std::collections::BTreeMap;

use auth::{HookName, HookSetting, Outside, OutsideSettings, Settings, SmsSettings};
use base::{Clock, Random};
use serde_json::{Value, json};
use testkit::Call;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::support::{PASSWORD, Service, assert_error, code_hashes, text};
use crate::verify::settings;

const SECRET: &str = "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub(crate) async fn service(settings: Settings, hooks: &[(HookName, &str)]) -> Service {
    let setting = |uri: &str| HookSetting { uri: uri.to_owned(), secrets: SECRET.into() };
    let hooks: BTreeMap<_, _> = hooks.iter().map(|(name, uri)| (*name, setting(uri))).collect();
    let outside = OutsideSettings { hooks, ..OutsideSettings::default() };
    let outside = Outside::prepare(outside, Clock::system(), Random::system()).await.expect("valid settings");
    Service::with_outside(settings, outside).await
}

/// A service with one hook in the database, `public.hook`, whose calls are kept in `public.calls`.
pub(crate) async fn with_function(settings: Settings, name: HookName, output: &str) -> Service {
    let service = service(settings, &[(name, "pg-functions://postgres/public/hook")]).await;
    let sql = format!(
        "create table public.calls (id serial, event jsonb);
         create function public.hook(event jsonb) returns jsonb language plpgsql as $$
         begin
           insert into public.calls (event) values (event);
           return {output};
         end $$;
         grant usage on schema public to supabase_auth_admin;
         grant all on public.calls to supabase_auth_admin;
         grant all on sequence public.calls_id_seq to supabase_auth_admin;
         grant execute on function public.hook to supabase_auth_admin"
    );
    service.db.sql(&sql).await;
    service
}

pub(crate) async fn event(service: &Service) -> Value {
    service.db.value("select event from public.calls order by id desc limit 1").await
}

/// Behaviour 101: a hook may add and change claims, and may not drop those that are needed.
#[tokio::test]
async fn a_function_makes_the_claims_of_every_token() {
    let output = r#"jsonb_set(event, '{claims,plan}', event -> 'authentication_method')"#;
    let service = with_function(Settings::default(), HookName::CustomAccessToken, output).await;
    let session = service.sign_up("john@example.com").await;
    let plan =
        |session: &Value| testkit::keyring().verify(text(session, "access_token")).unwrap().claims["plan"].clone();
    assert_eq!(plan(&session), "password");
    assert_eq!(plan(&service.sign_in("john@example.com", PASSWORD).await.json()), "password");
    assert_eq!(plan(&service.refresh(text(&session, "refresh_token")).await.json()), "token_refresh");
    let event = event(&service).await;
    assert_eq!(event["user_id"], session["user"]["id"]);
    assert_eq!(event["claims"]["role"], "authenticated");
    assert_eq!(event["metadata"]["name"], "customize-access-token");
}

/// Behaviour 101: a hook may change end, role and audience, and add claims of any kind.
#[tokio::test]
async fn a_function_changes_claims_and_adds_others() {
    let output = r#"jsonb_set(event, '{claims}', event -> 'claims' || jsonb_build_object(
        'role', 'editor', 'aud', 'elsewhere', 'exp', (event #>> '{claims,iat}')::bigint + 60,
        'list', '[1, {"a": null}]'::jsonb))"#;
    let service = with_function(Settings::default(), HookName::CustomAccessToken, output).await;
    let session = service.sign_up("john@example.com").await;
    let token = testkit::keyring().verify(text(&session, "access_token")).unwrap();
    let now = service.clock.unix_seconds();
    assert_eq!((&token.claims["role"], &token.claims["aud"]), (&json!("editor"), &json!("elsewhere")));
    assert_eq!((&token.claims["exp"], &token.claims["list"]), (&json!(now + 60), &json!([1, {"a": null}])));
    assert_eq!(session["expires_at"], now + 60);
}

/// Behaviour 101: a hook may add and change claims, and may not drop those that are needed.
/// Behaviour 136: what a hook in the database writes goes with what it was asked about.
#[tokio::test]
async fn claims_that_are_missing_open_no_session() {
    let service = with_function(Settings::default(), HookName::CustomAccessToken, "event #- '{claims,role}'").await;
    let answer = service.post("/signup", json!({"email": "a@b.c", "password": PASSWORD})).await;
    assert_error(&answer, 500, "unexpected_failure");
    for table in ["auth.users", "auth.sessions", "public.calls"] {
        assert_eq!(service.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn a_function_refuses_new_users_with_its_own_words() {
    let output = r#"case when event -> 'user' ->> 'email' like '%@evil.example'
        then '{"error": {"http_code": 403, "message": "not you"}}'::jsonb else '{}' end"#;
    let service = with_function(settings(), HookName::BeforeUserCreated, output).await;
    for path in ["/signup", "/otp"] {
        let answer = service.post(path, json!({"email": "a@evil.example", "password": PASSWORD})).await;
        let body = answer.json();
        assert_eq!(
            (&body["code"], &body["error_code"], &body["msg"]),
            (&json!(403), &json!("unknown"), &json!("not you"))
        );
        assert_eq!((answer.status.as_u16(), answer.header("x-sb-error-code")), (403, ""), "the hook named no code");
    }
    assert_eq!(service.admin_post("/invite", json!({"email": "a@evil.example"})).await.status, 403);
    service.sign_up("a@good.example").await;
    assert_eq!(service.count("auth.users").await, 1);
    assert_eq!(event(&service).await["user"]["email"], "a@good.example");
}

#[tokio::test]
async fn what_a_function_raises_is_told_and_slow_ones_are_stopped() {
    let service = with_function(settings(), HookName::BeforeUserCreated, "pg_sleep(5)::text::jsonb").await;
    let body = json!({"email": "a@b.c", "password": PASSWORD});
    assert_error(&service.post("/signup", body.clone()).await, 422, "hook_timeout");
    let raising = "create or replace function public.hook(event jsonb) returns jsonb language plpgsql as
         $$ begin raise exception 'closed today'; end $$";
    service.db.sql(raising).await;
    let answer = service.post("/signup", body).await;
    assert_eq!((answer.status.as_u16(), answer.json()["message"].as_str()), (500, Some("closed today")));
}

/// What the operator learns of the last answer.
fn cause(answer: &testkit::Answer) -> base::http::Failure {
    answer.extensions.get::<base::http::Failure>().expect("a cause").clone()
}

#[tokio::test]
async fn the_operator_is_told_which_hook_failed() {
    let output = "jsonb_build_object('error', jsonb_build_object('http_code', 403, 'message', 'not you'))";
    let service = with_function(Settings::default(), HookName::BeforeUserCreated, output).await;
    let answer = service.post("/signup", json!({"email": "john@example.com", "password": PASSWORD})).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let failure = cause(&answer);
    assert_eq!(
        (failure.hook.as_deref(), failure.function.as_deref()),
        (Some("before_user_created"), Some("public.hook"))
    );
    assert!(failure.is_operators && failure.message == "not you", "{failure:?}");

    let service = with_function(Settings::default(), HookName::CustomAccessToken, "'{}'::jsonb").await;
    let answer = service.post("/signup", json!({"email": "john@example.com", "password": PASSWORD})).await;
    assert_eq!(answer.status, 500);
    assert_eq!(cause(&answer).hook.as_deref(), Some("custom_access_token"));
}

/// Behaviour 136: what a hook in the database writes goes with what it was asked about.
#[tokio::test]
async fn attempts_at_passwords_are_told_and_may_be_rejected() {
    let output = r#"jsonb_build_object(
        'decision', case when (event ->> 'valid')::bool then 'continue' else 'reject' end,
        'message', 'enough', 'should_logout_user', true)"#;
    let service = with_function(Settings::default(), HookName::PasswordVerificationAttempt, output).await;
    service.sign_up("john@example.com").await;
    assert_eq!(service.sign_in("john@example.com", PASSWORD).await.status, 200);
    assert_eq!(service.count("auth.sessions").await, 2);
    let answer = service.sign_in("john@example.com", "wrong").await;
    assert_error(&answer, 400, "invalid_credentials");
    assert_eq!(answer.json()["msg"], "enough");
    assert_eq!(service.count("auth.sessions").await, 0);
    // What the hook writes stays although the attempt fails.
    assert_eq!(service.count("public.calls").await, 2);
    assert_eq!(event(&service).await["valid"], false);
}

/// Where addresses are confirmed at once, signing up again opens an account that waits, by its own password.
#[tokio::test]
async fn attempts_at_passwords_by_signing_up_are_told_too() {
    let output = r#"'{"decision": "reject", "message": "enough"}'::jsonb"#;
    let mut service = with_function(Settings::default(), HookName::PasswordVerificationAttempt, output).await;
    service.sign_up("john@example.com").await;
    service.db.sql("update auth.users set email_confirmed_at = null; delete from auth.sessions").await;
    for (password, is_right) in [("some other horse", false), (PASSWORD, true)] {
        let answer = service.post("/signup", json!({"email": "john@example.com", "password": password})).await;
        assert_error(&answer, 400, "invalid_credentials");
        assert_eq!((&answer.json()["msg"], &event(&service).await["valid"]), (&json!("enough"), &json!(is_right)));
        assert_eq!(service.count("auth.sessions").await, 0);
    }
    service = service.restart(Settings::default());
    service.sign_up("john@example.com").await;
}

#[tokio::test]
async fn new_users_are_told_of_once() {
    let service = with_function(settings(), HookName::AfterUserCreated, "'{}'::jsonb").await;
    let user = service.sign_up("john@example.com").await;
    assert_eq!(event(&service).await["user"]["id"], user["id"]);
    service.advance(1);
    service.sign_up("john@example.com").await;
    service.post("/otp", json!({"email": "jane@example.com"})).await;
    assert_eq!(service.count("public.calls").await, 2);
}

/// A hook over HTTP.
pub(crate) async fn server(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(matchers::method("POST")).respond_with(template).mount(&server).await;
    server
}

/// What it was told last.
pub(crate) async fn told(server: &MockServer) -> Value {
    let request = server.received_requests().await.expect("requests are recorded").pop().expect("a request");
    assert!(request.headers["webhook-signature"].to_str().expect("text").starts_with("v1,"));
    serde_json::from_slice(&request.body).expect("JSON")
}

#[tokio::test]
async fn mail_is_sent_by_a_hook() {
    let server = server(ResponseTemplate::new(200).set_body_json(json!({}))).await;
    let service = service(settings(), &[(HookName::SendEmail, &server.uri())]).await;
    service.sign_up("old@example.com").await;
    let input = told(&server).await;
    let data = &input["email_data"];
    assert_eq!(input["user"]["email"], "old@example.com");
    assert_eq!(data["email_action_type"], "signup");
    assert_eq!(data["site_url"], "http://127.0.0.1:54321/auth/v1");
    assert_eq!(data["redirect_to"], "http://127.0.0.1:3000");
    let hash = |email: &str, token: &Value| json!(code_hashes(email, token.as_str().unwrap())[0]);
    assert_eq!(data["token_hash"], hash("old@example.com", &data["token"]));
    assert_eq!(service.count("vestibule.mailbox").await, 0);
    let verify = json!({"type": "email", "token": data["token"], "email": "old@example.com"});
    let session = service.post("/verify", verify).await.json();

    let change = json!({"email": "new@example.com", "data": {"fresh": 1}});
    service.change(text(&session, "access_token"), change).await;
    assert_eq!(
        server.received_requests().await.expect("requests are recorded").len(),
        2,
        "both sides are told in one call"
    );
    let input = told(&server).await;
    let (data, user) = (&input["email_data"], &input["user"]);
    assert_eq!(data["token_hash"], hash("new@example.com", &data["token_new"]));
    assert_eq!(data["token_hash_new"], hash("old@example.com", &data["token"]));
    assert_eq!((&user["email"], &user["new_email"]), (&json!("old@example.com"), &json!("new@example.com")));
    assert_eq!(user["user_metadata"]["fresh"], 1);
    service.send(Call::get("/reauthenticate").bearer(text(&session, "access_token"))).await;
    assert_eq!(told(&server).await["email_data"]["redirect_to"], "http://127.0.0.1:3000", "there is no link");
}

#[tokio::test]
async fn a_hook_that_fails_undoes_what_it_was_to_send() {
    let server = server(ResponseTemplate::new(200).set_body_raw("ok", "text/plain")).await;
    let service = service(settings(), &[(HookName::SendEmail, &server.uri())]).await;
    let answer = service.post("/signup", json!({"email": "a@b.c", "password": PASSWORD})).await;
    assert_error(&answer, 400, "hook_payload_invalid_content_type");
    assert_eq!(service.count("auth.users").await, 0);
}

#[tokio::test]
async fn messages_to_phones_are_sent_by_a_hook() {
    let server = server(ResponseTemplate::new(204)).await;
    let sms = SmsSettings { autoconfirm: false, ..SmsSettings::default() };
    let settings = Settings { phone_enabled: true, sms, ..Settings::default() };
    let service = service(settings, &[(HookName::SendSms, &server.uri())]).await;
    let answer = service.post("/otp", json!({"phone": "15550100", "channel": "carrier-pigeon"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let input = told(&server).await;
    assert_eq!((&input["sms"]["phone"], &input["user"]["phone"]), (&json!("15550100"), &json!("15550100")));
    let body = json!({"type": "sms", "phone": "15550100", "token": input["sms"]["otp"]});
    let verified = service.post("/verify", body).await;
    assert_eq!(verified.status, 200);
    service.change(text(&verified.json(), "access_token"), json!({"phone": "15550101"})).await;
    let user = told(&server).await["user"].clone();
    assert_eq!((&user["phone"], &user["new_phone"]), (&json!("15550100"), &json!("15550101")));
}
