//! Errors that come before the database: paths, methods, schemas, tokens, media types.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn unknown_relations_come_before_unknown_columns() {
    let api = Api::new(FILMS).await;
    let answer = api.get("/film?nothing=eq.1").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.text(),
        r#"{"code":"PGRST205","details":null,"hint":"Perhaps you meant the table 'public.films'","message":"Could not find the table 'public.film' in the schema cache"}"#
    );
    assert_eq!(answer.header("proxy-status"), "PostgREST; error=PGRST205");
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn paths_and_methods_are_checked() {
    let api = Api::new(FILMS).await;
    let code = |answer: testkit::Answer| (answer.status.as_u16(), answer.json()["code"].clone());
    assert_eq!(code(api.get("/films/1").await), (404, json!("PGRST125")));
    assert_eq!(code(api.get("/films/").await), (404, json!("PGRST125")));
    assert_eq!(code(api.get("/rpc/a/b").await), (404, json!("PGRST125")));
    let other = Method::from_bytes(b"OTHER").expect("a method");
    assert_eq!(code(api.send(Call::new(other, "/films")).await), (405, json!("PGRST117")));
    assert_eq!(code(api.send(Call::get("/films").header("accept", "image/png")).await), (406, json!("PGRST107")));
}

#[tokio::test]
async fn internal_schemas_are_not_exposed() {
    let api = Api::new(FILMS).await;
    for schema in ["auth", "storage", "vestibule", "pg_catalog"] {
        let answer = api.send(Call::get("/users").bearer(&api.service()).header("accept-profile", schema)).await;
        assert_eq!(answer.status, 406);
        assert_eq!(
            answer.json(),
            json!({
                "code": "PGRST106", "details": null, "hint": "Only the following schemas are exposed: public",
                "message": format!("Invalid schema: {schema}")
            })
        );
    }
    let answer = api.send(Call::post("/users", &json!({})).header("content-profile", "auth")).await;
    assert_eq!(answer.status, 406);
}

#[tokio::test]
async fn one_of_several_schemas_is_chosen_by_header() {
    let sql = format!(
        "{FILMS} create schema other; create table other.films (id int); insert into other.films values (77);
                       grant usage on schema other to anon; grant select, insert on other.films to anon;"
    );
    let schemas = vec!["public".to_owned(), "other".to_owned()];
    let api = Api::with(&sql, rest::Settings { schemas, ..rest::Settings::default() }).await;
    let answer = api.send(Call::get("/films").header("accept-profile", "other")).await;
    assert_eq!((answer.json(), answer.header("content-profile")), (json!([{"id": 77}]), "other"));
    assert_eq!(api.get("/films?select=id&id=eq.1").await.header("content-profile"), "public");
    let answer = api.send(Call::post("/films", &json!({"id": 78})).header("content-profile", "other")).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn tokens_that_do_not_hold_are_refused() {
    let api = Api::new(FILMS).await;
    let other = base::jwt::Verifier::new(b"another secret of thirty-two bytes!", Vec::new());
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.";
    for (token, code, message) in [
        (String::new(), "PGRST301", "Empty JWT is sent in Authorization header"),
        ("a.b".to_owned(), "PGRST301", "Expected 3 parts in JWT; got 2"),
        ("a.b.c".to_owned(), "PGRST301", "JWT cryptographic operation failed"),
        (none.to_owned(), "PGRST301", "Wrong or unsupported encoding algorithm"),
        (other.sign(&json!({"role": "service_role"})), "PGRST301", "No suitable key or wrong key type"),
        (api.token(&json!({"role": "authenticated", "exp": 1})), "PGRST303", "JWT expired"),
        (api.token(&json!({"role": "authenticated", "nbf": 9_999_999_999_i64})), "PGRST303", "JWT not yet valid"),
    ] {
        let answer = api.send(Call::get("/films").bearer(&token)).await;
        assert_eq!(answer.status, 401, "{message}");
        assert_eq!((answer.json()["code"].clone(), answer.json()["message"].clone()), (json!(code), json!(message)));
        let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{message}\"");
        assert_eq!(answer.header("www-authenticate"), challenge);
    }
    let answer = api.send(Call::get("/films").bearer(&api.token(&json!({"role": "nobody at all"})))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (401, json!("22023")));
}

#[tokio::test]
async fn without_an_anonymous_role_a_token_is_needed() {
    let api = Api::with(FILMS, rest::Settings { anon_role: None, ..rest::Settings::default() }).await;
    let answer = api.get("/films").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (401, json!("PGRST302")));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(api.send(Call::get("/films").bearer(&api.user("1"))).await.status, 200);
}

#[tokio::test]
async fn a_missing_privilege_tells_who_may_sign_in() {
    let api =
        Api::new("create table public.secret (id int); revoke all on public.secret from anon, authenticated;").await;
    let answer = api.get("/secret").await;
    assert_eq!((answer.status.as_u16(), answer.header("www-authenticate")), (401, "Bearer"));
    let answer = api.send(Call::get("/secret").bearer(&api.user("1"))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (403, json!("42501")));
}
