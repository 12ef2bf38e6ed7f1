//! Uploads: raw bodies and forms, overwriting, and what is left when something breaks off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::world::{World, anon_token, call, done, get, refused, secret, upload};

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

#[tokio::test]
async fn the_row_describes_the_file() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let call = upload("/object/docs/a.txt", &secret(), "hello").header("x-metadata", "eyJjb2xvciI6InJlZCJ9");
    done(&world.send(call).await);
    let row = &world.db.query("select metadata, user_metadata, version from storage.objects", &[]).await[0];
    let mut metadata: Value = row.get(0);
    assert!(metadata["lastModified"].take().is_string());
    let expected = json!({
        "eTag": "\"5d41402abc4b2a76b9719d911017c592\"", "size": 5, "contentLength": 5, "httpStatusCode": 200,
        "mimetype": "text/plain;charset=UTF-8", "cacheControl": "max-age=3600", "lastModified": null,
    });
    assert_eq!(metadata, expected);
    assert_eq!(row.get::<_, Value>(1), json!({"color": "red"}));
    let version: String = row.get(2);
    assert!(world.files().await[0].ends_with(&version));
}

#[tokio::test]
async fn forms_are_uploads_too() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let form = "--B\r\nContent-Disposition: form-data; name=\"cacheControl\"\r\n\r\n60\r\n\
        --B\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"n\":1}\r\n\
        --B\r\nContent-Disposition: form-data; name=\"\"; filename=\"blob\"\r\nContent-Type: image/png\r\n\r\n\
        \r\nPNG\r\n-\r\n--B--\r\n";
    let call = call(Method::POST, "/object/docs/a.png", &secret())
        .header("content-type", "multipart/form-data; boundary=B")
        .body(form);
    done(&world.send(call).await);
    let answer = world.send(get("/object/docs/a.png", &secret())).await;
    assert_eq!(answer.text(), "\r\nPNG\r\n-");
    assert_eq!((answer.header("content-type"), answer.header("cache-control")), ("image/png", "max-age=60"));
    let metadata: Value = world.db.value("select user_metadata from storage.objects").await;
    assert_eq!(metadata, json!({"n": 1}));
}

#[tokio::test]
async fn a_second_upload_needs_upsert_and_replaces_the_file() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let first = world.send(upload("/object/docs/a", &secret(), "one")).await.json();
    let again = world.send(upload("/object/docs/a", &secret(), "two")).await;
    refused(&again, 400, "409", "Duplicate", "The resource already exists");
    assert_eq!(world.send(get("/object/docs/a", &secret())).await.text(), "one");
    assert_eq!(world.files().await.len(), 1);

    let overwrite = call(Method::POST, "/object/docs/a", &secret()).header("x-upsert", "true").body("two");
    let second = world.send(overwrite).await;
    assert_eq!(second.json()["Id"], first["Id"]);
    assert_eq!(world.send(get("/object/docs/a", &secret())).await.text(), "two");
    let third = world.send(call(Method::PUT, "/object/docs/a", &secret()).body("three")).await;
    assert_eq!(third.json()["Id"], first["Id"]);
    assert_eq!(world.send(get("/object/docs/a", &secret())).await.text(), "three");
    assert_eq!((world.object_count().await, world.files().await.len()), (1, 1));
}

#[tokio::test]
async fn of_uploads_at_the_same_time_one_wins_and_no_file_is_left_over() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let answers =
        futures_util::future::join_all((0..8).map(|_| world.send(upload("/object/docs/a", &secret(), "x")))).await;
    let won = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(won, 1);
    for lost in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
        refused(lost, 400, "409", "Duplicate", "The resource already exists");
    }
    let overwrite = |_| world.send(call(Method::PUT, "/object/docs/a", &secret()).body("y"));
    for answer in futures_util::future::join_all((0..8).map(overwrite)).await {
        done(&answer);
    }
    assert_eq!((world.object_count().await, world.files().await.len()), (1, 1));
    assert_eq!(world.send(get("/object/docs/a", &secret())).await.text(), "y");
}

/// A body that gives `bytes` and then only tells that more was asked for.
fn stalling_body(bytes: usize, asked: Arc<Notify>) -> Body {
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; bytes]))]);
    let stall = stream::poll_fn(move |_| {
        asked.notify_one();
        Poll::Pending
    });
    Body::from_stream(first.chain(stall))
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_nothing_behind() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    done(&world.send(upload("/object/docs/old", &secret(), "old")).await);
    for path in ["/object/docs/new", "/object/docs/old"] {
        let asked = Arc::new(Notify::new());
        let call = call(Method::PUT, path, &secret()).body(stalling_body(3 << 20, Arc::clone(&asked)));
        tokio::select! {
            biased;
            answer = world.send(call) => panic!("answered before the end: {}", answer.text()),
            () = asked.notified() => {}
        }
    }
    assert_eq!((world.object_count().await, world.files().await.len()), (1, 1));
    assert_eq!(world.send(get("/object/docs/old", &secret())).await.text(), "old");
}

