//! Behind a pooler in transaction mode everything works without prepared statements.

use futures_util::future::join_all;
use http::Method;
use pg::{Db, PoolSettings};
use serde_json::json;
use testkit::{Call, TestDb, pooler};

use crate::api::{Api, FILMS};

async fn api() -> Api {
    let db = TestDb::new().await;
    db.sql(&format!(
        "{FILMS} create function public.twice(n int) returns int immutable language sql as 'select n * 2';
         create function public.all_films() returns setof public.films stable language sql as 'table public.films';"
    ))
    .await;
    let through = pooler::in_front_of(db.db("authenticator").target()).await;
    let pool = PoolSettings { max_connections: 5, prepares: false, ..PoolSettings::default() };
    let pool = Db::new(through, &pool).expect("a pool");
    Api::over(db, pool, rest::Settings { max_rows: None, ..rest::Settings::default() }).await
}

#[tokio::test]
async fn every_kind_of_request_works() {
    let api = api().await;
    let token = api.user("11111111-1111-4111-8111-111111111111");
    for turn in 0..8 {
        let id = 100 + turn;
        let film = json!({"id": id, "title": "new", "tags": ["x"], "data": {"a": 1}, "director_id": 1});
        let insert = Call::post("/films", &film).header("prefer", "return=representation");
        assert_eq!(api.send(insert).await.status, 201);
        let upsert = api.write(Method::POST, "/films", "resolution=merge-duplicates", &film).await;
        assert_eq!(upsert.status, 200, "{}", upsert.text());
        let path = format!("/films?id=eq.{id}");
        let update = api.write(Method::PATCH, &path, "handling=strict, max-affected=1", &json!({"year": 2000})).await;
        assert_eq!(update.status, 204, "{}", update.text());
        let calls = [
            Call::get("/films?select=title,directors(name)&order=id&limit=2").bearer(&token),
            Call::get("/films?tags=cs.%7Bdrama%7D&year=gt.1950").header("prefer", "count=exact"),
            Call::get("/films").header("accept", "text/csv"),
            Call::get("/films?limit=1").header("prefer", "count=planned"),
            Call::get("/films?data-%3E%3Ecolor=eq.true"),
            Call::get("/rpc/twice?n=2"),
            Call::post("/rpc/twice", &json!({"n": 2})),
            Call::get("/rpc/all_films?select=title&year=gt.1950"),
            Call::get("/"),
        ];
        for answer in join_all(calls.into_iter().map(|call| api.send(call))).await {
            assert!(answer.status.is_success(), "{}", answer.text());
        }
        assert_eq!(api.send(Call::new(Method::DELETE, &path)).await.status, 204);
    }
    // Neither did a role stay, nor a claim.
    assert_eq!(api.rows("/films?select=id").await.as_array().map(Vec::len), Some(4));
}
