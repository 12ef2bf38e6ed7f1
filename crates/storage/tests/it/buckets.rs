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

#[tokio::test]
async fn buckets_are_listed_searched_and_paged() {
    let world = World::new().await;
    for id in ["b&1", "c_2", "A3"] {
        world.bucket(id, json!({})).await;
    }
    let names = async |query: &str| {
        let answer = world.send(get(&format!("/bucket{query}"), &secret())).await;
        done(&answer);
        let buckets = answer.json();
        buckets.as_array().expect("a list").iter().map(|bucket| bucket["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await.len(), 3);
    assert_eq!(names("?sortColumn=name&sortOrder=desc&limit=1").await.len(), 1);
    assert_eq!(names("?search=a").await, ["A3"]);
    assert_eq!(names("?search=%26").await, ["b&1"]);
    assert!(names("?search=%25").await.is_empty());
    assert_eq!(names("?search=_").await, ["c_2"]);
    assert_eq!(names("?sortColumn=created_at&sortOrder=asc").await, ["b&1", "c_2", "A3"]);
    assert_eq!(names("?sortColumn=created_at&offset=2").await, ["A3"]);
    assert_eq!(world.send(get("/bucket", &secret())).await.json()[0]["type"], "STANDARD");
    for wrong in ["?limit=0", "?limit=x", "?offset=-1", "?sortColumn=owner", "?sortOrder=up"] {
        let answer = world.send(get(&format!("/bucket{wrong}"), &secret())).await;
        assert_eq!((answer.status, answer.json()["code"].clone()), (StatusCode::BAD_REQUEST, json!("InvalidRequest")));
    }
}

#[tokio::test]
async fn impossible_buckets_are_refused() {
    let world = World::with(|settings| settings.file_size_limit = 1000).await;
    world.bucket("taken", json!({})).await;
    let create = async |body| world.send(Call::post("/bucket", &body).bearer(&secret())).await;
    refused(&create(json!({"name": "taken"})).await, 400, "409", "Duplicate", "The resource already exists");
    let same_name = create(json!({"id": "other", "name": "taken"})).await;
    refused(&same_name, 400, "409", "Duplicate", "The resource already exists");
    refused(&create(json!({"name": " x"})).await, 400, "400", "Invalid Input", "Bucket name invalid");
    let large = create(json!({"name": "x", "file_size_limit": 1001})).await;
    refused(&large, 400, "413", "Payload too large", "The object exceeded the maximum allowed size");
    let message = "Invalid file size format, hint: use 20GB / 20MB / 30KB / 3B";
    refused(&create(json!({"name": "x", "file_size_limit": "x"})).await, 400, "400", "InvalidRequest", message);
    let types = create(json!({"name": "x", "allowed_mime_types": ["png"]})).await;
    refused(&types, 400, "415", "invalid_mime_type", "mime type png is not supported");
    let analytics = create(json!({"name": "x", "type": "ANALYTICS"})).await;
    assert_eq!(analytics.json()["code"], "FeatureNotEnabled");
    for wrong in [json!({}), json!({"name": 1}), json!({"name": "x", "public": "yes"}), json!([]), json!(null)] {
        assert_eq!(create(wrong.clone()).await.json()["code"], "InvalidRequest", "{wrong}");
    }
    let buckets: i64 = world.db.value("select count(*) from storage.buckets").await;
    assert_eq!(buckets, 1);
}

#[tokio::test]
async fn only_empty_buckets_are_deleted_and_emptying_takes_the_secret_key() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    for path in ["/object/docs/a.txt", "/object/docs/b/c.txt"] {
        done(&world.send(upload(path, &secret(), "x")).await);
    }
    let full = world.send(delete("/bucket/docs", &secret())).await;
    refused(&full, 400, "409", "ResourceNotEmpty", "The bucket you tried to delete is not empty");

    let user = world.user().await;
    for bearer in [&user.token, &anon_token()] {
        let answer = world.send(call(Method::POST, "/bucket/docs/empty", bearer).json(&json!({}))).await;
        refused(&answer, 403, "403", "Unauthorized", "Access denied: Invalid role");
    }
    assert_eq!(world.files().await.len(), 2);

    done(&world.send(call(Method::POST, "/bucket/docs/empty", &secret()).json(&json!({}))).await);
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));
    done(&world.send(delete("/bucket/docs", &secret())).await);
    let gone = world.send(delete("/bucket/docs", &secret())).await;
    refused(&gone, 400, "404", "Bucket not found", "Bucket not found");
}

#[tokio::test]
async fn policies_decide_about_buckets() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let user = world.user().await;
    let create = async |bearer: &str| world.send(Call::post("/bucket", &json!({"name": "mine"})).bearer(bearer)).await;
    let denied = "new row violates row-level security policy";
    refused(&create(&user.token).await, 400, "403", "Unauthorized", denied);
    refused(&create(&anon_token()).await, 400, "403", "Unauthorized", denied);
    assert_eq!(world.send(get("/bucket", &user.token)).await.json(), json!([]));
    refused(&world.send(get("/bucket/docs", &user.token)).await, 400, "404", "Bucket not found", "Bucket not found");
    let change = world.send(call(Method::PUT, "/bucket/docs", &user.token).json(&json!({"public": true}))).await;
    refused(&change, 400, "404", "Bucket not found", "Bucket not found");
    let deleted = world.send(delete("/bucket/docs", &user.token)).await;
    refused(&deleted, 400, "404", "Bucket not found", "Bucket not found");

    world
        .db
        .sql("create policy a on storage.buckets for all to authenticated using (owner_id = auth.uid()::text)")
        .await;
    done(&create(&user.token).await);
    let shown = world.send(get("/bucket", &user.token)).await.json();
    assert_eq!((&shown[0]["owner"], shown.as_array().map(Vec::len)), (&json!(user.id), Some(1)));
    done(&world.send(delete("/bucket/mine", &user.token)).await);
}
