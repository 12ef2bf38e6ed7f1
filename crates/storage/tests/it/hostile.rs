//! Requests that are not what they should be: each is answered with a documented error, and nothing changes.

use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::json;
use testkit::Call;
use testkit::project::token;

use crate::world::{World, call, done, get, secret, upload};

/// The routes that take a JSON body.
const JSON_ROUTES: &[(Method, &str)] = &[
    (Method::POST, "/bucket"),
    (Method::PUT, "/bucket/docs"),
    (Method::POST, "/object/list/docs"),
    (Method::POST, "/object/list-v2/docs"),
    (Method::POST, "/object/move"),
    (Method::POST, "/object/copy"),
    (Method::POST, "/object/sign/docs"),
    (Method::POST, "/object/sign/docs/a"),
    (Method::DELETE, "/object/docs"),
];

async fn world_with_a_file() -> World {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    done(&world.send(upload("/object/docs/a", &secret(), "x")).await);
    world
}

async fn unchanged(world: &World) {
    let row: String =
        world.db.value("select bucket_id || '/' || name || ' ' || (metadata ->> 'size') from storage.objects").await;
    assert_eq!(row, "docs/a 1");
    let buckets: String = world.db.value("select string_agg(id || public, ' ') from storage.buckets").await;
    assert_eq!(buckets, "docsfalse");
    assert_eq!(world.files().await.len(), 1);
}

#[tokio::test]
async fn bodies_that_are_no_json() {
    let world = world_with_a_file().await;
    let deep = "[".repeat(100_000);
    let bodies: &[&[u8]] =
        &[b"", b"{", b"null", b"[]", b"1", b"\"x\"", b"{\"name\":\xff}", b"\xff\xfe", deep.as_bytes()];
    for (method, path) in JSON_ROUTES {
        for body in bodies {
            let call = call(method.clone(), path, &secret())
                .header("content-type", "application/json")
                .body(Body::from(body.to_vec()));
            let answer = world.send(call).await;
            let told = (answer.status, answer.json()["code"].clone());
            assert_eq!(told, (StatusCode::BAD_REQUEST, json!("InvalidRequest")), "{method} {path} {body:?}");
        }
        let text = call(method.clone(), path, &secret()).header("content-type", "text/plain").body("{}");
        let answer = world.send(text).await;
        assert_eq!((answer.status, answer.json()["statusCode"].clone()), (StatusCode::BAD_REQUEST, json!("415")));
        let large = call(method.clone(), path, &secret())
            .header("content-type", "application/json")
            .body(format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20)));
        let answer = world.send(large).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (StatusCode::PAYLOAD_TOO_LARGE, json!("EntityTooLarge"))
        );
    }
    unchanged(&world).await;
}

#[tokio::test]
async fn values_of_wrong_types() {
    let world = world_with_a_file().await;
    let keys = [
        "name",
        "id",
        "public",
        "type",
        "file_size_limit",
        "allowed_mime_types",
        "prefix",
        "limit",
        "offset",
        "sortBy",
        "search",
        "cursor",
        "with_delimiter",
        "bucketId",
        "sourceKey",
        "destinationBucket",
        "destinationKey",
        "copyMetadata",
        "metadata",
        "expiresIn",
        "paths",
        "prefixes",
    ];
    let values = [
        json!(-1),
        json!(1.5),
        json!({"a": {"b": []}}),
        json!([1, null]),
        json!("\0"),
        json!("'; drop table storage.objects --"),
    ];
    for (method, path) in JSON_ROUTES {
        for value in &values {
            let body: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), value.clone())).collect();
            let answer = world.send(call(method.clone(), path, &secret()).json(&body.into())).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{method} {path} {value}: {}", answer.text());
        }
    }
    unchanged(&world).await;
}

