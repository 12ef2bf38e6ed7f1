//! Functions.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

const FUNCTIONS: &str = "
    create function public.add_them(a int, b int default 10) returns int immutable language sql as 'select a + b';
    create function public.overloaded() returns text language sql as $$ select 'none' $$;
    create function public.overloaded(a int) returns text language sql as $$ select 'one' $$;
    create function public.overloaded(a int, b text) returns text language sql as $$ select 'two' $$;
    create function public.same(a int) returns int language sql as 'select 1';
    create function public.same(a text) returns int language sql as 'select 2';
    create function public.raw_json(json) returns json language sql as $$ select $1 -> 'a' $$;
    create function public.raw_text(text) returns text language sql as 'select upper($1)';
    create function public.raw_bytes(bytea) returns int language sql as 'select length($1)';
    create function public.nothing() returns void language sql as '';
    create function public.numbers(n int) returns setof int stable language sql as 'select generate_series(1, n)';
    create function public.pair(out a int, out b text) language sql as $$ select 1, 'x' $$;
    create function public.some_films(min_year int) returns setof public.films stable language sql
      as 'select * from public.films where year >= min_year';
    create function public.one_film(film int) returns public.films stable language sql
      as 'select * from public.films where id = film';
    create function public.table_of(n int) returns table(i int, square int) stable language sql
      as 'select i, i * i from generate_series(1, n) i';
    create function public.joined(variadic words text[]) returns text immutable language sql
      as $$ select array_to_string(words, '-') $$;
    create function public.add_film(title text) returns int language sql
      as 'insert into public.films (title) values (title) returning id';
    create function public.type_of(v json) returns text immutable language sql as 'select json_typeof(v)';
    create function public.teapot() returns text language plpgsql as $$ begin
      perform set_config('response.status', '418', true);
      perform set_config('response.headers', '[{\"X-Tea\": \"green\"}, {\"Vary\": \"Tea\"}]', true);
      return 'tea'; end $$;
    create function public.pays() returns void language plpgsql as $$ begin
      raise sqlstate 'PT402' using message = 'Payment Required', detail = 'Quota exceeded', hint = 'Upgrade'; end $$;
    create function public.custom() returns void language plpgsql as $$ begin
      raise sqlstate 'PGRST' using message = '{\"code\":\"123\",\"message\":\"ABC\",\"details\":\"DEF\",\"hint\":\"XYZ\"}',
        detail = '{\"status\":332,\"headers\":{\"X-Header\":\"str\"}}'; end $$;";

async fn api() -> Api {
    Api::new(&format!("{FILMS}{FUNCTIONS}")).await
}

#[tokio::test]
async fn arguments_come_from_query_and_body() {
    let api = api().await;
    assert_eq!(api.rows("/rpc/add_them?a=1&b=2").await, json!(3));
    assert_eq!(api.rows("/rpc/add_them?a=1").await, json!(11));
    let answer = api.send(Call::post("/rpc/add_them", &json!({"a": 5, "b": 6}))).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!(11)));
    let form = Call::new(Method::POST, "/rpc/add_them")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("a=2&b=3");
    assert_eq!(api.send(form).await.json(), json!(5));
    assert_eq!(api.send(Call::post("/rpc/type_of", &json!({"v": "text"}))).await.json(), json!("string"));
}

#[tokio::test]
async fn overloads_are_chosen_by_argument_names() {
    let api = api().await;
    assert_eq!(api.rows("/rpc/overloaded").await, json!("none"));
    assert_eq!(api.rows("/rpc/overloaded?a=1").await, json!("one"));
    assert_eq!(api.send(Call::post("/rpc/overloaded", &json!({"b": "x", "a": 1}))).await.json(), json!("two"));
    let answer = api.get("/rpc/same?a=1").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (300, json!("PGRST203")));
    assert_eq!(
        answer.json()["message"],
        "Could not choose the best candidate function between: public.same(a => integer), public.same(a => text)"
    );
}

