//! Uploads: raw bodies and forms, overwriting, and what is left when something breaks off.

use http::{Method, StatusCode};
use serde_json::json;

use crate::world::{World, call, done, get, refused, secret, upload};

#[tokio::test]
async fn what_is_uploaded_can_be_downloaded() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let answer = world.send(upload("/object/docs/a/b.txt", &secret(), "hello")).await;
    done(&answer);
    assert_eq!(answer.json()["Key"], "docs/a/b.txt");
    assert!(answer.json()["Id"].as_str().is_some_and(|id| id.len() == 36));

    let answer = world.send(get("/object/docs/a/b.txt", &secret())).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "hello"));
    assert_eq!(world.files().await.len(), 1);
}
