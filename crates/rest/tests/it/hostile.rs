//! Input that wants to do harm: never a panic, never a 5xx, nothing changed.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

const NASTY: [&str; 14] = [
    "'; drop table films; --",
    "\"; drop table films; --",
    "1) or (1=1",
    "$1",
    "$$x$$",
    "\\'",
    "{\"a\",\\",
    "%00",
    "\u{202e}\u{0}",
    "pgrst_source",
    "*",
    "a::text)",
    "(select 1)",
    "🦀é",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn metacharacters_do_no_harm_in_any_position() {
    let api = Api::new(FILMS).await;
    for nasty in NASTY {
        let text = encoded(nasty);
        let quoted = encoded(&format!("\"{}\"", nasty.replace('\\', "\\\\").replace('"', "\\\"")));
        for path in [
            format!("/films?title=eq.{text}"),
            format!("/films?title=like.{text}"),
            format!("/films?title=match.{text}"),
            format!("/films?title=in.({text})"),
            format!("/films?title=in.({quoted})"),
            format!("/films?tags=cs.{{{text}}}"),
            format!("/films?title=fts({text}).x"),
            format!("/films?title=fts.{text}"),
            format!("/films?data->>{text}=eq.1"),
            format!("/films?data->{quoted}=eq.1"),
            format!("/films?{text}=eq.1"),
            format!("/films?{quoted}=eq.1"),
            format!("/films?or=({text}.eq.1)"),
            format!("/films?or=(title.eq.{quoted},{quoted}.eq.1)"),
            format!("/films?select={text}"),
            format!("/films?select={quoted}"),
            format!("/films?select=a:{quoted}::{text}"),
            format!("/films?select={quoted}:id"),
            format!("/films?select=id::{text}"),
            format!("/films?select={quoted}(id)"),
            format!("/films?select=directors!{quoted}(id)"),
            format!("/films?select={quoted}:directors({quoted}:name)"),
            format!("/films?order={text}"),
            format!("/films?order={quoted}.desc"),
            format!("/films?order=directors({quoted})&select=directors(id)"),
            format!("/films?limit={text}"),
            format!("/films?offset={text}"),
            format!("/{text}"),
            format!("/rpc/{text}?{quoted}=1"),
        ] {
            let answer = api.get(&path).await;
            assert!(answer.status.as_u16() < 500, "{path}: {} {}", answer.status, answer.text());
        }
        let body = json!({"title": nasty, "data": {nasty: nasty}});
        let answer = api.send(Call::post("/films", &body)).await;
        assert!(answer.status.as_u16() < 500, "{nasty}: {}", answer.text());
        let path = format!("/films?columns={quoted}&on_conflict={quoted}");
        let answer = api.write(Method::POST, &path, "resolution=merge-duplicates", &json!({nasty: 1})).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.text());
    }
    assert_eq!(api.rows("/films?select=id&id=lte.4&order=id").await.as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn values_round_trip() {
    let api = Api::new(FILMS).await;
    for (index, nasty) in NASTY.iter().filter(|text| !text.contains('\0')).enumerate() {
        let id = 100 + index;
        assert_eq!(api.send(Call::post("/films", &json!({"id": id, "title": nasty}))).await.status, 201);
        let rows = api.rows(&format!("/films?select=id,title&title=eq.{}", encoded(nasty))).await;
        assert_eq!(rows, json!([{"id": id, "title": nasty}]));
    }
}

#[tokio::test]
async fn broken_text_is_a_client_error() {
    let api = Api::new(FILMS).await;
    for path in ["/films?title=eq.%FF", "/films?%FF=eq.1", "/%FF", "/films?title=eq.%00", "/films?select=%22a%00b%22"] {
        let answer = api.get(path).await;
        assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.text());
    }
    let post = |body: Vec<u8>| Call::new(Method::POST, "/films").header("content-type", "application/json").body(body);
    for body in
        [&b"{\"title\": \"\xff\"}"[..], b"{\"title\": \"\\u0000\"}", b"{\"data\": \"\\ud800\"}", b"{\"title\": \"\0\"}"]
    {
        let answer = api.send(post(body.to_vec())).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
}

#[tokio::test]
async fn empty_names_are_refused_before_the_database_is_asked() {
    let api = Api::new(FILMS).await;
    for query in ["%20=eq.1", "%22%22=eq.1", "order=%22%22", "order=%20", "select=%22%22", "or=(%22%22.eq.1)"] {
        let answer = api.get(&format!("/films?{query}")).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &json!("PGRST100")), "{query}");
    }
}

