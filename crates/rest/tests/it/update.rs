//! PATCH on relations.

use http::Method;
use serde_json::json;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn rows_that_match_are_changed() {
    let api = Api::new(FILMS).await;
    let answer = api.write(Method::PATCH, "/films?id=eq.4", "", &json!({"year": 2000, "tags": ["new"]})).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (204, ""));
    assert_eq!(answer.header("content-range"), "0-0/*");
    assert_eq!(api.rows("/films?select=year,tags&id=eq.4").await, json!([{"year": 2000, "tags": ["new"]}]));
}

#[tokio::test]
async fn changed_rows_come_back_in_the_order_asked_for() {
    let api = Api::new(FILMS).await;
    let path = "/films?director_id=eq.2&select=id,rating&order=title.desc";
    let answer = api.write(Method::PATCH, path, "return=representation, count=exact", &json!({"rating": 9.1})).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!([{"id": 3, "rating": 9.1}, {"id": 2, "rating": 9.1}]))
    );
    assert_eq!(answer.header("content-range"), "0-1/2");
}

#[tokio::test]
async fn nothing_matched_is_no_error() {
    let api = Api::new(FILMS).await;
    let answer = api.write(Method::PATCH, "/films?id=eq.99", "return=representation", &json!({"year": 1})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([])));
    assert_eq!(answer.header("content-range"), "*/*");
}

#[tokio::test]
async fn nothing_to_set_changes_nothing() {
    let api = Api::new(FILMS).await;
    let answer = api.write(Method::PATCH, "/films?id=eq.1", "return=representation", &json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!([])));
    assert_eq!(api.write(Method::PATCH, "/films?id=eq.1&select=id", "", &json!([])).await.status, 204);
}

#[tokio::test]
async fn logic_trees_choose_rows() {
    let api = Api::new(FILMS).await;
    let path = "/films?or=(id.eq.1,year.is.null)&select=id&order=id";
    let answer = api.write(Method::PATCH, path, "return=representation", &json!({"rating": 1})).await;
    assert_eq!(answer.json(), json!([{"id": 1}, {"id": 4}]));
}

#[tokio::test]
async fn too_many_changes_are_undone() {
    let api = Api::new(FILMS).await;
    let prefer = "handling=strict, max-affected=3";
    let answer = api.write(Method::PATCH, "/films", prefer, &json!({"rating": 1})).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.json()["code"], "PGRST124");
    assert_eq!(answer.json()["details"], "The query affects 4 rows");
    assert_eq!(api.rows("/films?rating=eq.1").await, json!([]));
    let answer = api.write(Method::PATCH, "/films?id=eq.1", prefer, &json!({"rating": 1})).await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("preference-applied"), "handling=strict, max-affected=3");
}
