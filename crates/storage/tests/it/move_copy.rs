//! Moving and copying objects.

use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Call};

use crate::world::{World, call, done, get, refused, secret, upload};

async fn world_with_a_file() -> World {
    let world = World::new().await;
    for bucket in ["docs", "other"] {
        world.bucket(bucket, json!({})).await;
    }
    done(&world.send(upload("/object/docs/a", &secret(), "one").header("x-metadata", "eyJuIjoxfQ==")).await);
    world
}

async fn post(world: &World, action: &str, body: Value) -> Answer {
    world.send(Call::post(&format!("/object/{action}"), &body).bearer(&secret())).await
}

#[tokio::test]
async fn a_move_changes_the_name_and_nothing_else() {
    let world = world_with_a_file().await;
    let before: Value =
        world.db.value("select to_jsonb(o) - 'updated_at' - 'path_tokens' from storage.objects o").await;
    let answer = post(&world, "move", json!({"bucketId": "docs", "sourceKey": "a", "destinationKey": "b/c"})).await;
    assert_eq!(answer.json(), json!({"message": "Successfully moved"}));
    let route = json!({"bucketId": "docs", "sourceKey": "b/c", "destinationBucket": "other", "destinationKey": "d"});
    done(&post(&world, "move", route).await);
    assert_eq!(world.send(get("/object/other/d", &secret())).await.text(), "one");
    let mut after: Value =
        world.db.value("select to_jsonb(o) - 'updated_at' - 'path_tokens' from storage.objects o").await;
    after["name"] = json!("a");
    after["bucket_id"] = json!("docs");
    assert_eq!(after, before);
    assert_eq!(world.files().await.len(), 1);
}

#[tokio::test]
async fn a_copy_is_a_file_of_its_own() {
    let world = world_with_a_file().await;
    let route = json!({"bucketId": "docs", "sourceKey": "a", "destinationBucket": "other", "destinationKey": "b"});
    let answer = post(&world, "copy", route).await;
    done(&answer);
    let copied = answer.json();
    assert_eq!((&copied["Key"], &copied["name"], &copied["Id"]), (&json!("other/b"), &json!("b"), &copied["id"]));
    assert_eq!(copied["user_metadata"], json!({"n": 1}));
    done(&world.send(call(Method::DELETE, "/object/docs/a", &secret())).await);
    let copy = world.send(get("/object/other/b", &secret())).await;
    assert_eq!((copy.text().as_str(), copy.header("cache-control")), ("one", "max-age=3600"));
    assert_eq!(world.files().await.len(), 1);
}

#[tokio::test]
async fn a_copy_can_have_metadata_of_its_own() {
    let world = world_with_a_file().await;
    let route = json!({"bucketId": "docs", "sourceKey": "a", "destinationKey": "b", "copyMetadata": false,
        "metadata": {"mimetype": "text/css"}});
    done(&world.send(Call::post("/object/copy", &route).bearer(&secret()).header("x-metadata", "eyJtIjoyfQ==")).await);
    let copy = world.send(get("/object/docs/b", &secret())).await;
    assert_eq!((copy.header("content-type"), copy.header("cache-control")), ("text/css", "max-age=3600"));
    let metadata: Value = world.db.value("select user_metadata from storage.objects where name = 'b'").await;
    assert_eq!(metadata, json!({"m": 2}));
}

#[tokio::test]
async fn taken_missing_and_impossible_ends_are_refused() {
    let world = world_with_a_file().await;
    done(&world.send(upload("/object/docs/b", &secret(), "two")).await);
    for action in ["move", "copy"] {
        let go = async |bucket: &str, from: &str, to: &str| {
            let route =
                json!({"bucketId": "docs", "sourceKey": from, "destinationBucket": bucket, "destinationKey": to});
            post(&world, action, route).await
        };
        refused(&go("docs", "a", "b").await, 400, "409", "Duplicate", "The resource already exists");
        refused(&go("docs", "missing", "c").await, 400, "404", "not_found", "Object not found");
        let message = "The related resource does not exist";
        refused(&go("none", "a", "c").await, 400, "404", "InvalidRequest", message);
        refused(&go("docs", "a", "../c").await, 400, "400", "InvalidKey", "Invalid key: ../c");
        refused(&go("a/b", "a", "c").await, 400, "400", "Invalid Input", "Bucket name invalid");
    }
    assert_eq!((world.object_count().await, world.files().await.len()), (2, 2));

    let route = json!({"bucketId": "docs", "sourceKey": "a", "destinationKey": "b"});
    done(&world.send(Call::post("/object/copy", &route).bearer(&secret()).header("x-upsert", "true")).await);
    assert_eq!(world.send(get("/object/docs/b", &secret())).await.text(), "one");
    assert_eq!((world.object_count().await, world.files().await.len()), (2, 2));
}
