//! DELETE on relations.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn rows_that_match_are_removed() {
    let api = Api::new(FILMS).await;
    let answer = api.send(Call::new(Method::DELETE, "/films?id=eq.4")).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (204, ""));
    assert_eq!(api.rows("/films?id=eq.4").await, json!([]));
}

#[tokio::test]
async fn removed_rows_come_back_when_asked_for() {
    let api = Api::new(FILMS).await;
    let call = Call::new(Method::DELETE, "/films?director_id=eq.2&select=id,director:directors(name)&order=id");
    let answer = api.send(call.header("prefer", "return=representation, count=exact")).await;
    let director = json!({"name": "Akira Kurosawa"});
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!([{"id": 2, "director": director}, {"id": 3, "director": director}]))
    );
    assert_eq!(answer.header("content-range"), "*/2");
}

#[tokio::test]
async fn references_are_respected() {
    let api = Api::new(FILMS).await;
    let answer = api.send(Call::new(Method::DELETE, "/directors?id=eq.1")).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (409, json!("23503")));
}
