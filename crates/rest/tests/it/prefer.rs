//! `Prefer`: counting, handling, time zone, the end of the transaction.

use http::Method;
use rest::settings::TxEnd;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn unknown_preferences_are_an_error_only_when_strict() {
    let api = Api::new(FILMS).await;
    let get = |prefer: &str| Call::get("/films?select=id&id=eq.1").header("prefer", prefer);
    let answer = api.send(get("handling=strict, something, else")).await;
    assert_eq!(answer.status, 400);
    assert_eq!(
        answer.text(),
        r#"{"code":"PGRST122","details":"Invalid preferences: something, else","hint":null,"message":"Invalid preferences given with handling=strict"}"#
    );
    let answer = api.send(get("handling=lenient, something")).await;
    assert_eq!(answer.header("preference-applied"), "handling=lenient");
    assert!(!api.send(get("something")).await.headers.contains_key("preference-applied"));
}

#[tokio::test]
async fn rows_are_counted() {
    let api = Api::new(&format!("{FILMS} analyze public.films;")).await;
    let get = |prefer: &str| Call::get("/films?select=id&limit=2").header("prefer", prefer);
    for prefer in ["count=exact", "count=planned", "count=estimated"] {
        let answer = api.send(get(prefer)).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-range")), (206, "0-1/4"), "{prefer}");
        assert_eq!(answer.header("preference-applied"), prefer);
    }
    assert_eq!(api.send(get("count=everything")).await.header("content-range"), "0-1/*");
}

#[tokio::test]
async fn what_a_function_returns_is_counted_exactly_or_not_at_all() {
    let sql =
        "create function public.numbers() returns setof int stable language sql as 'select generate_series(1, 40)';";
    let api = Api::with(sql, rest::Settings { max_rows: Some(10), ..rest::Settings::default() }).await;
    for (prefer, range) in [("count=exact", "0-1/40"), ("count=estimated", "0-1/40"), ("count=planned", "0-1/*")] {
        let answer = api.send(Call::get("/rpc/numbers?limit=2").header("prefer", prefer)).await;
        assert_eq!(answer.header("content-range"), range, "{prefer}");
    }
}

#[tokio::test]
async fn the_time_zone_is_that_of_the_client() {
    let sql = "create table public.t (at timestamptz); insert into public.t values ('2026-01-01T00:00:00Z'); grant select on public.t to anon;";
    let api = Api::new(sql).await;
    let get = |zone: &str| Call::get("/t").header("prefer", &format!("timezone={zone}"));
    let answer = api.send(get("America/Los_Angeles")).await;
    assert_eq!(answer.json(), json!([{"at": "2025-12-31T16:00:00-08:00"}]));
    assert_eq!(answer.header("preference-applied"), "timezone=America/Los_Angeles");
    let answer = api.send(get("Nowhere")).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("22023")));
}

#[tokio::test]
async fn the_end_of_the_transaction_can_be_chosen_where_that_is_allowed() {
    let settings = rest::Settings { tx_end: TxEnd::RollbackAllowOverride, ..rest::Settings::default() };
    let api = Api::with(FILMS, settings).await;
    let row = json!({"id": 9, "name": "x"});
    assert_eq!(api.write(Method::POST, "/directors", "", &row).await.status, 201);
    assert_eq!(api.rows("/directors?id=eq.9").await, json!([]));
    let answer = api.write(Method::POST, "/directors", "tx=commit", &row).await;
    assert_eq!(answer.header("preference-applied"), "tx=commit");
    assert_eq!(api.rows("/directors?id=eq.9").await, json!([row]));
    let api = Api::new(FILMS).await;
    api.write(Method::POST, "/directors", "tx=rollback", &row).await;
    assert_eq!(api.rows("/directors?id=eq.9").await, json!([row]));
}
