//! Row level security: each caller sees and changes what its policies allow, and nothing stays on a connection.

use http::Method;
use serde_json::{Value, json};
use testkit::Call;

use crate::api::Api;

const ANNE: &str = "11111111-1111-4111-8111-111111111111";
const BOB: &str = "22222222-2222-4222-8222-222222222222";

const NOTES: &str = "
    create table public.notes (id int generated always as identity primary key, owner uuid not null default auth.uid(), text text);
    alter table public.notes enable row level security;
    create policy own on public.notes to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
    grant select, insert, update, delete on public.notes to anon, authenticated, service_role;
    create function public.about() returns json stable language sql as $$ select json_build_object(
      'user', current_user, 'sub', current_setting('request.jwt.claims', true)::json ->> 'sub',
      'role', current_setting('request.jwt.claims', true)::json ->> 'role',
      'method', current_setting('request.method', true), 'path', current_setting('request.path', true),
      'agent', current_setting('request.headers', true)::json ->> 'user-agent',
      'cookie', current_setting('request.cookies', true)::json ->> 'a',
      'cookie_header', current_setting('request.headers', true)::json ->> 'cookie',
      'search_path', current_setting('search_path')) $$;";

async fn insert(api: &Api, id: &str, text: &str) {
    let call = Call::post("/notes", &json!({"text": text})).bearer(&api.user(id));
    assert_eq!(api.send(call).await.status, 201);
}

#[tokio::test]
async fn everyone_sees_their_own_rows() {
    let api = Api::new(NOTES).await;
    insert(&api, ANNE, "anne's").await;
    insert(&api, BOB, "bob's").await;
    let texts = async |token: Option<String>| {
        let call = Call::get("/notes?select=text&order=text");
        api.send(token.map_or(Call::get("/notes?select=text"), |token| call.bearer(&token))).await.json()
    };
    assert_eq!(texts(Some(api.user(ANNE))).await, json!([{"text": "anne's"}]));
    assert_eq!(texts(Some(api.user(BOB))).await, json!([{"text": "bob's"}]));
    assert_eq!(texts(None).await, json!([]));
    assert_eq!(texts(Some(api.service())).await, json!([{"text": "anne's"}, {"text": "bob's"}]));
}

#[tokio::test]
async fn nobody_changes_the_rows_of_others() {
    let api = Api::new(NOTES).await;
    insert(&api, ANNE, "anne's").await;
    let as_bob = |method: Method, path: &str| {
        Call::new(method, path).bearer(&api.user(BOB)).header("prefer", "return=representation")
    };
    let answer = api.send(as_bob(Method::PATCH, "/notes?id=eq.1").json(&json!({"text": "bob's"}))).await;
    assert_eq!(answer.json(), json!([]));
    assert_eq!(api.send(as_bob(Method::DELETE, "/notes")).await.json(), json!([]));
    let answer = api.send(as_bob(Method::POST, "/notes").json(&json!({"text": "x", "owner": ANNE}))).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (403, json!("42501")));
    let answer = api.send(Call::post("/notes", &json!({"text": "x", "owner": ANNE}))).await;
    assert_eq!(answer.status, 401);
    assert_eq!(api.db.value::<i64>("select count(*) from public.notes where text = 'anne''s'").await, 1);
}

#[tokio::test]
async fn statements_can_ask_about_the_request() {
    let api = Api::new(NOTES).await;
    let call = Call::get("/rpc/about").bearer(&api.user(ANNE)).header("user-agent", "t/1").header("cookie", "a=b; c=d");
    assert_eq!(
        api.send(call).await.json(),
        json!({
            "user": "authenticated", "sub": ANNE, "role": "authenticated", "method": "GET", "path": "/rpc/about",
            "agent": "t/1", "cookie": "b", "cookie_header": null, "search_path": "\"public\", \"public\", \"extensions\""
        })
    );
    let answer = api.send(Call::get("/rpc/about")).await.json();
    assert_eq!(
        (answer["user"].clone(), answer["sub"].clone(), answer["role"].clone()),
        (json!("anon"), Value::Null, json!("anon"))
    );
}

#[tokio::test]
async fn callers_over_shared_connections_stay_apart() {
    let api = Api::new(NOTES).await;
    let ids: Vec<String> = (0..20).map(|n| format!("00000000-0000-4000-8000-{n:012}")).collect();
    for id in &ids {
        insert(&api, id, id).await;
    }
    let requests = (0..400).map(|n| {
        let (id, router) = (ids[n * 7 % ids.len()].clone(), api.router.clone());
        let call = Call::get("/notes?select=text").bearer(&api.user(&id));
        tokio::spawn(async move { (call.send(&router).await.json(), json!([{"text": id}])) })
    });
    for request in requests.collect::<Vec<_>>() {
        let (seen, own) = request.await.expect("no panic");
        assert_eq!(seen, own);
    }
    assert_eq!(api.rows("/notes").await, json!([]));
}

#[tokio::test]
async fn the_pre_request_function_may_refuse() {
    let sql = format!(
        "{NOTES} create function public.gate() returns void language plpgsql as $$ begin
        if current_setting('request.headers', true)::json ->> 'x-open' is null then
          raise sqlstate 'PT403' using message = 'closed'; end if; end $$;"
    );
    let pre_request = Some((Some("public".to_owned()), "gate".to_owned()));
    let api = Api::with(&sql, rest::Settings { pre_request, ..rest::Settings::default() }).await;
    let answer = api.get("/notes").await;
    assert_eq!((answer.status.as_u16(), answer.json()["message"].clone()), (403, json!("closed")));
    assert_eq!(api.send(Call::get("/notes").header("x-open", "1")).await.status, 200);
}
