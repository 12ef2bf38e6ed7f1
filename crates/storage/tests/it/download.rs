//! Downloads: headers, conditions, ranges, public buckets, and what is told without the bytes.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Call;

use crate::world::{World, anon_token, call, done, get, refused, secret, upload};

async fn world_with_a_file() -> World {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    done(&world.send(upload("/object/docs/a.txt", &secret(), "0123456789")).await);
    world
}

#[tokio::test]
async fn a_file_comes_with_its_headers() {
    let world = world_with_a_file().await;
    for path in ["/object/docs/a.txt", "/object/authenticated/docs/a.txt"] {
        let answer = world.send(get(path, &secret())).await;
        assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "0123456789"));
        assert_eq!(answer.header("content-type"), "text/plain;charset=UTF-8");
        assert_eq!(answer.header("content-length"), "10");
        assert_eq!(answer.header("cache-control"), "max-age=3600");
        assert_eq!(answer.header("etag"), "\"781e5e245d69b566979b86e28d23f2c7\"");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert_eq!(answer.header("x-robots-tag"), "none");
        assert!(answer.header("last-modified").ends_with(" GMT"));
        assert!(answer.header("content-security-policy").starts_with("sandbox;"));
        assert_eq!(answer.header("content-disposition"), "");

        let head = world.send(call(Method::HEAD, path, &secret())).await;
        assert_eq!((head.status, head.header("content-length"), head.body.len()), (StatusCode::OK, "10", 0));
        assert_eq!(head.header("etag"), answer.header("etag"));
        assert_eq!(head.header("last-modified"), answer.header("last-modified"));
    }
}

#[tokio::test]
async fn parts_and_current_copies_are_not_sent_whole() {
    let world = world_with_a_file().await;
    let ask =
        async |header: &str, value: &str| world.send(get("/object/docs/a.txt", &secret()).header(header, value)).await;
    let part = ask("range", "bytes=2-4").await;
    assert_eq!((part.status, part.text().as_str()), (StatusCode::PARTIAL_CONTENT, "234"));
    assert_eq!((part.header("content-range"), part.header("content-length")), ("bytes 2-4/10", "3"));
    assert_eq!(ask("range", "bytes=-2").await.text(), "89");
    let beyond = ask("range", "bytes=10-").await;
    refused(&beyond, 416, "416", "invalid_range", "invalid range provided");
    assert_eq!(beyond.header("content-range"), "bytes */10");

    let whole = world.send(get("/object/docs/a.txt", &secret())).await;
    for (header, copy) in [("if-none-match", "etag"), ("if-modified-since", "last-modified")] {
        let answer = ask(header, whole.header(copy)).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0));
        assert_eq!(answer.header("etag"), whole.header("etag"));
    }
    assert_eq!(ask("if-none-match", "\"other\"").await.text(), "0123456789");
}

#[tokio::test]
async fn downloads_get_the_name_that_is_asked_for() {
    let world = world_with_a_file().await;
    let disposition = async |query: &str| {
        let answer = world.send(get(&format!("/object/docs/a.txt?{query}"), &secret())).await;
        answer.header("content-disposition").to_owned()
    };
    assert_eq!(disposition("download").await, "attachment;");
    assert_eq!(disposition("download=").await, "attachment;");
    assert_eq!(disposition("download=b%20c.txt").await, "attachment; filename=b%20c.txt; filename*=UTF-8''b%20c.txt");
    assert_eq!(disposition("cacheNonce=1").await, "");
}

