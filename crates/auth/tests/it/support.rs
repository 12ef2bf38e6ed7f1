//! A service on a fresh database, and the calls that most tests make.

use std::time::Duration;

use auth::{Deps, Settings, State};
use axum::Router;
use base::{Clock, Random};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Answer, Call, TestDb, keyring};

/// A password that the default rules accept.
pub const PASSWORD: &str = "correct horse";

/// A service with its database and its clock, which stands still.
pub struct Service {
    pub db: TestDb,
    pub clock: Clock,
    pub router: Router,
}

impl Service {
    pub async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        settings.validate().unwrap();
        let db = TestDb::new().await;
        let clock = Clock::fixed(Timestamp::now());
        let deps = Deps {
            db: db.db("supabase_auth_admin"),
            keyring: keyring(),
            clock: clock.clone(),
            random: Random::system(),
        };
        let router = auth::router(State::new(settings, deps));
        Self { db, clock, router }
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub async fn send(&self, call: Call) -> Answer {
        call.send(&self.router).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Call::post(path, &body)).await
    }

    /// Signs up and returns the session.
    pub async fn sign_up(&self, email: &str) -> Value {
        self.sign_up_with(email, json!({})).await
    }

    pub async fn sign_up_with(&self, email: &str, data: Value) -> Value {
        let answer = self.post("/signup", json!({"email": email, "password": PASSWORD, "data": data})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    pub async fn sign_in(&self, email: &str, password: &str) -> Answer {
        self.post("/token?grant_type=password", json!({"email": email, "password": password})).await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/token?grant_type=refresh_token", json!({"refresh_token": token})).await
    }

    pub async fn user(&self, token: &str) -> Answer {
        self.send(Call::get("/user").bearer(token)).await
    }

    pub async fn count(&self, what: &str) -> i64 {
        self.db.value(&format!("select count(*) from {what}")).await
    }
}

/// A field that is text.
#[track_caller]
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}"))
}

/// Asserts status and code of an error in the layout of old clients.
#[track_caller]
pub fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let body = answer.json();
    assert_eq!(body["error_code"], code, "{body}");
    assert_eq!(body["code"], status, "{body}");
    assert_eq!(answer.header("x-sb-error-code"), code);
    assert_eq!(answer.header("content-type"), "application/json");
}
