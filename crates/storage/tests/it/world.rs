//! What the tests share: a service on a database and a folder of its own, and its callers.

use std::path::Path;

use axum::Router;
use base::{Clock, Random};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use storage::{Deps, Settings, State};
use testkit::project::{service_token, token, user_token};
use testkit::{Answer, Call, TestDb};
use uuid::Uuid;

/// A storage service with nothing in it.
pub(crate) struct World {
    pub(crate) db: TestDb,
    pub(crate) router: Router,
    pub(crate) state: State,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A service whose settings differ from the ordinary ones.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let (db, folder) = (TestDb::new().await, tempfile::tempdir().expect("a folder"));
        let mut settings = Settings { root: folder.path().join("files"), durable: false, ..Settings::default() };
        change(&mut settings);
        let deps = Deps {
            db: db.db("supabase_storage_admin"),
            keyring: testkit::keyring(),
            clock: Clock::system(),
            random: Random::system(),
        };
        let state = State::new(settings, deps).expect("a folder that can be made");
        Self { db, router: storage::router(state.clone()), state, folder }
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        call.send(&self.router).await
    }

    /// Makes a bucket with the secret key.
    pub(crate) async fn bucket(&self, id: &str, options: Value) {
        let mut body = json!({ "id": id, "name": id });
        for (key, value) in options.as_object().expect("an object") {
            body[key] = value.clone();
        }
        let answer = self.send(Call::post("/bucket", &body).bearer(&service_token())).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }

    /// Lets signed-in users do everything in folders named after them, as the documentation's example does.
    pub(crate) async fn own_folder_policy(&self) {
        self.db
            .sql(
                "create policy \"own folder\" on storage.objects for all to authenticated
                 using ((storage.foldername(name))[1] = auth.uid()::text)
                 with check ((storage.foldername(name))[1] = auth.uid()::text)",
            )
            .await;
    }

    /// A user who exists in `auth.users`.
    pub(crate) async fn user(&self) -> User {
        let id = Uuid::new_v4();
        self.db.sql(&format!("insert into auth.users (id, email) values ('{id}', '{id}@example.com')")).await;
        User { id, token: user_token(&id.to_string()) }
    }

    pub(crate) async fn object_count(&self) -> i64 {
        self.db.value("select count(*) from storage.objects").await
    }

    /// The files in the folder, finished or not, once the service has come to rest.
    pub(crate) async fn files(&self) -> Vec<String> {
        self.state.idle().await;
        files_below(self.folder.path())
    }
}

/// A signed-in user.
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) token: String,
}

fn files_below(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .expect("a folder")
        .flat_map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() { files_below(&path) } else { vec![path.display().to_string()] }
        })
        .collect()
}

pub(crate) fn anon_token() -> String {
    token(json!({"role": "anon"}))
}

pub(crate) fn call(method: Method, path: &str, bearer: &str) -> Call {
    Call::new(method, path).bearer(bearer)
}

/// An upload of raw bytes as `supabase-js` sends it.
pub(crate) fn upload(path: &str, bearer: &str, bytes: &'static str) -> Call {
    call(Method::POST, path, bearer)
        .header("content-type", "text/plain;charset=UTF-8")
        .header("cache-control", "max-age=3600")
        .header("x-upsert", "false")
        .body(bytes)
}

pub(crate) fn get(path: &str, bearer: &str) -> Call {
    call(Method::GET, path, bearer)
}

pub(crate) fn delete(path: &str, bearer: &str) -> Call {
    call(Method::DELETE, path, bearer)
}

pub(crate) fn secret() -> String {
    service_token()
}

/// Checks status, and of the body the status, the error and the message.
#[track_caller]
pub(crate) fn refused(answer: &Answer, http: u16, status: &str, error: &str, message: &str) {
    let body = answer.json();
    let told = (
        answer.status.as_u16(),
        body["statusCode"].as_str().unwrap_or_default(),
        body["error"].as_str().unwrap_or_default(),
        body["message"].as_str().unwrap_or_default(),
    );
    assert_eq!(told, (http, status, error, message));
}

#[track_caller]
pub(crate) fn done(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}
