//! Row level security decides about objects.

use axum::body::Body;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use testkit::Call;
use testkit::project::token;

use crate::world::{World, anon_token, call, delete, done, get, refused, secret, upload};

const DENIED: &str = "new row violates row-level security policy";

#[tokio::test]
async fn everybody_has_an_own_folder() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    world.own_folder_policy().await;
    let (john, jane) = (world.user().await, world.user().await);
    let path = format!("/object/docs/{}/a.txt", john.id);
    done(&world.send(upload(&path, &john.token, "john's")).await);

    // John may everything there; the secret key too.
    for bearer in [&john.token, &secret()] {
        assert_eq!(world.send(get(&path, bearer)).await.text(), "john's");
        assert_eq!(world.send(call(Method::HEAD, &path, bearer)).await.status, StatusCode::OK);
    }
    // Jane and the world may nothing, and cannot even tell that the file is there.
    for bearer in [&jane.token, &anon_token()] {
        refused(&world.send(get(&path, bearer)).await, 400, "404", "not_found", "Object not found");
        assert_eq!(world.send(call(Method::HEAD, &path, bearer)).await.status, StatusCode::BAD_REQUEST);
        let info = path.replacen("/object/", "/object/info/", 1);
        refused(&world.send(get(&info, bearer)).await, 400, "404", "not_found", "Object not found");
        let new = format!("/object/docs/{}/b.txt", john.id);
        refused(&world.send(upload(&new, bearer, "x")).await, 400, "403", "Unauthorized", DENIED);
        let overwrite = call(Method::PUT, &path, bearer).body("x");
        refused(&world.send(overwrite).await, 400, "403", "Unauthorized", DENIED);
        refused(&world.send(delete(&path, bearer)).await, 400, "403", "Unauthorized", "Access denied");
        let names = json!({"prefixes": [format!("{}/a.txt", john.id)]});
        assert_eq!(world.send(delete("/object/docs", bearer).json(&names)).await.json(), json!([]));
        let list = Call::post("/object/list/docs", &json!({"prefix": john.id})).bearer(bearer);
        assert_eq!(world.send(list).await.json(), json!([]));
        let list = Call::post("/object/list-v2/docs", &json!({"with_delimiter": true})).bearer(bearer);
        assert_eq!(world.send(list).await.json()["folders"], json!([]));
        let steal = json!({"bucketId": "docs", "sourceKey": format!("{}/a.txt", john.id),
            "destinationKey": format!("{}/a.txt", jane.id)});
        for action in ["/object/move", "/object/copy"] {
            let answer = world.send(Call::post(action, &steal).bearer(bearer)).await;
            refused(&answer, 400, "404", "not_found", "Object not found");
        }
        let sign = Call::post(&path.replacen("/object/", "/object/sign/", 1), &json!({"expiresIn": 60}));
        refused(&world.send(sign.bearer(bearer)).await, 400, "404", "not_found", "Object not found");
    }
    // John cannot push his file into Jane's folder either.
    let push = json!({"bucketId": "docs", "sourceKey": format!("{}/a.txt", john.id),
        "destinationKey": format!("{}/a.txt", jane.id)});
    for action in ["/object/move", "/object/copy"] {
        let answer = world.send(Call::post(action, &push).bearer(&john.token)).await;
        refused(&answer, 400, "403", "Unauthorized", DENIED);
    }
    assert_eq!(world.send(get(&path, &john.token)).await.text(), "john's");
    assert_eq!((world.object_count().await, world.files().await.len()), (1, 1));
}

#[tokio::test]
async fn no_token_is_anonymous() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    let anonymous = || Call::new(Method::POST, "/object/docs/a").body("x");
    refused(&world.send(anonymous()).await, 400, "403", "Unauthorized", DENIED);
    world.db.sql("create policy a on storage.objects for all to anon using (bucket_id = 'docs')").await;
    done(&world.send(anonymous()).await);
    assert_eq!(world.send(Call::get("/object/docs/a")).await.text(), "x");
    let owner: Option<String> = world.db.value("select owner_id from storage.objects").await;
    assert_eq!(owner, None);
}

#[tokio::test]
async fn insert_alone_is_enough_to_upload_but_not_to_overwrite() {
    let world = World::new().await;
    world.bucket("inbox", json!({})).await;
    world.db.sql("create policy a on storage.objects for insert to authenticated with check (true)").await;
    let user = world.user().await;
    done(&world.send(upload("/object/inbox/a", &user.token, "x")).await);
    refused(&world.send(get("/object/inbox/a", &user.token)).await, 400, "404", "not_found", "Object not found");
    let again = world.send(upload("/object/inbox/a", &user.token, "y")).await;
    refused(&again, 400, "409", "Duplicate", "The resource already exists");
    for path in ["/object/inbox/a", "/object/inbox/b"] {
        let overwrite = world.send(call(Method::PUT, path, &user.token).body("y")).await;
        refused(&overwrite, 400, "403", "Unauthorized", DENIED);
    }
    assert_eq!(world.send(get("/object/inbox/a", &secret())).await.text(), "x");
    assert_eq!(world.files().await.len(), 1);
}

