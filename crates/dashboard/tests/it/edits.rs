//! Changing rows, and what cannot be changed.

use http::Method;
use serde_json::{Value, json};

use crate::console::{Browser, Console, refused};

const ROWS: &str = "/tables/public/t/rows";

async fn with_table(console: &Console) -> Browser<'_> {
    console
        .db
        .sql(
            "create table public.t (
                 a int, b text, n numeric, tags text[], j jsonb, at timestamptz, ok bool default true,
                 parent int, primary key (a, b), unique (n), check (n < 100));
             insert into public.t (a, b, n) values (1, 'x', 1), (1, 'y', 2), (2, 'x', 3)",
        )
        .await;
    console.owner().await
}

#[tokio::test]
async fn rows_are_inserted_changed_and_deleted_by_key() {
    let console = Console::new().await;
    let browser = with_table(&console).await;
    let values = json!({
        "a": 5, "b": "it's \"ü\"\n", "n": "4.50", "tags": ["a,b", null, "\"q\""], "j": {"x": [1, null, "y"]},
        "at": "2024-05-06T07:08:09Z",
    });
    let answer = browser.post(ROWS, &json!({ "values": values })).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let row = answer.json()["row"].clone();
    for (name, value) in values.as_object().unwrap().iter().filter(|(name, _)| *name != "at") {
        assert_eq!(&row[name], value, "{name}");
    }
    assert_eq!(
        (&row["at"], &row["ok"], &row["parent"]),
        (&json!("2024-05-06T07:08:09+00:00"), &json!(true), &json!(null))
    );

    let key = json!({"a": 5, "b": "it's \"ü\"\n"});
    let changed =
        browser.send(Method::PATCH, ROWS, &json!({"key": key, "values": {"j": null, "tags": [], "b": "z"}})).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["row"]["tags"], json!([]));
    assert_eq!(changed.json()["row"]["b"], "z");
    let gone = browser.send(Method::PATCH, ROWS, &json!({"key": key, "values": {"ok": false}})).await;
    refused(&gone, 404, "row_not_found");

    let keys = json!({"keys": [{"a": 1, "b": "x"}, {"a": 5, "b": "z"}, {"a": 9, "b": "none"}]});
    assert_eq!(browser.send(Method::DELETE, ROWS, &keys).await.json(), json!({"deleted": 2}));
    let left: Vec<String> = console.db.value("select array_agg(a || b order by a, b) from public.t").await;
    assert_eq!(left, ["1y", "2x"]);
}

#[tokio::test]
async fn an_empty_insert_takes_the_defaults() {
    let console = Console::new().await;
    console.db.sql("create table public.d (id int generated always as identity primary key, v text default 'x')").await;
    let browser = console.owner().await;
    let answer = browser.post("/tables/public/d/rows", &json!({"values": {}})).await;
    assert_eq!(answer.json(), json!({"row": {"id": 1, "v": "x"}}), "{}", answer.text());
    let generated = browser.post("/tables/public/d/rows", &json!({"values": {"id": 7}})).await;
    refused(&generated, 400, "refused_by_database");
}

#[tokio::test]
async fn what_the_database_refuses_is_told_and_changes_nothing() {
    let console = Console::new().await;
    let browser = with_table(&console).await;
    let insert = async |values: Value| browser.post(ROWS, &json!({ "values": values })).await;
    let duplicate = insert(json!({"a": 1, "b": "x"})).await;
    refused(&duplicate, 409, "unique_violation");
    assert_eq!(duplicate.json()["detail"]["constraint"], "t_pkey");
    refused(&insert(json!({"a": 8, "b": "x", "n": 100})).await, 422, "constraint_violated");
    refused(&insert(json!({"b": "x"})).await, 422, "constraint_violated");
    refused(&insert(json!({"a": "many", "b": "x"})).await, 422, "invalid_value");
    refused(&insert(json!({"a": 8, "b": "\u{0}"})).await, 422, "invalid_value");
    refused(&insert(json!({"nothing": 1})).await, 400, "invalid_request");
    refused(&insert(json!({"a) select 1; --": 1})).await, 400, "invalid_request");

    let update = async |key: Value, values: Value| {
        browser.send(Method::PATCH, ROWS, &json!({"key": key, "values": values})).await
    };
    refused(&update(json!({"a": 1}), json!({"ok": false})).await, 400, "invalid_request");
    refused(&update(json!({"a": 1, "b": "x", "n": 1}), json!({"ok": false})).await, 400, "invalid_request");
    refused(&update(json!({}), json!({"ok": false})).await, 400, "invalid_request");
    refused(&update(json!({"a": 1, "b": null}), json!({"ok": false})).await, 404, "row_not_found");
    refused(&update(json!({"a": 1, "b": "x"}), json!({})).await, 400, "invalid_request");
    refused(&browser.send(Method::DELETE, ROWS, &json!({"keys": []})).await, 400, "invalid_request");
    refused(&browser.send(Method::DELETE, ROWS, &json!({"keys": [{"a": 1}]})).await, 400, "invalid_request");
    let state: (i64, i64) = {
        let row = &console.db.query("select count(*), count(*) filter (where ok) from public.t", &[]).await[0];
        (row.get(0), row.get(1))
    };
    assert_eq!(state, (3, 3));
    let trail: i64 = console.db.value("select count(*) from vestibule.operator_audit where action like 'row.%'").await;
    assert_eq!(trail, 0, "what did not happen leaves no trail");
}

#[tokio::test]
async fn tables_without_a_key_and_the_servers_own_schemas_are_not_edited() {
    let console = Console::new().await;
    console.db.sql("create table public.k (v int); create view public.v as select 1 as x").await;
    let browser = console.owner().await;
    for table in ["public/k", "public/v"] {
        let column = if table == "public/k" { "v" } else { "x" };
        let change = json!({"key": {column: 1}, "values": {column: 2}});
        refused(&browser.send(Method::PATCH, &format!("/tables/{table}/rows"), &change).await, 409, "no_primary_key");
    }
    assert_eq!(browser.post("/tables/public/k/rows", &json!({"values": {"v": 1}})).await.status, 201);
    for table in
        ["auth/users", "storage/objects", "vestibule/operators", "pg_catalog/pg_authid", "information_schema/tables"]
    {
        let path = format!("/tables/{table}/rows");
        for (method, body) in [
            (Method::POST, json!({"values": {"id": 1}})),
            (Method::PATCH, json!({"key": {"id": 1}, "values": {"id": 2}})),
            (Method::DELETE, json!({"keys": [{"id": 1}]})),
        ] {
            let answer = browser.send(method, &path, &body).await;
            refused(&answer, 403, "schema_locked");
            assert!(answer.json()["hint"].as_str().unwrap().contains("SQL editor"));
        }
    }
}
