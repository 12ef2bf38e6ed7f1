//! CSV downloads, read back with an independent reader.

use axum::body::Body;
use http::{Method, Request};
use http_body_util::BodyExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use testkit::Answer;
use tower::ServiceExt;

use crate::console::{Browser, Console, refused};

async fn export(browser: &Browser<'_>, query: &str) -> Answer {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let body = format!("query={}&csrf_token={}", encode(query), encode(&browser.csrf));
    browser
        .call(Method::POST, "/sql/export.csv")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send(&browser.console.router)
        .await
}

fn read(answer: &Answer) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(answer.body.as_ref());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn every_kind_of_value_survives() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let query = r#"select * from (values
        (1, 'plain', null::text, '', '{"a": "x,\"y\""}'::jsonb),
        (2, 'say "hi", you', e'two\r\nlines', 'ünï 日本 🎈', '[1, null]'),
        (3, ' spaces ', e'tab\there', '"', '"\n"')) v(id, "a ""b""", c, d, e)"#;
    let answer = export(&browser, query).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"query-"));
    assert_eq!(
        read(&answer),
        [
            vec!["id", "a \"b\"", "c", "d", "e"],
            vec!["1", "plain", "", "", r#"{"a": "x,\"y\""}"#],
            vec!["2", "say \"hi\", you", "two\r\nlines", "ünï 日本 🎈", "[1, null]"],
            vec!["3", " spaces ", "tab\there", "\"", "\"\\n\""],
        ]
    );
    // NULL and the empty string differ in the bytes, which readers do not tell apart.
    assert!(answer.text().contains("1,plain,,\"\",\"{\"\"a\"\": "), "{}", answer.text());
}

#[tokio::test]
async fn an_export_has_no_row_limit() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let answer = export(&browser, "select n, md5(n::text) as hash from generate_series(1, 30000) n").await;
    let rows = read(&answer);
    assert_eq!(rows.len(), 30_001);
    assert_eq!(rows[30_000][0], "30000");
    assert_eq!(export(&browser, "select 1 as x where false").await.text(), "x\r\n");
}

#[tokio::test]
async fn what_cannot_be_exported_is_told_before_the_download_begins() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let answer = export(&browser, "select\n nonsense").await;
    refused(&answer, 400, "sql_error");
    assert_eq!(answer.json()["detail"]["line"], 2);
    refused(&export(&browser, "select 1; select 2").await, 400, "invalid_request");
    refused(&export(&browser, "").await, 400, "invalid_request");
    refused(&export(&browser, "copy auth.users to stdout").await, 400, "copy_not_supported");
    assert_eq!(export(&browser, "set timezone = 'UTC'; select 1 as x").await.text(), "x\r\n1\r\n");
}

#[tokio::test]
async fn all_users_are_exported_without_their_secrets() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "insert into auth.users (id, email, encrypted_password, raw_user_meta_data, created_at)
             select gen_random_uuid(), 'u' || n || '@example.com', 'TOPSECRET', jsonb_build_object('n', n, 'q', 'a,\"b\"'), now()
             from generate_series(1, 2500) n",
        )
        .await;
    let browser = console.owner().await;
    let answer = browser.get("/users/export.csv").await;
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"users-"));
    let rows = read(&answer);
    assert_eq!(rows.len(), 2501);
    let column = |name: &str| rows[0].iter().position(|column| column == name);
    assert!(column("encrypted_password").is_none() && column("recovery_token").is_none());
    assert!(!answer.text().contains("TOPSECRET"));
    let (email, metadata) = (column("email").unwrap(), column("raw_user_meta_data").unwrap());
    let mut numbers: Vec<i64> = rows[1..]
        .iter()
        .map(|row| {
            let metadata: serde_json::Value = serde_json::from_str(&row[metadata]).unwrap();
            assert_eq!((&row[email], &metadata["q"]), (&format!("u{}@example.com", metadata["n"]), &"a,\"b\"".into()));
            metadata["n"].as_i64().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(1..=2500));
    let table = browser.get("/tables/auth/users/export.csv").await;
    assert_eq!(read(&table)[1][5], "••••••••");
}

#[tokio::test]
async fn a_download_that_is_given_up_cancels_its_statement() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let query = "select pg_advisory_lock(88), n, repeat('x', 1000) from generate_series(1, 100000000) n";
    let body = format!(
        "query={}&csrf_token={}",
        utf8_percent_encode(query, NON_ALPHANUMERIC),
        utf8_percent_encode(&browser.csrf, NON_ALPHANUMERIC)
    );
    let request = Request::post("/dashboard/api/sql/export.csv")
        .header("cookie", &browser.cookie)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(body))
        .unwrap();
    let answer = console.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    assert!(body.frame().await.unwrap().unwrap().data_ref().unwrap().len() >= 64 * 1024);
    drop(body);
    console.db.sql("set statement_timeout = '20s'; select pg_advisory_lock(88)").await;
}