#[tokio::test]
async fn depth_is_bounded_everywhere() {
    let api = Api::new(FILMS).await;
    let n = 5_000;
    for path in [
        format!("/films?select={}id{}", "directors(".repeat(n), ")".repeat(n)),
        format!("/films?or={}(id.eq.1){}", "(and".repeat(n), ")".repeat(n)),
        format!("/films?select=data{}", "->a".repeat(n)),
        format!("/films?{}=eq.1", "a.".repeat(n)),
    ] {
        let answer = api.get(&path).await;
        assert!(
            answer.status.is_client_error(),
            "{}: {}",
            answer.status,
            answer.text().chars().take(200).collect::<String>()
        );
    }
    let body = format!("{{\"title\": \"x\", \"data\": {}{}}}", "[".repeat(200_000), "]".repeat(200_000));
    let post = Call::new(Method::POST, "/films").header("content-type", "application/json").body(body);
    assert_eq!(api.send(post).await.status, 400);
}

#[tokio::test]
async fn large_bodies_are_taken_or_refused() {
    let api = Api::with(FILMS, rest::Settings { max_body_bytes: 3 * 1024 * 1024, ..rest::Settings::default() }).await;
    let post = |bytes: usize| Call::post("/films", &json!({"title": "x".repeat(bytes)}));
    assert_eq!(api.send(post(2 * 1024 * 1024)).await.status, 201);
    let answer = api.send(post(4 * 1024 * 1024)).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (413, json!("PGRST102")));
}

/// Names that no answer may tell: in a schema that is not exposed.
const HIDDEN: &str = "
    create schema hidden;
    create table hidden.salaries (id int primary key, film_id int references public.films);
    create table hidden.paid (film_id int references public.films, director_id int references public.directors);
    create function hidden.raise_salary(n int) returns int language sql as 'select n';
    create function public.f(a text) returns text language sql as 'select a';";

/// A call as a block of the corpus has it: method and path, headers, an empty line, the body.
fn call(request: &str) -> Option<(Method, Call)> {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let method: Method = method.parse().ok()?;
    let path = path.parse::<http::Uri>().ok()?.to_string();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let call = headers.fold(Call::new(method.clone(), &path), |call, (name, value)| call.header(name, value));
    Some((method, call.body(body.to_owned())))
}

#[tokio::test]
async fn the_corpus_gets_orderly_answers_that_tell_no_hidden_names() {
    let api = Api::new(&format!("{FILMS}{HIDDEN}")).await;
    let mut refused = 0;
    for request in include_str!("../hostile/requests.txt").split("\n===\n") {
        let Some((method, call)) = call(request) else { continue };
        let answer = api.send(call).await;
        let text = answer.text();
        assert!(answer.status.as_u16() < 500, "{request}\n{} {text}", answer.status);
        // What the client said itself may be said back.
        for name in ["salaries", "paid", "raise_salary", "hidden.", "salary"] {
            assert!(!text.contains(name) || request.contains(name), "{request}\n{text}");
        }
        if answer.status.is_client_error() && method != Method::HEAD {
            refused += 1;
            let body = answer.json();
            let keys: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
            assert_eq!(keys, ["code", "details", "hint", "message"], "{request}\n{text}");
            assert!(body["code"].as_str().is_some_and(|code| !code.is_empty()), "{request}\n{text}");
            assert!(!body["hint"].as_str().unwrap_or_default().contains("salar"), "{request}\n{text}");
        }
    }
    assert!(refused >= 100, "{refused}");
    assert_eq!(api.rows("/films?select=id&id=lte.4&order=id").await.as_array().map(Vec::len), Some(4));
}
