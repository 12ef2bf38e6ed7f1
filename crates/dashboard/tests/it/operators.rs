//! Making operators, what their roles allow, and the trail that they leave.

use dashboard::operators::{self, Error, NewOperator, Role};
use http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::console::{Browser, Console, EMAIL, PASSWORD, refused};

#[tokio::test]
async fn addresses_are_unique_in_any_case_and_passwords_are_long() {
    let console = Console::new().await;
    console.operator(EMAIL, Role::Owner).await;
    let create = async |email: &str, password: &str| {
        let password = password.to_owned().into();
        let new = NewOperator { email, password: &password, role: Role::Support, must_change_password: false };
        operators::create(&console.administrator, &console.clock, &base::Random::system(), &new).await
    };
    assert!(matches!(create("Ann@Example.com", PASSWORD).await, Err(Error::Exists(_))));
    assert!(matches!(create("ann", PASSWORD).await, Err(Error::Email(_))));
    assert!(matches!(create("bob@example.com", "short").await, Err(Error::Weak(_))));
    assert!(create("bob@example.com", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_reset_password_ends_sessions_and_must_be_changed() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let random = base::Random::system();
    let reset = async |email| operators::reset_password(&console.administrator, &console.clock, &random, email).await;
    assert!(matches!(reset("nobody@example.com").await, Err(Error::NotFound(_))));
    let password = reset("ANN@example.com").await.unwrap();
    refused(&browser.get("/session").await, 401, "not_signed_in");
    refused(&console.login(EMAIL, PASSWORD).await, 401, "invalid_credentials");
    let answer = console.login(EMAIL, password.expose_secret()).await;
    assert_eq!(answer.json()["operator"]["must_change_password"], true);
}

#[tokio::test]
async fn roles_are_enforced_by_the_server() {
    let console = Console::new().await;
    console.db.sql("create table public.t (id int primary key)").await;
    let id = "11111111-1111-1111-1111-111111111111";
    let changes_users = [
        (Method::POST, "/users".to_owned()),
        (Method::PATCH, format!("/users/{id}")),
        (Method::DELETE, format!("/users/{id}")),
    ];
    let changes_data = [
        (Method::POST, "/sql".to_owned()),
        (Method::POST, "/sql/check".to_owned()),
        (Method::POST, "/sql/export.csv".to_owned()),
        (Method::POST, "/tables/public/t/rows".to_owned()),
        (Method::PATCH, "/tables/public/t/rows".to_owned()),
        (Method::DELETE, "/tables/public/t/rows".to_owned()),
    ];
    for (email, role) in [("s@example.com", Role::Support), ("r@example.com", Role::ReadOnly)] {
        console.operator(email, role).await;
        let browser = Browser::new(&console, &console.login(email, PASSWORD).await);
        for path in ["/users", "/project", "/schemas", "/tables", "/tables/public/t/rows", "/users/export.csv"] {
            assert_eq!(browser.get(path).await.status, 200, "{path}");
        }
        for (method, path) in &changes_data {
            refused(&browser.send(method.clone(), path, &json!({})).await, 403, "not_allowed");
        }
        for (method, path) in &changes_users {
            let answer = browser.send(method.clone(), path, &json!({})).await;
            let is_refused = answer.status == 403 && answer.json()["code"] == "not_allowed";
            assert_eq!(is_refused, role == Role::ReadOnly, "{path}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn every_change_leaves_a_trail_without_secrets() {
    let console = Console::new().await;
    console.db.sql("create table public.t (id int primary key, note text)").await;
    let browser = console.owner().await;
    let user = browser.post("/users", &json!({"email": "u@example.com", "password": "hidden-one"})).await.json();
    let id = user["id"].as_str().unwrap();
    browser.send(Method::PATCH, &format!("/users/{id}"), &json!({"password": "hidden-two"})).await;
    browser.send(Method::DELETE, &format!("/users/{id}"), &json!({})).await;
    browser.post("/tables/public/t/rows", &json!({"values": {"id": 1, "note": "hidden-three"}})).await;
    browser.send(Method::DELETE, "/tables/public/t/rows", &json!({"keys": [{"id": 1}]})).await;
    browser.sql("alter role anon password 'hidden-four' -- hidden-five").await;
    browser.post("/logout", &json!({})).await;

    let sql = "select jsonb_agg(to_jsonb(a) order by id) from vestibule.operator_audit a";
    let trail: Value = console.db.value(sql).await;
    let entries: Vec<(&str, &str)> = trail
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["action"].as_str().unwrap(), entry["target"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        entries,
        [
            ("session.start", ""),
            ("user.create", id),
            ("user.update", id),
            ("user.delete", id),
            ("row.insert", "public.t"),
            ("row.delete", "public.t"),
            ("sql.run", ""),
            ("session.end", ""),
        ]
    );
    assert!(
        trail.as_array().unwrap().iter().all(|entry| entry["operator_email"] == EMAIL && entry["ip"] == "192.0.2.1")
    );
    assert!(!trail.to_string().contains("hidden"), "{trail}");
}

#[tokio::test]
async fn operators_see_which_tables_are_open() {
    let console = Console::new().await;
    console.db.sql("create table public.open (id int); grant select on public.open to anon").await;
    let viewer = console.signed_in(Role::ReadOnly).await;
    let lints = viewer.get("/advisors/security").await.json()["lints"].clone();
    assert_eq!((&lints[0]["name"], &lints[0]["table"]), (&"rls_disabled_in_public".into(), &"open".into()));
    console.db.sql("alter table public.open enable row level security").await;
    let lints = viewer.get("/advisors/security").await.json()["lints"].clone();
    assert_eq!((&lints[0]["name"], &lints[1]), (&"rls_enabled_no_policy".into(), &serde_json::Value::Null));
}