/// Polls a future so many times at most and then drops it, as the server does when the client hangs up.
async fn give_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut polled = 0;
    std::future::poll_fn(move |context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[tokio::test]
async fn whenever_a_client_hangs_up_row_and_file_agree() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    done(&world.send(upload("/object/docs/a", &secret(), "old")).await);
    let new = vec![b'x'; 2_500_000];
    for polls in 0.. {
        let chunks = new.chunks(500_000).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk)));
        let body = Body::from_stream(stream::iter(chunks.collect::<Vec<_>>()));
        let answer = give_up_after(polls, world.send(call(Method::PUT, "/object/docs/a", &secret()).body(body))).await;
        assert_eq!((world.object_count().await, world.files().await.len()), (1, 1), "after {polls} polls");
        let stored = world.send(get("/object/docs/a", &secret())).await.body;
        assert!(stored == "old" || stored == new, "{} bytes after {polls} polls", stored.len());
        if let Some(answer) = answer {
            done(&answer);
            assert!(stored == new);
            return;
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_upload() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let broken = || stream::iter([Ok(Bytes::from(vec![b'x'; 2 << 20])), Err(std::io::Error::other("reset"))]);
    let answer = world.send(call(Method::POST, "/object/docs/a", &secret()).body(Body::from_stream(broken()))).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (StatusCode::BAD_REQUEST, json!("InvalidRequest")));
    let cut = "--B\r\nContent-Disposition: form-data; name=\"\"; filename=\"b\"\r\n\r\nPNG";
    let form = call(Method::POST, "/object/docs/a", &secret())
        .header("content-type", "multipart/form-data; boundary=B")
        .body(cut);
    assert_eq!(world.send(form).await.json()["code"], "InvalidRequest");
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));
}

#[tokio::test]
async fn a_refused_upload_is_taken_in_so_that_the_client_sees_why() {
    let world = World::with(|settings| settings.file_size_limit = 10_000_000).await;
    world.bucket("docs", json!({"file_size_limit": 10})).await;
    let chunks = |taken: &Arc<AtomicUsize>, count: usize| {
        let taken = Arc::clone(taken);
        Body::from_stream(stream::iter(0..count).map(move |_| {
            taken.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1_000_000]))
        }))
    };
    for (path, bearer) in [
        ("/object/docs/a", secret()),
        ("/object/docs/a", anon_token()),
        ("/object/docs/a", "no token".to_owned()),
        ("/object/none/a", secret()),
        ("/object/docs/%ff", secret()),
        ("/object/upload/sign/docs/a?token=x", secret()),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let answer = world.send(call(Method::PUT, path, &bearer).body(chunks(&taken, 5))).await;
        assert_eq!((answer.status, taken.load(Ordering::Relaxed)), (StatusCode::BAD_REQUEST, 5), "{path}");
    }
    // More than any upload may have is not waited for.
    let taken = Arc::new(AtomicUsize::new(0));
    let endless = call(Method::PUT, "/object/docs/a", &anon_token()).body(chunks(&taken, 1_000_000));
    assert_eq!(world.send(endless).await.status, StatusCode::BAD_REQUEST);
    assert!(taken.load(Ordering::Relaxed) < 20);
    let taken = Arc::new(AtomicUsize::new(0));
    let declared = call(Method::PUT, "/object/docs/a", &anon_token()).header("content-length", "1000000000000");
    assert_eq!(world.send(declared.body(chunks(&taken, 5))).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(taken.load(Ordering::Relaxed), 0);
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));
}

#[tokio::test]
async fn a_trigger_that_fails_undoes_the_upload_and_tells_operators_why() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    world
        .db
        .sql(
            "create function public.refuse() returns trigger language plpgsql as
             $$ begin if new.metadata ? 'eTag' then raise exception 'no room'; end if; return new; end $$;
             create trigger refuse before insert on storage.objects for each row execute function public.refuse()",
        )
        .await;
    let answer = world.send(upload("/object/docs/a", &secret(), "x")).await;
    refused(&answer, 500, "500", "DatabaseError", "database error, code: P0001");
    let failure = answer.extensions.get::<base::http::Failure>().expect("a cause");
    assert_eq!((failure.message.as_str(), failure.function.as_deref()), ("no room", Some("public.refuse")));
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));
}

#[tokio::test]
async fn large_files_come_back_byte_for_byte() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let bytes: Vec<u8> = (0..5_000_000_u32).flat_map(|n| u8::try_from(n * 31 % 251)).collect();
    let chunks: Vec<_> =
        bytes.chunks(70_001).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk))).collect();
    let body = Body::from_stream(stream::iter(chunks));
    done(&world.send(call(Method::POST, "/object/docs/large", &secret()).body(body)).await);
    let answer = world.send(get("/object/docs/large", &secret())).await;
    assert!(answer.body == bytes, "{} bytes came back", answer.body.len());
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn uploads_need_a_bucket() {
    let world = World::new().await;
    let answer = world.send(upload("/object/none/a", &secret(), "x")).await;
    refused(&answer, 400, "404", "Bucket not found", "Bucket not found");
}
