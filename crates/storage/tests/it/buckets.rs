//! Making, showing, changing, emptying and deleting buckets.

use http::{Method, StatusCode};
use serde_json::json;
use testkit::Call;

use crate::world::{World, anon_token, call, delete, done, get, refused, secret, upload};

#[tokio::test]
async fn a_bucket_is_made_shown_changed_and_deleted() {
    let world = World::new().await;
    let body = json!({"id": "avatars", "name": "avatars", "public": false});
    let answer = world.send(Call::post("/bucket", &body).bearer(&secret())).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"name": "avatars"})));

    let mut shown = world.send(get("/bucket/avatars", &secret())).await.json();
    for time in ["created_at", "updated_at"] {
        let at = shown[time].take();
        assert!(at.as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')), "{at}");
    }
    let expected = json!({
        "id": "avatars", "name": "avatars", "owner": "", "public": false, "file_size_limit": null,
        "allowed_mime_types": null, "created_at": null, "updated_at": null,
    });
    assert_eq!(shown, expected);

    let change = json!({"id": "avatars", "name": "avatars", "public": true, "file_size_limit": "1MB",
        "allowed_mime_types": ["image/*", ""]});
    let answer = world.send(call(Method::PUT, "/bucket/avatars", &secret()).json(&change)).await;
    assert_eq!(answer.json(), json!({"message": "Successfully updated"}));
    let shown = world.send(get("/bucket/avatars", &secret())).await.json();
    assert_eq!(shown["public"], true);
    assert_eq!(shown["file_size_limit"], 1_000_000);
    assert_eq!(shown["allowed_mime_types"], json!(["image/*"]));

    // What is absent stays, what is null goes.
    done(&world.send(call(Method::PUT, "/bucket/avatars", &secret()).json(&json!({"file_size_limit": null}))).await);
    let shown = world.send(get("/bucket/avatars", &secret())).await.json();
    assert_eq!((&shown["public"], &shown["file_size_limit"]), (&json!(true), &json!(null)));
    assert_eq!(shown["allowed_mime_types"], json!(["image/*"]));

    let answer = world.send(delete("/bucket/avatars", &secret()).json(&json!({}))).await;
    assert_eq!(answer.json(), json!({"message": "Successfully deleted"}));
    refused(&world.send(get("/bucket/avatars", &secret())).await, 400, "404", "Bucket not found", "Bucket not found");
}
