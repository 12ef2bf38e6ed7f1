//! A service on a fresh database, and the calls that most tests make.

use std::time::Duration;

use auth::{Deps, Outside, Protection, Settings, State};
use authkit::otp::CodeKey;
use axum::Router;
use base::{Clock, Random};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Answer, Call, TestDb, keyring};

/// A password that the default rules accept.
pub(crate) const PASSWORD: &str = "correct horse";

/// A service with its database and its clock, which stands still.
pub(crate) struct Service {
    state: State,
    pub(crate) db: TestDb,
    pub(crate) clock: Clock,
    pub(crate) router: Router,
    settings: Settings,
}

fn state(db: &TestDb, clock: &Clock, settings: Settings) -> State {
    let deps =
        Deps { db: db.db("supabase_auth_admin"), keyring: keyring(), clock: clock.clone(), random: Random::system() };
    State::new(settings, deps)
}

impl Service {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::guarded(settings, Protection::default(), Outside::default()).await
    }

    pub(crate) async fn protected(settings: Settings, protection: Protection) -> Self {
        Self::guarded(settings, protection, Outside::default()).await
    }

    /// A service that reaches things outside.
    pub(crate) async fn with_outside(settings: Settings, outside: Outside) -> Self {
        Self::guarded(settings, Protection::default(), outside).await
    }

    async fn guarded(settings: Settings, protection: Protection, outside: Outside) -> Self {
        Self::on(TestDb::new().await, Clock::fixed(Timestamp::now()), settings, (protection, outside))
    }

    /// The same database and clock with other settings.
    pub(crate) fn restart(self, settings: Settings) -> Self {
        Self::on(self.db, self.clock, settings, (Protection::default(), Outside::default()))
    }

    fn on(db: TestDb, clock: Clock, settings: Settings, (protection, outside): (Protection, Outside)) -> Self {
        settings.validate().expect("the test's settings are valid");
        let state = state(&db, &clock, settings.clone());
        let state = state.with_protection(protection).with_outside(outside);
        Self { db, clock, router: auth::router(state.clone()), state, settings }
    }

    /// Another server on the same database, with nothing outside.
    pub(crate) fn another(&self) -> Router {
        auth::router(state(&self.db, &self.clock, self.settings.clone()))
    }

    /// How many turns to change an account are had or waited for.
    pub(crate) fn turns(&self) -> usize {
        self.state.turns()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        call.send(&self.router).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Call::post(path, &body)).await
    }

    /// Signs up and returns the session.
    pub(crate) async fn sign_up(&self, email: &str) -> Value {
        self.sign_up_with(email, json!({})).await
    }

    pub(crate) async fn sign_up_with(&self, email: &str, data: Value) -> Value {
        let answer = self.post("/signup", json!({"email": email, "password": PASSWORD, "data": data})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/token?grant_type=password", json!({"email": email, "password": password})).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/token?grant_type=refresh_token", json!({"refresh_token": token})).await
    }

    pub(crate) async fn user(&self, token: &str) -> Answer {
        self.send(Call::get("/user").bearer(token)).await
    }

    /// The mailbox as the app mounts it.
    pub(crate) fn mailbox(&self) -> Router {
        Router::new().nest("/mailbox", auth::mailbox_router(self.state.clone()))
    }

    /// The latest mail to an address: the path of its link, and its code.
    pub(crate) async fn mail(&self, to: &str) -> Letter {
        const LATEST: &str =
            "select plain from vestibule.mailbox where mail_to = array[$1] order by created_at desc limit 1";
        let rows = self.db.query(LATEST, &[&to]).await;
        let plain: String = rows.first().expect("a mail").get(0);
        let link = plain.lines().find_map(|line| line.strip_prefix("http://127.0.0.1:54321/auth/v1"));
        let code = ["Or enter this code: ", "Your code: "];
        let code = plain.lines().find_map(|line| code.iter().find_map(|lead| line.strip_prefix(lead)));
        Letter { link: link.unwrap_or_default().to_owned(), code: code.expect("a code").to_owned() }
    }

    /// Sends a change of the signed-in user.
    pub(crate) async fn change(&self, token: &str, body: Value) -> Answer {
        self.send(Call::new(Method::PUT, "/user").bearer(token).json(&body)).await
    }

    /// Sends as an administrator.
    pub(crate) async fn admin_post(&self, path: &str, body: Value) -> Answer {
        self.send(Call::post(path, &body).bearer(&testkit::project::service_token())).await
    }

    /// How many audit entries there are of an action.
    pub(crate) async fn audited(&self, action: &str) -> i64 {
        self.count(&format!("auth.audit_log_entries where payload ->> 'action' = '{action}'")).await
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        self.db.value(&format!("select count(*) from {what}")).await
    }
}

/// What a mail carries.
#[derive(Debug)]
pub(crate) struct Letter {
    pub(crate) link: String,
    pub(crate) code: String,
}

impl Letter {
    /// The hash in the link.
    pub(crate) fn hash(&self) -> &str {
        let after = self.link.split_once("token=").expect("a token").1;
        after.split('&').next().expect("there is a first part")
    }
}

/// A parameter in the fragment of the address that an answer leads to.
#[track_caller]
pub(crate) fn fragment(answer: &Answer, name: &str) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location");
    let fragment = location.split_once('#').expect(location).1;
    let find = |pair: &str| pair.strip_prefix(&format!("{name}=")).map(str::to_owned);
    fragment.split('&').find_map(find).expect(location)
}

/// The hashes that a code may be kept by: that of the service, and that of Supabase's server.
pub(crate) fn code_hashes(contact: &str, code: &str) -> [String; 2] {
    CodeKey::new(&keyring().derive("one-time codes")).accepted(contact, code)
}

/// A field that is text.
#[track_caller]
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().expect(field)
}

/// Asserts status and code of an error in the layout of old clients.
#[track_caller]
pub(crate) fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["error_code"], code, "{body}");
    assert_eq!(body["code"], status, "{body}");
    assert_eq!(answer.header("x-sb-error-code"), code);
    assert_eq!(answer.header("content-type"), "application/json");
}
