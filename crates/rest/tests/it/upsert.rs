//! POST with `resolution`, and PUT.

use http::Method;
use serde_json::json;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn duplicates_are_merged() {
    let api = Api::new(FILMS).await;
    let prefer = "resolution=merge-duplicates, return=representation";
    let rows = json!([{"id": 1, "name": "Varda"}, {"id": 7, "name": "Tati"}]);
    let answer = api.write(Method::POST, "/directors", prefer, &rows).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, rows));
    assert_eq!(answer.header("preference-applied"), "resolution=merge-duplicates, return=representation");
    let answer = api.write(Method::POST, "/directors", prefer, &json!({"id": 7, "name": "Jacques Tati"})).await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn duplicates_are_ignored() {
    let api = Api::new(FILMS).await;
    let prefer = "resolution=ignore-duplicates, return=representation";
    let rows = json!([{"id": 1, "name": "x"}, {"id": 7, "name": "Tati"}]);
    let answer = api.write(Method::POST, "/directors", prefer, &rows).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, json!([{"id": 7, "name": "Tati"}])));
    assert_eq!(api.rows("/directors?select=name&id=eq.1").await, json!([{"name": "Agnès Varda"}]));
}

#[tokio::test]
async fn another_unique_constraint_can_decide() {
    let sql = format!("{FILMS} alter table public.directors add unique (name);");
    let api = Api::new(&sql).await;
    let prefer = "resolution=merge-duplicates, return=representation";
    let row = json!({"id": 50, "name": "Nobody"});
    let answer = api.write(Method::POST, "/directors?on_conflict=name", prefer, &row).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([row])));
}

#[tokio::test]
async fn put_replaces_one_row() {
    let api = Api::new(FILMS).await;
    let prefer = "return=representation";
    let answer = api.write(Method::PUT, "/directors?id=eq.8", prefer, &json!({"id": 8, "name": "Tati"})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, json!([{"id": 8, "name": "Tati"}])));
    let answer = api.write(Method::PUT, "/directors?id=eq.8", prefer, &json!({"id": 8, "name": "J. Tati"})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([{"id": 8, "name": "J. Tati"}])));
    assert_eq!(api.write(Method::PUT, "/directors?id=eq.8", "", &json!({"id": 8, "name": "T"})).await.status, 204);
}

#[tokio::test]
async fn put_must_name_the_key_and_nothing_else() {
    let api = Api::new(FILMS).await;
    let row = json!({"id": 8, "name": "Tati"});
    for (path, status, code) in [
        ("/directors", 405, "PGRST105"),
        ("/directors?name=eq.Tati", 405, "PGRST105"),
        ("/directors?id=gt.8", 405, "PGRST105"),
        ("/directors?id=eq.9", 400, "PGRST115"),
        ("/directors?id=eq.8&limit=1", 400, "PGRST114"),
    ] {
        let answer = api.write(Method::PUT, path, "", &row).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (status, json!(code)), "{path}");
    }
    assert_eq!(api.rows("/directors?id=gte.8").await, json!([]));
}

#[tokio::test]
async fn without_a_key_rows_are_simply_inserted() {
    let api = Api::new("create table public.log (line text); grant select, insert on public.log to anon;").await;
    let prefer = "resolution=merge-duplicates, return=representation";
    let answer = api.write(Method::POST, "/log", prefer, &json!([{"line": "a"}, {"line": "a"}])).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, json!([{"line": "a"}, {"line": "a"}])));
    assert_eq!(answer.header("preference-applied"), "return=representation");
}
