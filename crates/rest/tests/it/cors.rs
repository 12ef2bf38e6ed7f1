//! What browsers and proxies are told around the answer itself.

use http::Method;
use rest::Settings;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

fn preflight(origin: &str) -> Call {
    Call::new(Method::OPTIONS, "/films")
        .header("origin", origin)
        .header("access-control-request-method", "PATCH")
        .header("access-control-request-headers", "Prefer,X-Mine")
}

#[tokio::test]
async fn origins_are_left_to_whoever_stands_in_front_unless_they_are_set() {
    let api = Api::new(FILMS).await;
    let answer = api.send(Call::get("/films").header("origin", "http://a.example")).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert_eq!(api.send(preflight("http://a.example")).await.header("allow"), "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE");
}

#[tokio::test]
async fn any_origin_or_only_some_may_call() {
    let api = Api::with(FILMS, Settings { allowed_origins: Some(Vec::new()), ..Settings::default() }).await;
    let answer = api.send(preflight("http://a.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "Authorization, Prefer, X-Mine, Accept, Accept-Language, Content-Language"
    );
    let only = Some(vec!["http://a.example".to_owned()]);
    let api = Api::with(FILMS, Settings { allowed_origins: only, ..Settings::default() }).await;
    let answer = api.send(Call::get("/films").header("origin", "http://a.example")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://a.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let answer = api.send(Call::get("/films").header("origin", "http://b.example")).await;
    assert!(answer.status.is_success() && !answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn traces_and_times_are_told_when_asked_for() {
    let settings = Settings {
        trace_header: Some(http::HeaderName::from_static("x-request-id")),
        server_timing: true,
        ..Settings::default()
    };
    let api = Api::with(FILMS, settings).await;
    let answer = api.send(Call::get("/films").header("x-request-id", "abc")).await;
    assert_eq!(answer.header("x-request-id"), "abc");
    let stages: Vec<_> = answer
        .header("server-timing")
        .split(", ")
        .filter_map(|stage| stage.split(';').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(stages, ["jwt", "parse", "plan", "transaction", "response"]);
}

#[tokio::test]
async fn errors_can_be_short() {
    let api = Api::with(FILMS, Settings { verbose_errors: false, ..Settings::default() }).await;
    let answer = api.get("/filmz").await;
    let message = "Could not find the table 'public.filmz' in the schema cache";
    assert_eq!(answer.json(), json!({"code": "PGRST205", "message": message}));
}

#[tokio::test]
async fn old_names_of_embeds_work_with_a_warning_or_not_at_all() {
    let api = Api::new(FILMS).await;
    let path = "/directors?select=name,works:films(title)&films.id=eq.1&id=eq.1";
    let answer = api.get(path).await;
    assert_eq!(answer.json(), json!([{"name": "Agnès Varda", "works": [{"title": "Cléo de 5 à 7"}]}]));
    assert!(answer.header("warning").starts_with("299 Vestibule/"), "{}", answer.header("warning"));
    assert!(answer.header("warning").contains("`films` to `works`"));
    let api = Api::with(FILMS, Settings { legacy_target_names: false, ..Settings::default() }).await;
    let answer = api.get(path).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("PGRST108")));
}