#[tokio::test]
async fn public_buckets_are_open_to_read_only() {
    let world = world_with_a_file().await;
    let closed = world.send(Call::get("/object/public/docs/a.txt")).await;
    refused(&closed, 400, "404", "Bucket not found", "Bucket not found");
    done(&world.send(call(Method::PUT, "/bucket/docs", &secret()).json(&json!({"public": true}))).await);
    for path in ["/object/public/docs/a.txt", "/object/docs/a.txt"] {
        assert_eq!(world.send(Call::get(path)).await.text(), "0123456789");
        assert_eq!(world.send(get(path, &anon_token())).await.text(), "0123456789");
        assert_eq!(world.send(Call::new(Method::HEAD, path)).await.header("content-length"), "10");
    }
    assert_eq!(world.send(Call::get("/object/info/public/docs/a.txt")).await.json()["size"], 10);
    let missing = world.send(Call::get("/object/public/docs/b.txt")).await;
    refused(&missing, 400, "404", "not_found", "Object not found");
    let denied = "new row violates row-level security policy";
    let answer = world.send(upload("/object/docs/b.txt", &anon_token(), "x")).await;
    refused(&answer, 400, "403", "Unauthorized", denied);
    let list = Call::post("/object/list/docs", &json!({"prefix": ""})).bearer(&anon_token());
    assert_eq!(world.send(list).await.json(), json!([]));
}

#[tokio::test]
async fn info_tells_what_the_client_reads() {
    let world = world_with_a_file().await;
    let mut info = world.send(get("/object/info/docs/a.txt", &secret())).await.json();
    for varying in ["id", "version", "last_modified", "created_at"] {
        assert!(info[varying].take().is_string(), "{varying}");
    }
    let expected = json!({
        "id": null, "name": "a.txt", "version": null, "bucket_id": "docs", "size": 10,
        "content_type": "text/plain;charset=UTF-8", "cache_control": "max-age=3600",
        "etag": "\"781e5e245d69b566979b86e28d23f2c7\"", "metadata": {}, "last_modified": null, "created_at": null,
    });
    assert_eq!(info, expected);
    let missing = world.send(get("/object/info/docs/b.txt", &secret())).await;
    refused(&missing, 400, "404", "not_found", "Object not found");
    assert_eq!(world.send(call(Method::HEAD, "/object/docs/b.txt", &secret())).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_cannot_act_on_our_origin() {
    let world = World::new().await;
    world.bucket("docs", json!({"public": true})).await;
    for (name, mime, served_as) in [
        ("a.html", "text/html", "text/plain"),
        ("a.svg", "image/svg+xml", "image/svg+xml"),
        ("a.pdf", "application/pdf", "application/pdf"),
    ] {
        let path = format!("/object/docs/{name}");
        let call = call(Method::POST, &path, &secret()).header("content-type", mime).body("<script>alert(1)</script>");
        done(&world.send(call).await);
        let answer = world.send(Call::get(&format!("/object/public/docs/{name}"))).await;
        assert_eq!(answer.header("content-type"), served_as);
        assert_eq!(answer.header("content-security-policy").is_empty(), mime == "application/pdf");
    }
}

#[tokio::test]
async fn rows_from_elsewhere_have_no_file() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    world
        .db
        .sql(
            "insert into storage.objects (bucket_id, name, version, metadata) values
             ('docs', 'null', null, null), ('docs', 'path', '../../../etc/passwd', '[]'),
             ('docs', 'lost', gen_random_uuid()::text, '{\"size\": \"x\", \"mimetype\": \"a\\nb\", \"lastModified\": 1}')",
        )
        .await;
    for name in ["null", "path", "lost"] {
        let answer = world.send(get(&format!("/object/docs/{name}"), &secret())).await;
        refused(&answer, 400, "404", "Not found", "The resource was not found");
        done(&world.send(call(Method::HEAD, &format!("/object/docs/{name}"), &secret())).await);
        let info: Value = world.send(get(&format!("/object/info/docs/{name}"), &secret())).await.json();
        assert_eq!(info["size"], 0);
    }
    let all = json!({"prefixes": ["null", "path", "lost"]});
    let removed = world.send(call(Method::DELETE, "/object/docs", &secret()).json(&all)).await.json();
    assert_eq!(removed.as_array().map(Vec::len), Some(3));
}