#[tokio::test]
async fn policies_see_the_file_the_operation_and_the_request() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    world
        .db
        .sql(
            "create policy a on storage.objects for insert to authenticated with check (
               metadata ->> 'mimetype' = 'image/png' and (metadata ->> 'contentLength')::int < 3
               and user_metadata ->> 'kind' = 'icon'
               and storage.allow_only_operation('object.upload')
               and current_setting('request.method') = 'POST'
               and current_setting('request.path') = '/object/docs/a'
               and current_setting('request.headers')::jsonb ->> 'x-tenant' = 'acme'
               and not current_setting('request.headers')::jsonb ? 'cookie'
               and current_setting('request.jwt.claim.sub') = auth.uid()::text
               and auth.jwt() -> 'app_metadata' ->> 'plan' = 'pro')",
        )
        .await;
    let user = world.user().await;
    let claims = json!({"role": "authenticated", "sub": user.id, "app_metadata": {"plan": "pro"}});
    let upload = |tenant: &str, mime: &str, body: &'static str| {
        call(Method::POST, "/object/docs/a", &token(claims.clone()))
            .header("content-type", mime)
            .header("content-length", &body.len().to_string())
            .header("x-metadata", "eyJraW5kIjoiaWNvbiJ9")
            .header("x-tenant", tenant)
            .header("cookie", "console=secret")
            .body(body)
    };
    for (tenant, mime, body) in [("other", "image/png", "x"), ("acme", "image/gif", "x"), ("acme", "image/png", "xxx")]
    {
        refused(&world.send(upload(tenant, mime, body)).await, 400, "403", "Unauthorized", DENIED);
    }
    done(&world.send(upload("acme", "image/png", "x")).await);
}

#[tokio::test]
async fn what_is_known_only_at_the_end_is_judged_too() {
    let world = World::new().await;
    world.bucket("docs", json!({})).await;
    world
        .db
        .sql(
            "create policy a on storage.objects for insert to anon
              with check (coalesce((metadata ->> 'size')::int, 0) < 3)",
        )
        .await;
    let body = || Body::from_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("four")]));
    let answer = world.send(Call::new(Method::POST, "/object/docs/a").body(body())).await;
    refused(&answer, 400, "403", "Unauthorized", DENIED);
    assert_eq!((world.object_count().await, world.files().await.len()), (0, 0));
}

#[tokio::test]
async fn tokens_that_are_not_valid_are_refused() {
    let world = World::new().await;
    world.bucket("private", json!({})).await;
    world.bucket("open", json!({"public": true})).await;
    done(&world.send(upload("/object/open/a", &secret(), "x")).await);
    let keyring = testkit::keyring();
    let forged = base::jwt::Keyring::new(b"another-secret-of-at-least-32-characters", Vec::new())
        .sign(&json!({"role": "service_role"}));
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
    let cases = [
        (keyring.sign(&json!({"role": "service_role", "exp": 1000})), r#""exp" claim timestamp check failed"#),
        (
            keyring.sign(&json!({"role": "service_role", "nbf": 99_999_999_999_i64})),
            r#""nbf" claim timestamp check failed"#,
        ),
        (forged, "signature verification failed"),
        (none.to_owned(), r#""alg" (Algorithm) Header Parameter value not allowed"#),
        ("x".to_owned(), "Invalid Compact JWS"),
    ];
    for (token, message) in cases {
        refused(&world.send(get("/bucket", &token)).await, 400, "403", "Unauthorized", message);
        let answer = world.send(upload("/object/private/a", &token, "x")).await;
        refused(&answer, 400, "403", "Unauthorized", message);
        let answer = world.send(get("/object/private/a", &token)).await;
        refused(&answer, 400, "404", "Bucket not found", "Bucket not found");
        assert_eq!(world.send(get("/object/open/a", &token)).await.text(), "x");
    }
    let basic = Call::get("/bucket").header("authorization", "Basic eDp5");
    refused(&world.send(basic).await, 400, "403", "Unauthorized", "Invalid Compact JWS");
    assert_eq!(world.object_count().await, 1);
}

#[tokio::test]
async fn roles_that_cannot_be_taken_are_refused() {
    let world = World::new().await;
    for role in ["nobody", "postgres", "pg_read_all_data", "anon; drop table storage.objects"] {
        let answer = world.send(get("/bucket", &token(json!({"role": role})))).await;
        assert_eq!(
            (answer.status, answer.json()["code"].clone()),
            (StatusCode::BAD_REQUEST, json!("AccessDenied")),
            "{role}"
        );
    }
    for role in [json!(null), json!(5), json!("")] {
        assert_eq!(world.send(get("/bucket", &token(json!({"role": role})))).await.json(), json!([]));
    }
    let role: Value = world.send(get("/bucket", &secret())).await.json();
    assert_eq!(role, json!([]));
}
