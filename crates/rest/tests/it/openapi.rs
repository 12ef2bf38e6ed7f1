//! The root document.

use http::Method;
use rest::{OpenApiMode, Settings};
use serde_json::{Value, json};
use testkit::Call;

use crate::api::{Api, FILMS};

const SHOP: &str = "
    comment on schema public is E'Cinema\n\nEverything about films';
    comment on table public.films is E'Films\n\nOne row for each film';
    comment on column public.films.title is 'As on the poster';
    create type public.mood as enum ('calm', 'wild');
    alter table public.films add mood public.mood default 'calm', add code varchar(7) default 'none';
    create table public.safes (id int primary key);
    create function public.films_of(year int, moods public.mood[] default '{}') returns setof public.films stable language sql
      as 'select * from public.films where year = $1';
    create function public.grow(by int) returns void language sql as 'select';
    create function public.locked() returns int stable language sql as 'select 1';
    revoke execute on function public.locked() from public, anon, authenticated, service_role;
    revoke all on public.safes from anon, authenticated, service_role;";

async fn document(api: &Api) -> Value {
    let answer = api.send(Call::get("/").header("host", "api.example:8000")).await;
    assert_eq!(answer.header("content-type"), "application/openapi+json; charset=utf-8");
    answer.json()
}

#[tokio::test]
async fn relations_are_described() {
    let api = Api::new(&format!("{FILMS}{SHOP}")).await;
    let document = document(&api).await;
    assert_eq!(document["swagger"], "2.0");
    assert_eq!(document["host"], "api.example:8000");
    assert_eq!(
        (document["info"]["title"].clone(), document["info"]["description"].clone()),
        (json!("Cinema"), json!("Everything about films"))
    );
    let films = &document["definitions"]["films"];
    assert_eq!(films["required"], json!(["id", "title", "tags"]));
    let properties = &films["properties"];
    assert_eq!(
        properties["id"],
        json!({"description": "Note:\nThis is a Primary Key.<pk/>", "format": "int32", "type": "integer"})
    );
    assert_eq!(properties["title"], json!({"description": "As on the poster", "format": "text", "type": "string"}));
    assert_eq!(properties["rating"], json!({"default": 5.0, "format": "numeric", "type": "number"}));
    assert_eq!(
        properties["mood"],
        json!({"default": "calm", "enum": ["calm", "wild"], "format": "public.mood", "type": "string"})
    );
    assert_eq!(
        properties["code"],
        json!({"default": "none", "maxLength": 7, "format": "character varying", "type": "string"})
    );
    let key = "Note:\nThis is a Foreign Key to `directors.id`.<fk table='directors' column='id'/>";
    assert_eq!(properties["director_id"]["description"], key);
    assert_eq!(document["paths"]["/films"]["get"]["summary"], "Films");
    assert_eq!(document["paths"]["/films"]["get"]["description"], "One row for each film");
    assert_eq!(document["parameters"]["rowFilter.films.title"]["description"], "As on the poster");
    let directors = &document["definitions"]["directors"]["properties"]["id"]["description"];
    assert_eq!(directors, "Note:\nThis is a Primary Key.<pk/>");
}

#[tokio::test]
async fn functions_are_described() {
    let api = Api::new(&format!("{FILMS}{SHOP}")).await;
    let document = document(&api).await;
    let path = &document["paths"]["/rpc/films_of"];
    assert_eq!(
        path["get"]["parameters"],
        json!([
            {"name": "year", "required": true, "in": "query", "type": "integer", "format": "int32"},
            {"name": "moods", "required": false, "in": "query", "type": "string", "format": "mood[]"}
        ])
    );
    assert_eq!(path["post"]["parameters"][0]["schema"]["required"], json!(["year"]));
    let grow = &document["paths"]["/rpc/grow"];
    assert!(grow["get"].is_null() && grow["post"].is_object());
}

#[tokio::test]
async fn only_what_the_role_may_use_is_described_unless_everything_is() {
    let sql = format!("{FILMS}{SHOP}");
    let api = Api::new(&sql).await;
    let seen = document(&api).await;
    assert!(seen["paths"]["/safes"].is_null() && seen["paths"]["/rpc/locked"].is_null());
    let all = Settings { openapi_mode: OpenApiMode::IgnorePrivileges, ..Settings::default() };
    let api = Api::with(&sql, all).await;
    let seen = document(&api).await;
    assert!(seen["paths"]["/safes"].is_object() && seen["paths"]["/rpc/locked"].is_object());
}

#[tokio::test]
async fn the_document_can_be_switched_off_or_made_by_a_function() {
    let off = Settings { openapi_mode: OpenApiMode::Disabled, ..Settings::default() };
    let answer = Api::with(FILMS, off).await.get("/").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (404, json!("PGRST126")));
    let sql =
        "create function public.own() returns json stable language sql as $$ select '{\"swagger\": \"2.0\"}'::json $$;";
    let own = Settings { root_spec: Some((None, "own".to_owned())), ..Settings::default() };
    assert_eq!(Api::with(sql, own).await.rows("/").await, json!({"swagger": "2.0"}));
}

#[tokio::test]
async fn the_document_tells_where_and_how() {
    let settings = Settings {
        proxy_uri: Some("https://project.example/rest/v1".to_owned()),
        openapi_security: true,
        ..Settings::default()
    };
    let api = Api::with(FILMS, settings).await;
    let document = document(&api).await;
    assert_eq!(
        (document["host"].clone(), document["basePath"].clone(), document["schemes"].clone()),
        (json!("project.example:443"), json!("/rest/v1"), json!(["https"]))
    );
    assert_eq!(document["security"], json!([{"JWT": []}]));
    let head = api.send(Call::new(Method::HEAD, "/")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(api.send(Call::get("/").header("accept", "text/csv")).await.status, 406);
    let elsewhere = api.send(Call::get("/films").header("accept", "application/openapi+json")).await;
    assert_eq!(elsewhere.status, 406);
}
