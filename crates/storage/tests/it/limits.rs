//! How large files may be and of which types; what exceeds leaves nothing behind.

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::Method;
use serde_json::json;

use crate::world::{World, call, done, refused, secret};

const TOO_LARGE: &str = "The object exceeded the maximum allowed size";

/// Chunks whose total is told by no header.
fn streamed(bytes: usize) -> Body {
    Body::from_stream(stream::iter(
        (0..bytes).step_by(1000).map(move |at| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1000.min(bytes - at)]))),
    ))
}

fn form(bytes: usize) -> String {
    let head = "--B\r\nContent-Disposition: form-data; name=\"\"; filename=\"b\"\r\nContent-Type: image/png\r\n\r\n";
    format!("{head}{}\r\n--B--\r\n", "x".repeat(bytes))
}

#[tokio::test]
async fn files_over_the_limit_are_refused_however_they_come() {
    let world = World::with(|settings| settings.file_size_limit = 10_000).await;
    world.bucket("all", json!({})).await;
    world.bucket("small", json!({"file_size_limit": 5000})).await;
    for (bucket, limit) in [("all", 10_000_usize), ("small", 5000)] {
        for (size, fits) in [(limit, true), (limit + 1, false)] {
            let path = |kind: &str| format!("/object/{bucket}/{kind}{size}");
            let declared = call(Method::POST, &path("declared"), &secret())
                .header("content-length", &size.to_string())
                .body(streamed(size));
            let open = call(Method::POST, &path("open"), &secret()).body(streamed(size));
            let form = call(Method::POST, &path("form"), &secret())
                .header("content-type", "multipart/form-data; boundary=B")
                .body(form(size));
            for call in [declared, open, form] {
                let answer = world.send(call).await;
                if fits { done(&answer) } else { refused(&answer, 400, "413", "Payload too large", TOO_LARGE) }
            }
        }
    }
    assert_eq!((world.object_count().await, world.files().await.len()), (6, 6));
}

#[tokio::test]
async fn an_overwrite_over_the_limit_leaves_the_old_file() {
    let world = World::with(|settings| settings.file_size_limit = 10).await;
    world.bucket("docs", json!({})).await;
    done(&world.send(call(Method::PUT, "/object/docs/a", &secret()).body("old")).await);
    let answer = world.send(call(Method::PUT, "/object/docs/a", &secret()).body(streamed(11))).await;
    refused(&answer, 400, "413", "Payload too large", TOO_LARGE);
    assert_eq!(world.send(call(Method::GET, "/object/docs/a", &secret())).await.text(), "old");
    assert_eq!(world.files().await.len(), 1);
}

#[tokio::test]
async fn buckets_take_the_types_they_list() {
    let world = World::new().await;
    world.bucket("images", json!({"allowed_mime_types": ["image/*", "text/plain"]})).await;
    let send = async |name: &str, mime: &str| {
        world
            .send(
                call(Method::POST, &format!("/object/images/{name}"), &secret()).header("content-type", mime).body(""),
            )
            .await
    };
    done(&send("a", "image/png").await);
    done(&send("b", "text/plain;charset=UTF-8").await);
    let message = "mime type application/json is not supported";
    refused(&send("c", "application/json").await, 400, "415", "invalid_mime_type", message);
    refused(&send("d", "image").await, 400, "415", "invalid_mime_type", "mime type image is not supported");
    let form = call(Method::POST, "/object/images/e", &secret())
        .header("content-type", "multipart/form-data; boundary=B")
        .body(form(1).replace("image/png", "text/html"));
    let message = "mime type text/html is not supported";
    refused(&world.send(form).await, 400, "415", "invalid_mime_type", message);
    // The mark of an empty folder is exempt, but must be empty.
    done(&send("folder/.emptyFolderPlaceholder", "application/json").await);
    let full = call(Method::PUT, "/object/images/folder/.emptyFolderPlaceholder", &secret()).body("x");
    refused(&world.send(full).await, 400, "413", "Payload too large", TOO_LARGE);
    assert_eq!((world.object_count().await, world.files().await.len()), (3, 3));
}

#[tokio::test]
async fn metadata_has_a_limit_of_its_own() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let metadata = "x".repeat(1024 * 1024 + 1);
    let body = format!("--B\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{metadata}\r\n{}", form(1));
    let answer = world
        .send(
            call(Method::POST, "/object/docs/a", &secret())
                .header("content-type", "multipart/form-data; boundary=B")
                .body(body),
        )
        .await;
    refused(&answer, 400, "413", "Payload too large", "The user_metadata exceeded the maximum allowed size");
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));
}