#[tokio::test]
async fn text_that_postgresql_cannot_hold() {
    let world = world_with_a_file().await;
    let post = async |path: &str, body| world.send(Call::post(path, &body).bearer(&secret())).await;
    for (path, body) in [
        ("/object/list/docs", json!({"prefix": "a\0"})),
        ("/object/list/docs", json!({"prefix": "", "search": "\0"})),
        ("/object/list-v2/docs", json!({"prefix": "\0"})),
        ("/object/move", json!({"bucketId": "docs", "sourceKey": "\0", "destinationKey": "b"})),
        ("/object/copy", json!({"bucketId": "docs", "sourceKey": "\0", "destinationKey": "b"})),
        (
            "/object/copy",
            json!({"bucketId": "docs", "sourceKey": "a", "destinationKey": "b", "copyMetadata": false,
            "metadata": {"mimetype": "\0"}}),
        ),
        ("/object/sign/docs", json!({"expiresIn": 1, "paths": ["\0"]})),
    ] {
        let answer = post(path, body).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (StatusCode::BAD_REQUEST, json!("InvalidParameter")),
            "{path}"
        );
    }
    let removal = world.send(call(Method::DELETE, "/object/docs", &secret()).json(&json!({"prefixes": ["\0"]}))).await;
    assert_eq!(removal.json()["code"], "InvalidParameter");
    // {"a":"\u0000"}
    let metadata = upload("/object/docs/b", &secret(), "x").header("x-metadata", "eyJhIjoiXHUwMDAwIn0=");
    assert_eq!(world.send(metadata).await.json()["code"], "InvalidParameter");
    let search = world.send(get("/bucket?search=%00", &secret())).await;
    assert_eq!(search.json()["code"], "InvalidParameter");
    for claims in [json!({"role": "a\0"}), json!({"role": "service_role", "sub": "\0"})] {
        let answer = world.send(get("/bucket", &token(claims.clone()))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{claims}: {}", answer.text());
    }
    unchanged(&world).await;
}

#[tokio::test]
async fn forms_that_are_none() {
    let world = world_with_a_file().await;
    for (content_type, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=", "x"),
        ("multipart/form-data; boundary=B", ""),
        ("multipart/form-data; boundary=B", "--B--\r\n"),
        ("multipart/form-data; boundary=B", "--C\r\n\r\nx\r\n--C--"),
        (
            "multipart/form-data; boundary=B",
            "--B\r\nContent-Disposition: form-data; name=\"cacheControl\"\r\n\r\n1\r\n--B--\r\n",
        ),
        ("multipart/form-data; boundary=B", "--B\r\nContent-Disposition: form-data; filename=\"b\"\r\n\r\nx"),
        ("multipart/form-data; boundary=B", "--B\r\n: \r\n\r\nx\r\n--B--\r\n"),
    ] {
        let answer = world
            .send(call(Method::PUT, "/object/docs/a", &secret()).header("content-type", content_type).body(body))
            .await;
        let told = (answer.status, answer.json()["code"].clone());
        assert_eq!(told, (StatusCode::BAD_REQUEST, json!("InvalidRequest")), "{content_type} {body:?}");
    }
    unchanged(&world).await;
}

#[tokio::test]
async fn headers_that_are_none() {
    let world = world_with_a_file().await;
    for (name, value) in [
        ("range", "bytes=x"),
        ("if-modified-since", "never"),
        ("if-none-match", "\"\"\"\","),
        ("if-range", "x"),
        ("x-metadata", "%%%"),
    ] {
        let answer = world.send(get("/object/docs/a", &secret()).header(name, value)).await;
        assert_eq!(answer.status.as_u16(), if name == "range" { 416 } else { 200 }, "{name}");
    }
    let odd = upload("/object/docs/b", &secret(), "x").header("x-metadata", "not base64").header("x-upsert", "maybe");
    done(&world.send(odd).await);
    done(&world.send(call(Method::DELETE, "/object/docs/b", &secret())).await);
    unchanged(&world).await;
}

#[tokio::test]
async fn routes_that_are_none() {
    let world = world_with_a_file().await;
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/nothing"),
        (Method::PATCH, "/bucket"),
        (Method::POST, "/bucket/docs"),
        (Method::GET, "/object/docs"),
        (Method::GET, "/object/docs/"),
        (Method::PATCH, "/object/docs/a"),
        (Method::POST, "/health"),
    ] {
        let answer = world.send(call(method.clone(), &format!("{path}?token=secret"), &secret())).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["error"]), (StatusCode::NOT_FOUND, &json!("Not Found")), "{method} {path}");
        assert_eq!(body["message"], format!("Route {method}:{path} not found"));
    }
    unchanged(&world).await;
}

#[tokio::test]
async fn health_tells_whether_the_database_answers() {
    let world = World::new().await;
    assert_eq!(world.send(Call::get("/health")).await.json(), json!({"healthy": true}));
    world.db.sql("drop table storage.buckets cascade").await;
    assert_eq!(world.send(Call::get("/health")).await.json(), json!({"healthy": false}));
}