#[tokio::test]
async fn unknown_functions_and_arguments_are_explained() {
    let api = api().await;
    let answer = api.get("/rpc/add_the?a=1").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({
            "code": "PGRST202",
            "details": "Searched for the function public.add_the with parameter a, but no matches were found in the schema cache.",
            "hint": "Perhaps you meant to call the function public.add_them",
            "message": "Could not find the function public.add_the(a) in the schema cache"
        })
    );
    let answer = api.send(Call::post("/rpc/add_them", &json!({"a": 1, "c": 2}))).await;
    assert_eq!(answer.json()["hint"], "Perhaps you meant to call the function public.add_them(a, b)");
}

#[tokio::test]
async fn a_single_unnamed_parameter_takes_the_whole_body() {
    let api = api().await;
    assert_eq!(api.send(Call::post("/rpc/raw_json", &json!({"a": [1, 2]}))).await.json(), json!([1, 2]));
    let raw = |path: &str, kind: &str, body: &'static [u8]| {
        Call::new(Method::POST, path).header("content-type", kind).body(body)
    };
    assert_eq!(api.send(raw("/rpc/raw_text", "text/plain", b"abc")).await.json(), json!("ABC"));
    assert_eq!(api.send(raw("/rpc/raw_bytes", "application/octet-stream", b"\x00\xff\x01")).await.json(), json!(3));
    let answer = api.send(raw("/rpc/raw_text", "text/plain", b"\xff")).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("22021")));
}

#[tokio::test]
async fn results_have_the_shape_of_their_type() {
    let api = api().await;
    assert_eq!(api.rows("/rpc/numbers?n=3").await, json!([1, 2, 3]));
    assert_eq!(api.rows("/rpc/pair").await, json!({"a": 1, "b": "x"}));
    assert_eq!(api.rows("/rpc/table_of?n=2&select=square").await, json!([{"square": 1}, {"square": 4}]));
    assert_eq!(api.rows("/rpc/one_film?film=2&select=title").await, json!({"title": "Ikiru"}));
    let answer = api.send(Call::post("/rpc/nothing", &json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (204, ""));
    assert!(!answer.headers.contains_key("content-type"));
}

#[tokio::test]
async fn rows_of_a_relation_are_filtered_ordered_and_embedded() {
    let api = api().await;
    let path = "/rpc/some_films?min_year=1960&title=neq.Ran&select=title,directors(name)&order=year.desc&limit=1";
    assert_eq!(api.rows(path).await, json!([{"title": "Cléo de 5 à 7", "directors": {"name": "Agnès Varda"}}]));
    let post = Call::post("/rpc/some_films?select=id&year=lt.1970&order=rating", &json!({"min_year": 1950}));
    assert_eq!(api.send(post.header("prefer", "count=exact")).await.json(), json!([{"id": 1}, {"id": 2}]));
}

#[tokio::test]
async fn repeated_parameters_are_variadic() {
    let api = api().await;
    assert_eq!(api.rows("/rpc/joined?words=a&words=b%22c").await, json!("a-b\"c"));
    assert_eq!(api.send(Call::post("/rpc/joined", &json!({"words": ["x", "y"]}))).await.json(), json!("x-y"));
}

#[tokio::test]
async fn only_post_may_write() {
    let api = api().await;
    let answer = api.get("/rpc/add_film?title=x").await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (405, json!("25006")));
    assert_eq!(api.send(Call::post("/rpc/add_film", &json!({"title": "x"}))).await.json(), json!(5));
    let answer = api.send(Call::new(Method::DELETE, "/rpc/add_film")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()["message"].clone()),
        (405, json!("Cannot use the DELETE method on RPC"))
    );
}

#[tokio::test]
async fn functions_may_set_status_and_headers() {
    let api = api().await;
    let answer = api.send(Call::post("/rpc/teapot", &json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (418, json!("tea")));
    assert_eq!((answer.header("x-tea"), answer.header("vary")), ("green", "Tea"));
}

#[tokio::test]
async fn functions_may_raise_what_clients_see() {
    let api = api().await;
    let answer = api.send(Call::post("/rpc/pays", &json!({}))).await;
    assert_eq!(answer.status, 402);
    assert_eq!(
        answer.json(),
        json!({"code": "PT402", "details": "Quota exceeded", "hint": "Upgrade", "message": "Payment Required"})
    );
    let answer = api.send(Call::post("/rpc/custom", &json!({}))).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-header")), (332, "str"));
    assert_eq!(answer.json(), json!({"code": "123", "details": "DEF", "hint": "XYZ", "message": "ABC"}));
}
