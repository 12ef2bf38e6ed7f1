//! Media types that the schema itself serves.

use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

const MEDIA: &str = "
    create domain public.\"text/plain\" as text;
    create domain public.\"image/png\" as bytea;
    create domain public.\"text/vnd.list\" as text;
    create function public.greeting(name text) returns public.\"text/plain\" immutable language sql as $$ select 'hello ' || name $$;
    create function public.picture() returns public.\"image/png\" immutable language sql as $$ select '\\x89504e47ff'::bytea $$;
    create function public.add_title(state text, film public.films) returns text immutable language sql
      as $$ select concat_ws(',', state, film.title) $$;
    create function public.as_list(state text) returns public.\"text/vnd.list\" immutable language sql as 'select state';
    create aggregate public.titles(public.films) (sfunc = public.add_title, stype = text, finalfunc = public.as_list);
    grant execute on all functions in schema public to anon;";

#[tokio::test]
async fn functions_and_aggregates_make_bodies() {
    let api = Api::new(&format!("{FILMS}{MEDIA}")).await;
    let accept = |path: &str, media: &str| Call::get(path).header("accept", media);
    let answer = api.send(accept("/rpc/greeting?name=you", "text/plain")).await;
    assert_eq!((answer.text().as_str(), answer.header("content-type")), ("hello you", "text/plain; charset=utf-8"));
    let answer = api.send(accept("/rpc/picture", "image/png")).await;
    assert_eq!((answer.body.as_ref(), answer.header("content-type")), (&b"\x89PNG\xff"[..], "image/png"));
    let answer = api.send(accept("/films?id=in.(2,3)", "text/vnd.list")).await;
    assert_eq!((answer.text().as_str(), answer.header("content-type")), ("Ikiru,Ran", "text/vnd.list"));
    let answer = api.send(accept("/films?select=id", "text/vnd.list")).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (406, json!("PGRST107")));
    assert_eq!(api.rows("/rpc/greeting?name=you").await, json!("hello you"));
}

#[tokio::test]
async fn domains_are_shown_and_read_by_their_casts() {
    let sql = "
        create domain public.color as int check (value between 0 and 16777215);
        create function public.color_json(public.color) returns json immutable language sql as $$ select to_json('#' || lpad(to_hex($1), 6, '0')) $$;
        create function public.color_of(text) returns public.color immutable language plpgsql as $$ begin
          return ('x' || lpad(replace($1, '#', ''), 8, '0'))::bit(32)::int; end $$;
        create function public.color_of(json) returns public.color immutable language sql as $$ select public.color_of($1 #>> '{}') $$;
        create cast (public.color as json) with function public.color_json(public.color) as implicit;
        create cast (text as public.color) with function public.color_of(text) as implicit;
        create cast (json as public.color) with function public.color_of(json) as implicit;
        create table public.pens (id int primary key, ink public.color);
        insert into public.pens values (1, 255), (2, 65280);
        grant select, insert, update on public.pens to anon;";
    let api = Api::new(sql).await;
    assert_eq!(api.rows("/pens?order=id").await, json!([{"id": 1, "ink": "#0000ff"}, {"id": 2, "ink": "#00ff00"}]));
    assert_eq!(api.rows("/pens?select=id&ink=eq.%23ff").await, json!([{"id": 1}]));
    assert_eq!(api.rows("/pens?select=tint:ink&ink=in.(%2300ff00,%23000001)").await, json!([{"tint": "#00ff00"}]));
    let row = json!({"id": 3, "ink": "#ff0000"});
    let answer = api.write(http::Method::POST, "/pens", "return=representation", &row).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, json!([row])));
    assert_eq!(api.db.value::<i32>("select ink::int from public.pens where id = 3").await, 16_711_680);
}
