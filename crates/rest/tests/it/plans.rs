//! Plans instead of answers, where the server allows them.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

const PLAN: &str = "application/vnd.pgrst.plan";

#[tokio::test]
async fn plans_are_refused_unless_switched_on() {
    let api = Api::new(FILMS).await;
    let answer = api.send(Call::get("/films").header("accept", PLAN)).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (406, json!("PGRST107")));
}

#[tokio::test]
async fn plans_are_text_or_json_and_change_nothing() {
    let api = Api::with(FILMS, rest::Settings { plans: true, ..rest::Settings::default() }).await;
    let answer = api.send(Call::get("/films?id=eq.1").header("accept", PLAN)).await;
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.pgrst.plan+text; for=\"application/json\"; charset=utf-8"
    );
    assert!(answer.text().contains("Aggregate") && answer.text().contains("films_pkey"), "{}", answer.text());
    let media = "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|verbose";
    let answer = api.send(Call::get("/films").header("accept", media)).await;
    assert_eq!(
        answer.header("content-type"),
        "application/vnd.pgrst.plan+json; for=\"text/csv\"; options=analyze|verbose; charset=utf-8"
    );
    assert!(answer.json()[0]["Execution Time"].is_number(), "{}", answer.text());
    let delete = Call::new(Method::DELETE, "/films").header("accept", &format!("{PLAN}+json; options=analyze"));
    assert!(api.send(delete).await.json()[0]["Plan"].is_object());
    assert_eq!(api.db.value::<i64>("select count(*) from public.films").await, 4);
}
