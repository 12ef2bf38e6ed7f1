//! A console over a database of its own, with operators to sign in as.

use std::time::Duration;

use base::http::ClientAddr;
use base::{Clock, Random};
use dashboard::operators::{self, NewOperator, Role};
use dashboard::{Deps, Settings, State};
use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Answer, Call, TestDb};

pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const EMAIL: &str = "ann@example.com";

/// The console of one test.
pub(crate) struct Console {
    pub(crate) db: TestDb,
    pub(crate) router: axum::Router,
    pub(crate) clock: Clock,
    pub(crate) administrator: pg::Db,
}

/// A signed-in operator.
pub(crate) struct Browser<'a> {
    pub(crate) console: &'a Console,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Console {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let db = TestDb::new().await;
        let clock = Clock::fixed(Timestamp::now());
        let administrator = pg::Db::new(db.target().clone(), &pg::PoolSettings::default()).unwrap();
        let accounts = auth::Deps {
            db: db.db("supabase_auth_admin"),
            keyring: testkit::keyring(),
            clock: clock.clone(),
            random: Random::system(),
        };
        let deps = Deps {
            db: administrator.clone(),
            target: db.target().clone(),
            auth: auth::router(auth::State::new(auth::Settings::default(), accounts)),
            keyring: testkit::keyring(),
            clock: clock.clone(),
            random: Random::system(),
        };
        let router = dashboard::router(State::new(settings, deps).unwrap());
        let router = axum::Router::new().nest_service("/dashboard", router);
        Self { db, router, clock, administrator }
    }

    pub(crate) async fn operator(&self, email: &str, role: Role) {
        let password = PASSWORD.to_owned().into();
        let new = NewOperator { email, password: &password, role, must_change_password: false };
        operators::create(&self.administrator, &self.clock, &Random::system(), &new).await.unwrap();
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        self.login_from("192.0.2.1", email, password).await
    }

    pub(crate) async fn login_from(&self, address: &str, email: &str, password: &str) -> Answer {
        Call::post("/dashboard/api/login", &json!({"email": email, "password": password}))
            .extension(ClientAddr(address.parse().unwrap()))
            .send(&self.router)
            .await
    }

    /// Makes an owner and signs in.
    pub(crate) async fn owner(&self) -> Browser<'_> {
        self.signed_in(Role::Owner).await
    }

    pub(crate) async fn signed_in(&self, role: Role) -> Browser<'_> {
        self.operator(EMAIL, role).await;
        let answer = self.login(EMAIL, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", describe(&answer));
        Browser::new(self, &answer)
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

impl<'a> Browser<'a> {
    /// Keeps what a log-in answered, as a browser does.
    pub(crate) fn new(console: &'a Console, answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
        Self { console, cookie, csrf }
    }

    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        Call::new(method, &format!("/dashboard/api{path}"))
            .header("cookie", &self.cookie)
            .extension(ClientAddr("192.0.2.1".parse().unwrap()))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).send(&self.console.router).await
    }

    /// The JSON of a GET that must succeed.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> impl Future<Output = Value> {
        let call = self.get(path);
        async move {
            let answer = call.await;
            assert_eq!(answer.status, StatusCode::OK, "{}", describe(&answer));
            answer.json()
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.call(method, path).header("x-csrf-token", &self.csrf).json(body).send(&self.console.router).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    pub(crate) async fn sql(&self, query: &str) -> Answer {
        self.post("/sql", &json!({ "query": query })).await
    }
}

/// An answer with the real cause of a failure.
pub(crate) fn describe(answer: &Answer) -> String {
    format!("{} {:?}", answer.text(), answer.extensions.get::<base::http::Failure>())
}

/// Checks status and code of a refusal.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str()), (status, Some(code)), "{}", describe(answer));
}
