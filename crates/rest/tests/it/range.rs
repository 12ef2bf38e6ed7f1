//! `limit`, `offset`, `Range` and the row limit of the server.

use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn limits_and_offsets_cut_rows_out() {
    let api = Api::new(FILMS).await;
    let answer = api.get("/films?select=id&order=id&limit=2&offset=1").await;
    assert_eq!((answer.json(), answer.header("content-range")), (json!([{"id": 2}, {"id": 3}]), "1-2/*"));
    let answer = api.get("/films?limit=0").await;
    assert_eq!((answer.status.as_u16(), answer.json(), answer.header("content-range")), (200, json!([]), "*/*"));
    assert_eq!(api.rows("/films?select=id&order=id&offset=-3&limit=1").await, json!([{"id": 1}]));
}

#[tokio::test]
async fn the_range_header_counts_as_well() {
    let api = Api::new(FILMS).await;
    let get = |range: &str| Call::get("/films?select=id&order=id").header("range-unit", "items").header("range", range);
    let answer = api.send(get("1-2").header("prefer", "count=exact")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-range")), (206, "1-2/4"));
    assert_eq!(answer.json(), json!([{"id": 2}, {"id": 3}]));
    assert_eq!(api.send(get("3-")).await.json(), json!([{"id": 4}]));
    assert_eq!(api.send(get("x-")).await.json().as_array().map(Vec::len), Some(4));
    let answer = api.send(get("2-1")).await;
    assert_eq!(answer.status, 416);
    assert_eq!(
        answer.json()["details"],
        "The lower boundary must be lower than or equal to the upper boundary in the Range header."
    );
}

#[tokio::test]
async fn ranges_that_cannot_be_met_are_refused() {
    let api = Api::new(FILMS).await;
    let answer = api.get("/films?limit=-1").await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["details"].clone()),
        (416, json!("Limit should be greater than or equal to zero."))
    );
    let answer = api.send(Call::get("/films?offset=100").header("prefer", "count=exact")).await;
    assert_eq!(answer.status, 416);
    assert_eq!(answer.json()["details"], "An offset of 100 was requested, but there are only 4 rows.");
    assert_eq!(answer.header("content-range"), "*/4");
    let answer = api.get("/films?offset=100").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([])));
}

#[tokio::test]
async fn the_server_limits_rows_on_all_levels() {
    let settings = rest::Settings { max_rows: Some(2), ..rest::Settings::default() };
    let api = Api::with(FILMS, settings).await;
    let answer = api.send(Call::get("/films?select=id&order=id").header("prefer", "count=exact")).await;
    assert_eq!((answer.json(), answer.header("content-range")), (json!([{"id": 1}, {"id": 2}]), "0-1/4"));
    assert_eq!(api.rows("/films?select=id&limit=1&order=id").await, json!([{"id": 1}]));
    let rows = json!([{"id": 7, "name": "a"}, {"id": 8, "name": "b"}, {"id": 9, "name": "c"}]);
    let answer = api.write(http::Method::POST, "/directors", "return=representation", &rows).await;
    assert_eq!(answer.json().as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn orders_put_nulls_where_asked() {
    let api = Api::new(FILMS).await;
    let first = |path: &'static str| async { api.rows(path).await[0]["id"].clone() };
    assert_eq!(first("/films?select=id&order=year.desc").await, 4);
    assert_eq!(first("/films?select=id&order=year.desc.nullslast").await, 3);
    assert_eq!(first("/films?select=id&order=year.nullsfirst").await, 4);
    assert_eq!(first("/films?select=id&order=data->>color.desc.nullslast,id").await, 3);
}
