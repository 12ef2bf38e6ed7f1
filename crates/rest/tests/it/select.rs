//! `select`: columns, casts, JSON paths, media types.

use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn columns_are_selected_renamed_and_cast() {
    let api = Api::new(FILMS).await;
    let rows = api.rows("/films?select=id,name:title,year::text&id=eq.2").await;
    assert_eq!(rows, json!([{"id": 2, "name": "Ikiru", "year": "1952"}]));
    let all = api.rows("/films?id=eq.3").await;
    assert_eq!(
        all,
        json!([{"id": 3, "title": "Ran", "year": 1985, "rating": 8.2, "tags": ["war", "epic"], "data": {"color": true}, "director_id": 2}])
    );
    assert_eq!(api.rows("/films?select=&id=eq.3").await, all);
}

#[tokio::test]
async fn json_paths_are_named_after_their_last_key() {
    let api = Api::new(FILMS).await;
    let rows = api.rows("/films?select=data->color,data->cast->0->>name,first:data->cast->0&id=eq.1").await;
    assert_eq!(rows, json!([{"color": false, "name": "Marchand", "first": {"name": "Marchand"}}]));
    let rows = api.rows("/films?select=tags->0&id=eq.1").await;
    assert_eq!(rows, json!([{"tags": "drama"}]));
}

#[tokio::test]
async fn computed_columns_are_found_on_the_search_path() {
    let sql = format!(
        "{FILMS} create schema api; grant usage on schema api to anon;
         create view api.films as select id, title from public.films; grant select on api.films to anon;
         create function api.shout(api.films) returns text stable language sql as $$ select upper($1.title) $$;"
    );
    let settings = rest::Settings { schemas: vec!["api".to_owned()], ..rest::Settings::default() };
    let api = Api::with(&sql, settings).await;
    assert_eq!(api.rows("/films?select=shout&shout=eq.RAN").await, json!([{"shout": "RAN"}]));
}

#[tokio::test]
async fn a_schema_may_be_closed_to_the_login_role() {
    let sql = "create schema api; create table api.t (id int); grant usage on schema api to anon;
               grant select on api.t to anon; revoke usage on schema api from public;";
    let settings = rest::Settings { schemas: vec!["api".to_owned()], ..rest::Settings::default() };
    let api = Api::with(sql, settings).await;
    assert_eq!(api.rows("/t").await, json!([]));
}

#[tokio::test]
async fn the_body_is_what_the_database_prints() {
    let api = Api::new(FILMS).await;
    let answer = api.get("/films?select=id,title&order=id&limit=2").await;
    assert_eq!(answer.text(), "[{\"id\":1,\"title\":\"Cléo de 5 à 7\"}, \n {\"id\":2,\"title\":\"Ikiru\"}]");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("content-location"), "/films?limit=2&order=id&select=id%2Ctitle");
    assert_eq!(answer.header("vary"), "Accept, Prefer, Range");
}

#[tokio::test]
async fn one_row_can_be_an_object() {
    let api = Api::new(FILMS).await;
    let single = |path: &str| Call::get(path).header("accept", "application/vnd.pgrst.object+json");
    let answer = api.send(single("/films?select=id&id=eq.1")).await;
    assert_eq!(answer.json(), json!({"id": 1}));
    assert_eq!(answer.header("content-type"), "application/vnd.pgrst.object+json; charset=utf-8");
    let answer = api.send(single("/films?select=id")).await;
    assert_eq!(answer.status, 406);
    assert_eq!(
        answer.text(),
        r#"{"code":"PGRST116","details":"The result contains 4 rows","hint":null,"message":"Cannot coerce the result to a single JSON object"}"#
    );
    let stripped = "application/vnd.pgrst.object+json;nulls=stripped";
    let answer = api.send(Call::get("/films?select=id,year,rating&id=eq.4").header("accept", stripped)).await;
    assert_eq!(answer.json(), json!({"id": 4}));
}

#[tokio::test]
async fn rows_can_be_csv() {
    let api = Api::new(FILMS).await;
    let csv = |path: &str| Call::get(path).header("accept", "text/csv");
    let answer = api.send(csv("/films?select=id,title,year&id=in.(3,4)&order=id")).await;
    assert_eq!(answer.text(), "id,title,year\n3,Ran,1985\n4,\"Untitled, (draft)\",");
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(api.send(csv("/films?id=eq.0")).await.text(), "\n");
}

#[tokio::test]
async fn head_has_the_headers_of_get() {
    let api = Api::new(FILMS).await;
    let head = Call::new(http::Method::HEAD, "/films?select=id").header("prefer", "count=exact");
    let answer = api.send(head).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-range"), "0-3/4");
}

#[tokio::test]
async fn options_tell_the_methods() {
    let api = Api::new(&format!("{FILMS} create view public.titles as select distinct title from public.films;")).await;
    let options = |path: &str| Call::new(http::Method::OPTIONS, path);
    assert_eq!(api.send(options("/films")).await.header("allow"), "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE");
    assert_eq!(api.send(options("/titles")).await.header("allow"), "OPTIONS,GET,HEAD");
    assert_eq!(api.send(options("/nothing")).await.status, 404);
}

#[tokio::test]
async fn aggregates_group_by_everything_else_when_they_are_allowed() {
    let settings = rest::Settings { aggregates: true, ..rest::Settings::default() };
    let api = Api::with(FILMS, settings).await;
    let rows = api.rows("/films?select=director_id,films:count(),best:rating.max()::text&order=director_id").await;
    assert_eq!(
        rows,
        json!([
            {"director_id": 1, "films": 1, "best": "7.9"},
            {"director_id": 2, "films": 2, "best": "8.3"},
            {"director_id": null, "films": 1, "best": null}
        ])
    );
    let api = Api::new(FILMS).await;
    let answer = api.get("/films?select=count()").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("PGRST123")));
}
