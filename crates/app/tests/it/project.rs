//! A project folder whose file switches everything on.

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::mail_server;
use crate::program::Program;

const SECRET_KEY: &str = "sb_secret_0123456789abcdef0123456789";
const PUBLISHABLE_KEY: &str = "sb_publishable_0123456789abcdef0123456789";

fn config(port: u16, hook: &str) -> String {
    format!(
        r#"
        [auth]
        site_url = "https://app.example"
        password_requirements = "letters_digits"

        [auth.email]
        enable_confirmations = true

        [auth.email.smtp]
        host = "127.0.0.1"
        port = {port}
        admin_email = "post@app.example"
        sender_name = "The app"

        [auth.email.template.confirmation]
        subject = "Welcome, {{{{ .Data.name }}}}"
        content_path = "./supabase/templates/welcome.html"

        [auth.captcha]
        enabled = true
        provider = "turnstile"
        secret = "env(CAPTCHA_SECRET)"

        [auth.hook.before_user_created]
        enabled = true
        uri = "{hook}"
        secrets = "v1,whsec_dGhpcyBpcyBhIHNlY3JldCBvZiB0aGUgaG9vaw=="

        [auth.sms]
        enable_signup = true
        enable_confirmations = true
        template = "Code: {{{{ .Code }}}}"

        [auth.sms.textlocal]
        enabled = true
        api_key = "key"
        sender = "app"
        "#
    )
}

/// Judges captchas, answers the hook, takes messages to phones.
async fn others() -> MockServer {
    let server = MockServer::start().await;
    let answer = |body: Value| ResponseTemplate::new(200).set_body_json(body);
    for (path, body) in [
        ("/captcha", json!({"success": true})),
        ("/hook", json!({})),
        ("/send", json!({"status": "success", "messages": [{"id": "1"}]})),
    ] {
        Mock::given(matchers::path(path)).respond_with(answer(body)).mount(&server).await;
    }
    server
}

#[tokio::test]
async fn the_project_file_switches_everything_on() {
    let (port, mut mails) = mail_server::start().await;
    let others = others().await;
    let folder = tempfile::tempdir().expect("a folder");
    let supabase = folder.path().join("supabase");
    std::fs::create_dir_all(supabase.join("templates")).expect("a folder");
    std::fs::write(supabase.join("config.toml"), config(port, &format!("{}/hook", others.uri()))).expect("a file");
    std::fs::write(supabase.join("templates/welcome.html"), "<p>Your code: {{ .Token }}</p>").expect("a file");
    let captcha = format!("{}/captcha", others.uri());
    let variables = [
        ("CAPTCHA_SECRET", "captcha-secret"),
        ("VESTIBULE_CAPTCHA_URL", captcha.as_str()),
        ("VESTIBULE_SMS_URL", &others.uri()),
        ("SECRET_KEY", SECRET_KEY),
        ("PUBLISHABLE_KEY", PUBLISHABLE_KEY),
    ];
    let mut program = Program::serve(folder, &[], &variables).await;
    assert!(program.folder.path().join("home").is_dir());
    for told in ["Dashboard URL: http", "Mailbox URL: http", PUBLISHABLE_KEY, "first-operator.json", "anon key: "] {
        assert!(program.banner.contains(told), "{told} in {}", program.banner);
    }
    for secret in [SECRET_KEY, "postgres://", "JWT secret:", "service_role key:"] {
        assert!(!program.banner.contains(secret), "{secret} in {}", program.banner);
    }
    let key = [("apikey", PUBLISHABLE_KEY)];
    let sign_up = |email: &str, password: &str| {
        json!({
            "email": email, "password": password, "data": {"name": "Ann"},
            "gotrue_meta_security": {"captcha_token": "visitor"},
        })
    };

    let without = program.call("POST", "/auth/v1/signup", &key, Some(json!({"email": "a@b.example"}))).await;
    assert_eq!((without.status, &without.body["error_code"]), (400, &json!("captcha_failed")));
    let weak = program.call("POST", "/auth/v1/signup", &key, Some(sign_up("ann@example.com", "letters"))).await;
    assert_eq!(weak.body["error_code"], "weak_password", "{}", weak.body);
    let answer = program.call("POST", "/auth/v1/signup", &key, Some(sign_up("ann@example.com", "letters1"))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let mail = mails.recv().await.expect("a mail");
    for part in ["Subject: Welcome, Ann\r\n", "<p>Your code: ", "post@app.example", "To: ann@example.com\r\n"] {
        assert!(mail.contains(part), "{part:?} in {mail}");
    }

    let phone = json!({"phone": "+4915112345678", "gotrue_meta_security": {"captcha_token": "visitor"}});
    let answer = program.call("POST", "/auth/v1/otp", &key, Some(phone)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let calls = others.received_requests().await.expect("calls are recorded");
    let to = |path: &str| calls.iter().find(|call| call.url.path() == path).expect("a call");
    let text = |path: &str| String::from_utf8_lossy(&to(path).body).into_owned();
    assert!(text("/captcha").contains("secret=captcha-secret") && text("/captcha").contains("response=visitor"));
    assert!(to("/hook").headers["webhook-signature"].to_str().expect("text").starts_with("v1,"));
    assert!(text("/hook").contains("ann@example.com"));
    assert!(text("/send").contains("Code"), "{}", text("/send"));

    let broken = "create function public.no_bobs() returns trigger language plpgsql as
        $$ begin perform 1 from public.größe; return new; end $$;
        create trigger no_bobs before insert on auth.users for each row execute function public.no_bobs()";
    program.db.sql(broken).await;
    let bob = json!({"email": "bob@example.com", "password": "letters1", "email_confirm": true});
    let told = program.call("POST", "/auth/v1/admin/users", &[("apikey", SECRET_KEY)], Some(bob)).await;
    assert_eq!(told.status, 500, "{}", told.body);
    assert!(!told.body.to_string().contains("gr"), "{}", told.body);
    let failure: Value = serde_json::from_str(told.header("x-vestibule-failure").expect("the header")).expect("JSON");
    assert!(failure["message"].as_str().expect("text").contains("public.größe"), "{failure}");
    assert_eq!(failure["sqlstate"], "42P01");
    assert!(failure["function"].as_str().expect("text").contains("no_bobs"), "{failure}");
    let other = program.call("POST", "/auth/v1/signup", &key, Some(sign_up("bob@example.com", "letters1"))).await;
    assert_eq!((other.status, other.header("x-vestibule-failure")), (500, None), "{}", other.body);

    let log = program.stop();
    assert!(log.contains("no_bobs") && log.contains("42P01"), "{log}");
    assert!(!log.contains("captcha-secret") && !log.contains(SECRET_KEY), "{log}");
}
