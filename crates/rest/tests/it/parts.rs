//! Long answers come in parts.

use http::Method;
use rest::Settings;
use serde_json::json;
use testkit::Call;

use crate::api::Api;

const MANY: &str = "
    create table public.many (id int primary key, text text not null);
    insert into public.many select n, repeat(chr(200 + n % 50), 200) from generate_series(1, 5000) n;
    grant select on public.many to anon;";

async fn api() -> Api {
    Api::with(MANY, Settings { max_rows: None, ..Settings::default() }).await
}

#[tokio::test]
async fn all_parts_together_are_what_the_database_prints() {
    let api = api().await;
    let answer = api.get("/many?order=id").await;
    let whole: String = api.db.value("select json_agg(m order by id)::text from public.many m").await;
    assert!(whole.len() > 4 * 262_144, "{}", whole.len());
    assert_eq!(answer.text(), whole);
    assert_eq!(answer.header("content-length"), whole.len().to_string());
    assert_eq!(answer.header("content-range"), "0-4999/*");
    let csv = api.send(Call::get("/many?order=id").header("accept", "text/csv")).await.text();
    assert_eq!((csv.lines().count(), csv.lines().next()), (5001, Some("id,text")));
}

#[tokio::test]
async fn short_answers_and_counts_are_as_ever() {
    let api = api().await;
    assert_eq!(api.rows("/many?id=lt.0").await, json!([]));
    assert_eq!(api.rows("/many?select=id&id=eq.7").await, json!([{"id": 7}]));
    let counted = async |count: &str| {
        let call = Call::get("/many?select=id").header("prefer", &format!("count={count}"));
        api.send(call).await.header("content-range").to_owned()
    };
    assert_eq!(counted("exact").await, "0-4999/5000");
    assert!(counted("planned").await.starts_with("0-4999/"));
    let head = api.send(Call::new(Method::HEAD, "/many")).await;
    assert_eq!((head.header("content-range"), head.body.len()), ("0-4999/*", 0));
}

#[tokio::test]
async fn errors_come_before_the_first_part_and_leave_the_connections_usable() {
    let api = api().await;
    for _ in 0..10 {
        let answer = api.get("/many?select=id,nothing").await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (400, json!("42703")));
    }
    api.db.sql("revoke select on public.many from anon").await;
    assert_eq!(api.get("/many").await.json()["code"], json!("42501"));
    // One after the other: in one transaction they could wait for each other with a reload of the schema.
    api.db.sql("grant select on public.many to anon").await;
    api.db.sql("alter table public.many add more int").await;
    // Prepared statements of before know the table without the column.
    for _ in 0..5 {
        assert_eq!(api.rows("/many?id=eq.1").await[0]["more"], json!(null));
    }
}
