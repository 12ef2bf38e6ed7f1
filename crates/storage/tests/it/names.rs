//! Names that are meant to lead out of the folder, and names that are merely unusual.

use http::{Method, StatusCode};
use serde_json::json;
use testkit::Call;

use crate::world::{World, call, done, get, secret};

/// As they stand in a path.
const HOSTILE: &[&str] = &[
    "../x",
    "..%2fx",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "a/../../x",
    "a/..",
    ".",
    "..",
    "./x",
    "a/./b",
    "..%5cx",
    "a%5c..%5cx",
    "C:%5cx",
    "a%00b",
    "%00",
    "a%0ab",
    "a%0d%0ab",
    "a%25b",
    "%252e%252e%252fx",
    "a%zzb",
    "%ff%fe",
    "a%c3",
    "%c3%a4",
    "%e2%80%ae",
    "%f0%9f%98%80",
    "a%23b",
    "a%7cb",
    "%22x%22",
    "a%5bb%5d",
    "%7ex",
];

/// Allowed, if odd.
const ODD: &[&str] = &[
    "a.",
    "a..",
    "...",
    ".hidden",
    "a/...",
    "a//b",
    "%2fetc/passwd",
    "a%20b",
    "%20",
    "con",
    "NUL.txt",
    "C:",
    "-rf",
    "$(id)",
    "a'b",
    "a&b;c",
    "a%3Fb",
    "x.tar.gz",
    "a%2fb",
];

#[tokio::test]
async fn hostile_names_are_refused_and_odd_ones_are_only_names() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    for name in HOSTILE {
        for method in [Method::POST, Method::PUT] {
            let answer = world.send(call(method, &format!("/object/docs/{name}"), &secret()).body("x")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text());
        }
        let answer = world.send(get(&format!("/object/docs/{name}"), &secret())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text());
        let answer = world.send(call(Method::DELETE, &format!("/object/docs/{name}"), &secret())).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text());
    }
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));

    for name in ODD {
        done(&world.send(call(Method::POST, &format!("/object/docs/{name}"), &secret()).body(*name)).await);
        assert_eq!(world.send(get(&format!("/object/docs/{name}"), &secret())).await.text(), *name);
    }
    let files = world.files().await;
    assert_eq!(files.len(), ODD.len());
    // Whatever a name was, its file is called after its version.
    for file in files {
        let name = file.rsplit('/').next().expect("a name");
        assert!(name.len() == 36 && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()), "{file}");
    }
}

#[tokio::test]
async fn names_have_a_length() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let (longest, longer) = ("x".repeat(1024), "x".repeat(1025));
    done(&world.send(call(Method::POST, &format!("/object/docs/{longest}"), &secret()).body("x")).await);
    let answer = world.send(call(Method::POST, &format!("/object/docs/{longer}"), &secret()).body("x")).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (StatusCode::BAD_REQUEST, json!("InvalidKey")));
    let deep = "y/".repeat(511) + "z";
    done(&world.send(call(Method::POST, &format!("/object/docs/{deep}"), &secret()).body("x")).await);
    let answer = world.send(Call::post("/object/list/docs", &json!({"prefix": ""})).bearer(&secret())).await;
    assert_eq!(answer.json().as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn hostile_bucket_names_are_refused_everywhere() {
    let world = World::new().await;
    let long = "x".repeat(101);
    for name in ["..", ".", "a/b", "a\0b", "ä", "a\nb", "a\\b", "", &long, "a%2fb"] {
        let answer = world.send(Call::post("/bucket", &json!({"name": name})).bearer(&secret())).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (StatusCode::BAD_REQUEST, json!("InvalidBucketName")),
            "{name:?}"
        );
    }
    for path in [
        "/bucket/..",
        "/bucket/%2e%2e",
        "/bucket/a%2fb",
        "/bucket/%00",
        "/bucket/%ff",
        "/object/%2e%2e/a",
        "/object/a%2fb/c",
    ] {
        assert_eq!(world.send(get(path, &secret())).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn a_bucket_may_be_called_like_a_route() {
    let world = World::new().await;
    for bucket in ["public", "sign", "list", "info", "authenticated", "upload", "move", "copy"] {
        world.bucket(bucket, json!({})).await;
        for name in ["a", "b/c"] {
            let path = format!("/object/{bucket}/{name}");
            // These two are the routes of the same name, as they are in the original.
            let is_route = (bucket == "sign" || bucket == "list") || (bucket == "upload" && name.starts_with("sign"));
            let method = if is_route { Method::PUT } else { Method::POST };
            done(&world.send(call(method, &path, &secret()).body("x")).await);
        }
        let path = format!("/object/authenticated/{bucket}/b/c");
        assert_eq!(world.send(get(&path, &secret())).await.text(), "x", "{bucket}");
        let removed = world
            .send(call(Method::DELETE, &format!("/object/{bucket}"), &secret()).json(&json!({"prefixes": ["a"]})))
            .await;
        assert_eq!(removed.json()[0]["name"], "a", "{bucket}");
        done(&world.send(call(Method::DELETE, &format!("/object/{bucket}/b/c"), &secret())).await);
    }
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));
}
