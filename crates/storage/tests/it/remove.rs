//! Deleting objects.

use serde_json::{Value, json};

use crate::world::{World, delete, done, get, refused, secret, upload};

async fn world_with_files(names: &[&str]) -> World {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    for name in names {
        done(&world.send(upload(&format!("/object/docs/{name}"), &secret(), "x")).await);
    }
    world
}

#[tokio::test]
async fn a_list_is_deleted_and_told() {
    let world = world_with_files(&["a", "b/c", "b/d"]).await;
    let names = json!({"prefixes": ["a", "b/c", "missing", "b"]});
    let answer = world.send(delete("/object/docs", &secret()).json(&names)).await;
    done(&answer);
    let told = answer.json();
    let mut told: Vec<_> = told.as_array().expect("a list").iter().map(|object| object["name"].as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, [Some("a"), Some("b/c")]);
    assert_eq!((world.object_count().await, world.files().await.len()), (1, 1));

    let mut object =
        world.send(delete("/object/docs", &secret()).json(&json!({"prefixes": ["b/d"]}))).await.json()[0].take();
    for varying in ["id", "version", "metadata", "created_at", "updated_at", "last_accessed_at"] {
        assert!(!object[varying].take().is_null(), "{varying}");
    }
    let expected = json!({
        "name": "b/d", "bucket_id": "docs", "owner": "", "owner_id": "", "version": null, "id": null,
        "updated_at": null, "created_at": null, "last_accessed_at": null, "metadata": null, "user_metadata": {},
    });
    assert_eq!(object, expected);
    assert_eq!(world.files().await, Vec::<String>::new());
}

#[tokio::test]
async fn one_object_is_deleted() {
    let world = world_with_files(&["a"]).await;
    let answer = world.send(delete("/object/docs/a", &secret())).await;
    assert_eq!(answer.json(), json!({"message": "Successfully deleted"}));
    refused(&world.send(get("/object/docs/a", &secret())).await, 400, "404", "not_found", "Object not found");
    refused(&world.send(delete("/object/docs/a", &secret())).await, 400, "404", "not_found", "Object not found");
    assert_eq!(world.files().await, Vec::<String>::new());
}

#[tokio::test]
async fn deleting_takes_the_policies_for_delete_and_select() {
    let world = world_with_files(&["a"]).await;
    let user = world.user().await;
    world.db.sql("create policy s on storage.objects for select to authenticated using (true)").await;
    let names = json!({"prefixes": ["a"]});
    assert_eq!(world.send(delete("/object/docs", &user.token).json(&names)).await.json(), json!([]));
    refused(&world.send(delete("/object/docs/a", &user.token)).await, 400, "403", "Unauthorized", "Access denied");
    assert_eq!(world.files().await.len(), 1);
    world.db.sql("create policy d on storage.objects for delete to authenticated using (true)").await;
    let removed: Value = world.send(delete("/object/docs", &user.token).json(&names)).await.json();
    assert_eq!(removed[0]["name"], "a");
    assert_eq!(world.files().await.len(), 0);
}

#[tokio::test]
async fn rows_are_not_deleted_behind_our_back() {
    let world = world_with_files(&["a"]).await;
    let db = world.db.db("supabase_storage_admin");
    let refused = db.read(&pg::Context::service(), "delete from storage.objects", &[]).await.expect_err("a trigger");
    assert_eq!(refused.sqlstate().map(|state| state.code()), Some("42501"));
    assert_eq!(world.object_count().await, 1);
}
