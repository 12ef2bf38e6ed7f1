//! Signed URLs.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Call;

use crate::world::{World, anon_token, call, done, get, refused, secret, upload};

async fn world_with_a_file() -> World {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    done(&world.send(upload("/object/docs/a b.txt".replace(' ', "%20").as_str(), &secret(), "x")).await);
    world
}

fn token_of(url: &str) -> &str {
    url.split_once("?token=").expect("a token").1
}

async fn sign(world: &World, path: &str, expires_in: i64) -> Value {
    world.send(Call::post(path, &json!({"expiresIn": expires_in})).bearer(&secret())).await.json()
}

#[tokio::test]
async fn a_signed_url_opens_one_object() {
    let world = world_with_a_file().await;
    let signed = sign(&world, "/object/sign/docs/a%20b.txt", 60).await;
    let url = signed["signedURL"].as_str().expect("a URL");
    assert!(url.starts_with("/object/sign/docs/a b.txt?token="), "{url}");
    let claims = testkit::keyring().verify(token_of(url)).expect("our token");
    assert_eq!((claims.text("url"), claims.text("scope")), (Some("docs/a b.txt"), Some("download")));
    assert_eq!(claims.claims["exp"].as_i64(), claims.claims["iat"].as_i64().map(|iat| iat + 60));

    let answer = world.send(Call::get(&format!("{}&download=c", url.replace(' ', "%20")))).await;
    assert_eq!((answer.status, answer.text().as_str()), (StatusCode::OK, "x"));
    assert!(answer.header("expires").ends_with("GMT") && answer.header("cache-control").is_empty());
    assert!(answer.header("content-disposition").starts_with("attachment; filename=c;"));

    done(&world.send(upload("/object/docs/other", &secret(), "y")).await);
    let other = world.send(Call::get(&format!("/object/sign/docs/other?token={}", token_of(url)))).await;
    refused(&other, 400, "400", "InvalidSignature", "Invalid signature");
    // It is no bearer token for anything else.
    refused(&world.send(get("/object/docs/other", token_of(url))).await, 400, "404", "not_found", "Object not found");
}

#[tokio::test]
async fn tokens_that_do_not_open() {
    let world = world_with_a_file().await;
    let keys = testkit::keyring();
    let open = async |token: &str| world.send(Call::get(&format!("/object/sign/docs/a%20b.txt?token={token}"))).await;
    let expired = keys.sign_with_secret(&json!({"url": "docs/a b.txt", "scope": "download", "exp": 1000}));
    refused(&open(&expired).await, 400, "400", "InvalidJWT", r#""exp" claim timestamp check failed"#);
    let forged = base::jwt::Keyring::new(b"another-secret-of-at-least-32-characters", Vec::new())
        .sign(&json!({"url": "docs/a b.txt", "exp": 99_999_999_999_i64}));
    refused(&open(&forged).await, 400, "400", "InvalidJWT", "signature verification failed");
    let upload = keys.sign_with_secret(&json!({"url": "docs/a b.txt", "upsert": true, "exp": 99_999_999_999_i64}));
    refused(&open(&upload).await, 400, "400", "InvalidSignature", "Token is not scoped for download");
    let endless = keys.sign_with_secret(&json!({"url": "docs/a b.txt"}));
    refused(&open(&endless).await, 400, "400", "InvalidSignature", "Invalid signature");
    refused(&open(&secret()).await, 400, "400", "InvalidSignature", "Token is not scoped for download");
    let none = world.send(Call::get("/object/sign/docs/a%20b.txt")).await;
    assert_eq!((none.status, none.json()["code"].clone()), (StatusCode::BAD_REQUEST, json!("InvalidRequest")));
    let old = keys.sign_with_secret(&json!({"url": "docs/a b.txt", "exp": 99_999_999_999_i64}));
    assert_eq!(open(&old).await.text(), "x");
}

#[tokio::test]
async fn signing_takes_the_right_to_see() {
    let world = world_with_a_file().await;
    for expires_in in [0, -1, i64::MAX] {
        let wrong = sign(&world, "/object/sign/docs/a%20b.txt", expires_in).await;
        assert_eq!(wrong["code"], "InvalidParameter", "{expires_in}");
    }
    let many = json!({"expiresIn": 60, "paths": ["a b.txt", "missing"]});
    let signed = world.send(Call::post("/object/sign/docs", &many).bearer(&secret())).await.json();
    assert!(signed[0]["error"].is_null() && signed[1]["signedURL"].is_null());
    assert_eq!(signed[1]["error"], "Either the object does not exist or you do not have access to it");
    let url = signed[0]["signedURL"].as_str().expect("a URL").replace(' ', "%20");
    assert_eq!(world.send(Call::get(&url)).await.text(), "x");
    let denied = world.send(Call::post("/object/sign/docs", &many).bearer(&anon_token())).await.json();
    assert!(denied[0]["signedURL"].is_null());
}

#[tokio::test]
async fn a_signed_upload_is_owned_by_who_signed() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let user = world.user().await;
    let ask = async |upsert: &str| {
        let call = Call::post("/object/upload/sign/docs/a", &json!({})).bearer(&user.token).header("x-upsert", upsert);
        world.send(call).await
    };
    let denied = "new row violates row-level security policy";
    refused(&ask("false").await, 400, "403", "Unauthorized", denied);
    world.db.sql("create policy a on storage.objects for all to authenticated using (true)").await;
    let signed = ask("false").await.json();
    assert_eq!(
        signed["url"],
        format!("/object/upload/sign/docs/a?token={}", signed["token"].as_str().expect("a token"))
    );
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));

    let put = async |url: &str, body: &'static str| world.send(Call::new(Method::PUT, url).body(body)).await;
    let url = signed["url"].as_str().expect("a URL");
    let stored = put(url, "one").await;
    assert_eq!((stored.status, stored.json()), (StatusCode::OK, json!({"Key": "docs/a"})));
    let owner: Option<String> = world.db.value("select owner_id from storage.objects").await;
    assert_eq!(owner, Some(user.id.to_string()));
    refused(&put(url, "two").await, 400, "409", "Duplicate", "The resource already exists");

    let overwrite = ask("true").await.json();
    done(&put(overwrite["url"].as_str().expect("a URL"), "two").await);
    assert_eq!(world.send(get("/object/docs/a", &user.token)).await.text(), "two");

    let wrong = format!("/object/upload/sign/docs/b?token={}", signed["token"].as_str().expect("a token"));
    refused(&put(&wrong, "x").await, 400, "400", "InvalidSignature", "Invalid signature");
    let read = sign(&world, "/object/sign/docs/a", 60).await;
    let read = format!("/object/upload/sign/docs/a?token={}", token_of(read["signedURL"].as_str().expect("a URL")));
    refused(&put(&read, "x").await, 400, "400", "InvalidSignature", "Token is not scoped for upload");
    let with_token = call(Method::PUT, url, "not a token").body("x");
    refused(&world.send(with_token).await, 400, "409", "Duplicate", "The resource already exists");
}
