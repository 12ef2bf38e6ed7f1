//! A user's authenticator app, and the calls around second factors.

use authkit::totp::Key;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call, keyring};

use crate::support::{Service, text};

/// A user with an authenticator app.
pub(crate) struct App {
    pub(crate) session: Value,
    pub(crate) factor: String,
    pub(crate) key: Key,
}

pub(crate) async fn post(service: &Service, session: &Value, path: &str, body: Value) -> Answer {
    service.send(Call::post(path, &body).bearer(text(session, "access_token"))).await
}

pub(crate) async fn enroll(service: &Service, session: &Value, name: &str) -> Answer {
    post(service, session, "/factors", json!({"factor_type": "totp", "friendly_name": name})).await
}

pub(crate) async fn challenge(service: &Service, session: &Value, factor: &str) -> String {
    let answer = post(service, session, &format!("/factors/{factor}/challenge"), json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    text(&answer.json(), "id").to_owned()
}

pub(crate) async fn answer(service: &Service, session: &Value, factor: &str, challenge: &str, code: &str) -> Answer {
    let body = json!({"challenge_id": challenge, "code": code});
    post(service, session, &format!("/factors/{factor}/verify"), body).await
}

pub(crate) async fn delete(service: &Service, session: &Value, factor: &str) -> Answer {
    service.send(Call::new(Method::DELETE, &format!("/factors/{factor}")).bearer(text(session, "access_token"))).await
}

impl App {
    /// Adds an app to a user, not verified.
    pub(crate) async fn enroll(service: &Service, session: Value) -> Self {
        let enrolled = enroll(service, &session, "phone").await;
        assert_eq!(enrolled.status, 200, "{}", enrolled.text());
        let enrolled = enrolled.json();
        let key = Key::parse(text(&enrolled["totp"], "secret")).expect("base32");
        Self { session, factor: text(&enrolled, "id").to_owned(), key }
    }

    /// The same, verified; the session is at the second level.
    pub(crate) async fn verified(service: &Service, email: &str) -> Self {
        let session = service.sign_up(email).await;
        let mut app = Self::enroll(service, session).await;
        app.session = app.step_up(service, &app.session).await.json();
        app
    }

    pub(crate) fn code(&self, service: &Service) -> String {
        self.key.code_at(service.clock.unix_seconds())
    }

    /// Challenges and verifies with the code of now.
    pub(crate) async fn step_up(&self, service: &Service, session: &Value) -> Answer {
        let challenge = challenge(service, session, &self.factor).await;
        answer(service, session, &self.factor, &challenge, &self.code(service)).await
    }
}

pub(crate) fn claim(session: &Value, name: &str) -> Value {
    keyring().verify(text(session, "access_token")).expect("our token").claims[name].clone()
}
