//! Letters: the mail server, templates, locales, notifications.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use auth::{LetterSettings, Outside, OutsideSettings, Settings, TemplateSetting, UrlPaths};
use authkit::mailer::{MailError, Mailer, Message, Sending};
use authkit::template::{Body, Definition, Kind};
use base::{Clock, Random};
use serde_json::json;
use testkit::Call;

use crate::support::{PASSWORD, Service, assert_error, text};
use crate::verify::settings;

/// A mail server that keeps what it is given, and takes nothing while it is away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Post {
    pub(crate) sent: Arc<Mutex<Vec<Message>>>,
    is_away: Arc<Mutex<bool>>,
    refused: Arc<AtomicUsize>,
}

impl Mailer for Post {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(async move {
            if *self.is_away.lock().expect("no test panicked with it") {
                self.refused.fetch_add(1, Ordering::SeqCst);
                return Err(MailError::Timeout(10));
            }
            self.sent.lock().expect("no test panicked with it").push(message.clone());
            Ok(())
        })
    }
}

impl Post {
    pub(crate) fn count(&self) -> usize {
        self.sent.lock().expect("no test panicked with it").len()
    }

    /// Waits until as many mails are there: nobody waits for notifications.
    pub(crate) async fn wait_for(&self, count: usize) {
        let wait = async {
            while self.count() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the mails");
    }

    pub(crate) fn last(&self) -> Message {
        self.sent.lock().expect("no test panicked with it").last().expect("a mail").clone()
    }

    pub(crate) async fn service(&self, settings: Settings, outside: OutsideSettings) -> Service {
        let outside = Outside::prepare(outside, Clock::system(), Random::system()).await.expect("valid settings");
        Service::with_outside(settings, outside.with_mailer(Arc::new(self.clone()))).await
    }
}

fn template(locale: Option<&str>, subject: &str, html: &str) -> TemplateSetting {
    let definition =
        Definition { subject: Some(subject.to_owned()), html: Some(Body::Text(html.to_owned())), plain: None };
    TemplateSetting { locale: locale.map(str::to_owned), kind: Kind::Confirmation, definition }
}

#[tokio::test]
async fn letters_are_written_from_templates_in_the_users_language() {
    let post = Post::default();
    let general = "<a href=\"{{ .ConfirmationURL }}\">{{ .Token }}</a> {{ .Data.name }} {{ .Email }} {{ .RedirectTo }}";
    let templates = vec![template(None, "Hello {{ .Data.name }}", general), template(Some("de"), "Hallo", "<p>ja</p>")];
    let letters =
        LetterSettings { headers: vec![("X-Type".into(), "a-$messageType".into())], ..LetterSettings::default() };
    let settings = Settings { letters, mailer_from_name: "Acme".to_owned(), ..settings() };
    let service = post.service(settings, OutsideSettings { templates, ..OutsideSettings::default() }).await;
    service.sign_up_with("john@example.com", json!({"name": "<John>"})).await;
    let message = post.last();
    assert_eq!((&*message.subject, &*message.to), ("Hello <John>", &["john@example.com".to_owned()][..]));
    assert!(message.html.contains("&lt;John&gt; john@example.com http://127.0.0.1:3000"), "{}", message.html);
    assert!(message.html.contains("/verify?token="), "{}", message.html);
    assert!(!message.plain.is_empty());
    assert_eq!(message.headers, [("X-Type".to_owned(), "a-confirmation".to_owned())]);
    assert_eq!((&*message.from.address, &*message.from.name), ("admin@email.com", "Acme"));
    assert!(message.id.starts_with('<') && message.id.ends_with("@email.com>"), "{}", message.id);
    assert_eq!(service.count("vestibule.mailbox").await, 0);

    let body = json!({"email": "jane@example.com", "password": PASSWORD});
    service.send(Call::post("/signup", &body).header("accept-language", "fr, de-AT;q=0.8")).await;
    assert_eq!(post.last().subject, "Hallo");
    service.sign_up_with("max@example.com", json!({"locale": "de"})).await;
    assert_eq!(post.last().subject, "Hallo");
}

/// Behaviour 131: a mail that is not taken undoes the sign-up.
#[tokio::test]
async fn a_mail_that_is_not_taken_undoes_the_sign_up() {
    let post = Post::default();
    *post.is_away.lock().expect("no test panicked with it") = true;
    let service = post.service(settings(), OutsideSettings::default()).await;
    let answer = service.post("/signup", json!({"email": "a@b.c", "password": PASSWORD})).await;
    assert_error(&answer, 500, "unexpected_failure");
    assert_eq!(answer.json()["msg"], "Error sending confirmation email");
    assert_eq!(service.count("auth.users").await, 0);
}

/// Letters that nobody waits for: what is asked for lasts whether the mail server takes them or not.
#[tokio::test]
async fn a_mail_in_the_background_undoes_nothing() {
    let post = Post::default();
    let letters = LetterSettings { in_background: true, ..LetterSettings::default() };
    let service = post.service(Settings { letters, ..settings() }, OutsideSettings::default()).await;
    *post.is_away.lock().expect("no test panicked with it") = true;
    service.sign_up("lost@example.com").await;
    while post.refused.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    *post.is_away.lock().expect("no test panicked with it") = false;
    service.sign_up("john@example.com").await;
    post.wait_for(1).await;
    let last = post.last();
    assert_eq!((post.count(), &*last.to), (1, &["john@example.com".to_owned()][..]));
    assert_eq!(service.count("auth.users").await, 2);

    // What fails sends nothing, and addresses are looked at before.
    service.db.sql("create function public.no() returns trigger language plpgsql as $$ begin raise 'no'; end $$").await;
    service.db.sql("create trigger no after insert on auth.audit_log_entries execute function public.no()").await;
    service.advance(1);
    assert_eq!(service.post("/recover", json!({"email": "john@example.com"})).await.status, 500);
    let answer = service.post("/signup", json!({"email": "a..b@c.d", "password": PASSWORD})).await;
    assert_error(&answer, 400, "email_address_invalid");
    assert_eq!(post.count(), 1);
}

/// Behaviour 132: a notification that fails fails nothing.
#[tokio::test]
async fn notifications_tell_what_happened_and_fail_nothing() {
    let post = Post::default();
    let notifications = vec![Kind::PasswordChanged, Kind::EmailChanged];
    let letters = LetterSettings { notifications, ..LetterSettings::default() };
    let service = post.service(Settings { letters, ..Settings::default() }, OutsideSettings::default()).await;
    let session = service.sign_up("old@example.com").await;
    let token = text(&session, "access_token");
    assert_eq!(service.change(token, json!({"password": "another horse"})).await.status, 200);
    post.wait_for(1).await;
    assert_eq!(post.last().subject, "Your password was changed");
    service.change(token, json!({"email": "new@example.com"})).await;
    let link = post
        .sent
        .lock()
        .expect("no test panicked with it")
        .iter()
        .rev()
        .find(|mail| mail.to == ["new@example.com"])
        .unwrap()
        .plain
        .clone();
    let link = link.lines().find_map(|line| line.strip_prefix("http://127.0.0.1:54321/auth/v1")).unwrap().to_owned();
    let before = post.count();
    service.send(Call::get(&link)).await;
    post.wait_for(before + 1).await;
    let told = post.last();
    assert_eq!((&*told.to, &*told.subject), (&["old@example.com".to_owned()][..], "Your email address was changed"));
    assert!(told.plain.contains("from old@example.com to new@example.com"), "{}", told.plain);
    *post.is_away.lock().expect("no test panicked with it") = true;
    assert_eq!(service.change(token, json!({"password": "third horse"})).await.status, 200);
    assert_eq!(service.sign_in("new@example.com", "third horse").await.status, 200);
}

/// What a path brings with it stays where it belongs.
#[tokio::test]
async fn links_may_have_a_query_and_a_fragment() {
    for (path, expected) in [
        ("https://app.example/c?x=1", "https://app.example/c?x=1&token="),
        ("//other.example/v", "http://other.example/v?token="),
        ("/c#frag", "redirect_to=http://127.0.0.1:3000#frag"),
    ] {
        let urlpaths = UrlPaths { confirmation: path.to_owned(), ..UrlPaths::default() };
        let post = Post::default();
        let letters = LetterSettings { urlpaths, ..LetterSettings::default() };
        let service = post.service(Settings { letters, ..settings() }, OutsideSettings::default()).await;
        service.sign_up("john@example.com").await;
        let plain = post.last().plain;
        assert!(plain.contains(expected), "{plain}");
    }
}

/// Behaviour 125: an absolute path replaces that of the public address.
#[tokio::test]
async fn links_begin_where_they_are_told_to() {
    let urlpaths = UrlPaths { confirmation: "/auth/check".to_owned(), ..UrlPaths::default() };
    let external_hosts = vec!["api.example.com".to_owned()];
    let post = Post::default();
    let letters = LetterSettings { urlpaths, external_hosts, ..LetterSettings::default() };
    let service = post.service(Settings { letters, ..settings() }, OutsideSettings::default()).await;
    service.sign_up("john@example.com").await;
    let plain = post.last().plain;
    assert!(plain.contains("http://127.0.0.1:54321/auth/check?token="), "{plain}");
    for (host, expected) in [
        ("api.example.com", "https://api.example.com/auth/v1/verify?token="),
        ("api.example.com:8443", "https://api.example.com:8443/auth/v1/verify?token="),
        ("evil.example.com", "http://127.0.0.1:54321/auth/v1/verify?token="),
        // A link to another host, whatever it begins with, would give away whose mail it is in.
        ("api.example.com:@evil.example.com", "http://127.0.0.1:54321/auth/v1/verify?token="),
        ("api.example.com:8443@evil.example.com", "http://127.0.0.1:54321/auth/v1/verify?token="),
        ("api.example.com:/../evil", "http://127.0.0.1:54321/auth/v1/verify?token="),
        ("api.example.com:80#", "http://127.0.0.1:54321/auth/v1/verify?token="),
        ("api.example.com:99999", "http://127.0.0.1:54321/auth/v1/verify?token="),
        ("api.example.com:", "http://127.0.0.1:54321/auth/v1/verify?token="),
    ] {
        service.advance(1);
        let call = Call::post("/magiclink", &json!({"email": "john@example.com"})).header("x-forwarded-host", host);
        service.db.sql("update auth.users set email_confirmed_at = now()").await;
        assert_eq!(service.send(call).await.status, 200);
        assert!(post.last().plain.contains(expected), "{}", post.last().plain);
    }
}

#[tokio::test]
async fn mail_goes_to_authorized_addresses_only() {
    let authorized_addresses = vec!["John@example.com".to_owned()];
    let letters = LetterSettings { authorized_addresses, ..LetterSettings::default() };
    let service = Service::with(Settings { letters, ..settings() }).await;
    service.sign_up("john+test@example.com").await;
    let answer = service.post("/signup", json!({"email": "jane@example.com", "password": PASSWORD})).await;
    assert_error(&answer, 400, "email_address_not_authorized");
    assert_eq!(service.count("auth.users").await, 1);
}

/// A mail server that takes the connection and says nothing.
#[derive(Clone, Debug, Default)]
struct Silent {
    asked: Arc<AtomicUsize>,
}

impl Mailer for Silent {
    fn send<'a>(&'a self, _: &'a Message) -> Sending<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

impl Silent {
    async fn service(&self, settings: Settings) -> Service {
        Service::with_outside(settings, Outside::default().with_mailer(Arc::new(self.clone()))).await
    }
}

/// Behaviour 132: a notification that nobody takes does not even take time.
#[tokio::test]
async fn nobody_waits_for_a_notification() {
    let silent = Silent::default();
    let notifications = vec![Kind::PasswordChanged];
    let letters = LetterSettings { notifications, ..LetterSettings::default() };
    let service = silent.service(Settings { letters, ..Settings::default() }).await;
    let session = service.sign_up("john@example.com").await;
    let change = service.change(text(&session, "access_token"), json!({"password": "another horse"}));
    let answer = tokio::time::timeout(Duration::from_secs(5), change).await.expect("no waiting");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(service.sign_in("john@example.com", "another horse").await.status, 200);
}

#[tokio::test]
async fn who_kept_a_request_waiting_is_told() {
    let max_request_duration = Duration::from_secs(3);
    let service = Silent::default().service(Settings { max_request_duration, ..settings() }).await;
    let answer = service.post("/signup", json!({"email": "john@example.com", "password": PASSWORD})).await;
    assert_error(&answer, 504, "request_timeout");
    let failure = answer.extensions.get::<base::http::Failure>().expect("a cause");
    assert_eq!(failure.message, "the time of the request was over, waiting for the mail server");
    assert_eq!(service.count("auth.users").await, 0);
}

/// The pool of the tests has four connections.
#[tokio::test]
async fn who_waits_for_the_mail_server_leaves_connections_to_others() {
    let silent = Silent::default();
    let service = silent.service(Settings { max_request_duration: Duration::from_secs(30), ..settings() }).await;
    let waiting: Vec<_> = (0..8)
        .map(|number| {
            let router = service.router.clone();
            let body = json!({"email": format!("{number}@example.com"), "password": PASSWORD});
            tokio::spawn(async move { Call::post("/signup", &body).send(&router).await.status })
        })
        .collect();
    while silent.asked.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..8 {
        let others = tokio::time::timeout(Duration::from_secs(10), service.sign_in("jane@example.com", PASSWORD));
        assert_eq!(others.await.expect("no waiting").status, 400);
    }
    assert_eq!(silent.asked.load(Ordering::SeqCst), 2);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_template_that_fails_is_no_failure() {
    let post = Post::default();
    let templates = vec![template(None, "Hello", "{{ range .Email }}x{{ end }}")];
    let service = post.service(settings(), OutsideSettings { templates, ..OutsideSettings::default() }).await;
    service.sign_up("john@example.com").await;
    assert_eq!(post.last().subject, "Confirm your email address");
}

/// Accounts may have addresses that no mail server takes; letters to them are refused, whether there is an account
/// or not.
#[tokio::test]
async fn addresses_that_cannot_be_sent_to_are_refused() {
    let post = Post::default();
    let service = post.service(settings(), OutsideSettings::default()).await;
    let long = format!("{}@example.com", "a".repeat(65));
    for email in ["a..b@example.com", ".a@example.com", "a.@example.com", long.as_str()] {
        let check = async || {
            let body = json!({"email": email, "password": PASSWORD, "type": "signup"});
            for path in ["/signup", "/otp", "/magiclink", "/recover", "/resend"] {
                assert_error(&service.post(path, body.clone()).await, 400, "email_address_invalid");
            }
            assert_error(&service.admin_post("/invite", body).await, 400, "email_address_invalid");
        };
        check().await;
        let account = json!({"email": email, "password": PASSWORD, "email_confirm": true});
        assert_eq!(service.admin_post("/admin/users", account).await.status, 200);
        assert_eq!(service.sign_in(email, PASSWORD).await.status, 200);
        check().await;
    }
    let session = service.sign_in("a..b@example.com", PASSWORD).await.json();
    let answer = service.change(text(&session, "access_token"), json!({"email": "b..c@example.com"})).await;
    assert_error(&answer, 400, "email_address_invalid");
    assert_eq!(post.count(), 0);
}

#[test]
fn servers_outside_get_a_part_of_the_time_of_a_request() {
    let outside = OutsideSettings { smtp: Some(auth::SmtpSettings::default()), ..OutsideSettings::default() };
    let times = |outside: &OutsideSettings| (outside.smtp.as_ref().expect("a server").timeout, outside.sms_timeout);
    let (ten, six) = (Duration::from_secs(10), Duration::from_secs(6));
    assert_eq!(times(&outside.clone().within(ten)), (six, Some(six)));
    assert_eq!(times(&outside.clone().within(Duration::from_secs(60))), (ten, Some(ten)));
    assert_eq!(times(&outside.within(Duration::ZERO)), (ten, None));
}
