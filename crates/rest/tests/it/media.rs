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
