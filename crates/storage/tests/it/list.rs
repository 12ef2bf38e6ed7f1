//! Listing a bucket.

use serde_json::{Value, json};
use testkit::Call;

use crate::world::{World, done, refused, secret, upload};

async fn world_with_files() -> World {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    for name in ["a.txt", "b/one.txt", "b/two.txt", "b/deep/three.txt", "c_d.txt"] {
        done(&world.send(upload(&format!("/object/docs/{name}"), &secret(), "x")).await);
    }
    world
}

async fn page(world: &World, body: Value) -> Value {
    let answer = world.send(Call::post("/object/list/docs", &body).bearer(&secret())).await;
    done(&answer);
    answer.json()
}

async fn stretch(world: &World, body: Value) -> Value {
    let answer = world.send(Call::post("/object/list-v2/docs", &body).bearer(&secret())).await;
    done(&answer);
    answer.json()
}

fn names(entries: &Value) -> Vec<&str> {
    entries.as_array().expect("a list").iter().filter_map(|entry| entry["name"].as_str()).collect()
}

#[tokio::test]
async fn a_folder_is_listed_by_page() {
    let world = world_with_files().await;
    let by_name = json!({"column": "name", "order": "asc"});
    let root = page(&world, json!({"prefix": "", "limit": 100, "offset": 0, "sortBy": by_name})).await;
    assert_eq!(names(&root), ["a.txt", "b", "c_d.txt"]);
    assert_eq!(
        root[1],
        json!({"name": "b", "id": null, "updated_at": null, "created_at": null,
        "last_accessed_at": null, "metadata": null})
    );
    assert_eq!(root[0]["metadata"]["size"], 1);
    assert!(root[0]["id"].is_string() && root[0]["created_at"].is_string());
    for folder in ["b", "b/"] {
        assert_eq!(names(&page(&world, json!({"prefix": folder})).await), ["deep", "one.txt", "two.txt"]);
    }
    assert_eq!(names(&page(&world, json!({"prefix": "b", "limit": 1, "offset": 1})).await), ["one.txt"]);
    assert_eq!(names(&page(&world, json!({"prefix": "b", "search": "t"})).await), ["two.txt"]);
    let down = json!({"column": "name", "order": "desc"});
    assert_eq!(names(&page(&world, json!({"prefix": "", "sortBy": down})).await), ["c_d.txt", "b", "a.txt"]);
    let by_time = json!({"column": "created_at", "order": "desc"});
    assert_eq!(names(&page(&world, json!({"prefix": "b", "sortBy": by_time})).await), ["deep", "two.txt", "one.txt"]);
    for nothing in ["x", "%", "_", "b/one.txt", "' or true --"] {
        assert_eq!(page(&world, json!({"prefix": nothing})).await, json!([]), "{nothing}");
    }
    let nowhere = Call::post("/object/list/none", &json!({"prefix": ""})).bearer(&secret());
    assert_eq!(world.send(nowhere).await.json(), json!([]));
}

#[tokio::test]
async fn a_tree_is_listed_by_cursor() {
    let world = world_with_files().await;
    let root = stretch(&world, json!({"with_delimiter": true})).await;
    assert_eq!((names(&root["folders"]), names(&root["objects"])), (vec!["b/"], vec!["a.txt", "c_d.txt"]));
    assert_eq!((&root["hasNext"], root.get("nextCursor")), (&json!(false), None));
    let inside = stretch(&world, json!({"with_delimiter": true, "prefix": "b/"})).await;
    assert_eq!(names(&inside["folders"]), ["b/deep/"]);
    assert_eq!(names(&inside["objects"]), ["b/one.txt", "b/two.txt"]);
    assert_eq!(inside["objects"][0]["key"], "one.txt");
}

#[tokio::test]
async fn cursors_lead_through_everything_once() {
    let world = world_with_files().await;
    for with_delimiter in [true, false] {
        for (column, order) in [("name", "asc"), ("name", "desc"), ("created_at", "asc"), ("updated_at", "desc")] {
            let sort = json!({"column": column, "order": order});
            let whole = stretch(&world, json!({"with_delimiter": with_delimiter, "sortBy": sort})).await;
            let expected = names(&whole["folders"]).len() + names(&whole["objects"]).len();
            assert_eq!(expected, if with_delimiter { 3 } else { 5 });
            let (mut seen, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let part = stretch(
                    &world,
                    json!({"with_delimiter": with_delimiter, "sortBy": sort, "limit": 1, "cursor": cursor}),
                )
                .await;
                for entries in ["folders", "objects"] {
                    seen.extend(names(&part[entries]).into_iter().map(str::to_owned));
                }
                assert!(seen.len() <= expected, "{seen:?}");
                if part["hasNext"] == json!(false) {
                    break;
                }
                cursor = part["nextCursor"].clone();
            }
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), expected, "{column} {order} {seen:?}");
        }
    }
}

#[tokio::test]
async fn impossible_listings_are_refused() {
    let world = world_with_files().await;
    let ask = async |route: &str, body: Value| {
        world.send(Call::post(&format!("/object/{route}/docs"), &body).bearer(&secret())).await
    };
    for body in [
        json!({}),
        json!({"prefix": 1}),
        json!({"prefix": "", "limit": 0}),
        json!({"prefix": "", "offset": -1}),
        json!({"prefix": "", "limit": 99_999_999_999_i64}),
        json!({"prefix": "", "sortBy": {"column": "owner"}}),
        json!({"prefix": "", "sortBy": {"column": "name", "order": "up"}}),
    ] {
        let answer = ask("list", body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("InvalidRequest")), "{body}");
    }
    let cursor = ask("list-v2", json!({"cursor": "x"})).await;
    refused(&cursor, 400, "400", "InvalidParameter", "Invalid Parameter continuation token");
    // A cursor with a time that is none: `l:a`, `c:created_at`, `a:never`.
    let forged = ask("list-v2", json!({"cursor": "bDphCmM6Y3JlYXRlZF9hdAphOm5ldmVy"})).await;
    assert_eq!((forged.status.as_u16(), forged.json()["code"].clone()), (400, json!("InvalidParameter")));
    let column = ask("list-v2", json!({"sortBy": {"column": "last_accessed_at"}})).await;
    assert_eq!(column.json()["code"], "InvalidRequest");
}
