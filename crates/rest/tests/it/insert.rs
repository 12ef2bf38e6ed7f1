//! POST on relations.

use http::Method;
use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

#[tokio::test]
async fn a_row_is_inserted() {
    let api = Api::new(FILMS).await;
    let answer = api.send(Call::post("/films", &json!({"title": "Playtime"}))).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (201, ""));
    assert_eq!(answer.header("content-range"), "*/*");
    assert!(!answer.headers.contains_key("content-type"));
    assert_eq!(
        api.rows("/films?select=title,year,rating,tags&id=eq.5").await,
        json!([{"title": "Playtime", "year": null, "rating": 5.0, "tags": []}])
    );
}

#[tokio::test]
async fn the_row_comes_back_when_asked_for() {
    let api = Api::new(FILMS).await;
    let prefer = "return=representation, count=exact";
    let answer = api
        .write(Method::POST, "/films?select=id,title", prefer, &json!({"title": "Playtime", "data": {"a": [1, "ü"]}}))
        .await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, json!([{"id": 5, "title": "Playtime"}])));
    assert_eq!(answer.header("preference-applied"), "return=representation, count=exact");
    assert_eq!(answer.header("content-range"), "*/1");
    assert_eq!(api.rows("/films?select=data&id=eq.5").await, json!([{"data": {"a": [1, "ü"]}}]));
}

#[tokio::test]
async fn the_place_is_told_when_asked_for() {
    let api = Api::new(FILMS).await;
    let answer = api.write(Method::POST, "/films", "return=headers-only", &json!({"title": "Playtime"})).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (201, "/films?id=eq.5"), "{}", answer.text());
    assert_eq!(answer.header("preference-applied"), "return=headers-only");
}

#[tokio::test]
async fn many_rows_are_inserted_at_once_or_none() {
    let api = Api::new(FILMS).await;
    let rows = json!([{"id": 10, "title": "A"}, {"id": 11, "title": "B"}]);
    assert_eq!(api.send(Call::post("/films", &rows)).await.status, 201);
    let rows = json!([{"id": 12, "title": "C"}, {"id": 10, "title": "D"}]);
    let answer = api.send(Call::post("/films", &rows)).await;
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["code"], "23505");
    assert_eq!(api.rows("/films?select=id&id=gte.10&order=id").await, json!([{"id": 10}, {"id": 11}]));
}

#[tokio::test]
async fn missing_keys_become_null_or_the_default() {
    let api = Api::new(FILMS).await;
    let rows = json!([{"id": 20, "title": "A", "rating": 1}, {"id": 21, "title": "B"}]);
    let path = "/films?columns=id,title,rating&select=rating";
    let answer = api.write(Method::POST, path, "return=representation", &rows).await;
    assert_eq!(answer.json(), json!([{"rating": 1.0}, {"rating": null}]));
    let rows = json!([{"title": "C", "rating": 1}, {"title": "D"}]);
    let path = "/films?columns=id,title,rating&select=id,rating";
    let answer = api.write(Method::POST, path, "return=representation, missing=default", &rows).await;
    assert_eq!(answer.json(), json!([{"id": 5, "rating": 1.0}, {"id": 6, "rating": 5.0}]));
    assert_eq!(answer.header("preference-applied"), "missing=default, return=representation");
}

#[tokio::test]
async fn empty_objects_are_rows_of_defaults() {
    let api = Api::new("create table public.d (id int generated always as identity, a text default 'x'); grant insert, select on public.d to anon;").await;
    let representation = "return=representation";
    assert_eq!(api.write(Method::POST, "/d", representation, &json!({})).await.json(), json!([{"id": 1, "a": "x"}]));
    let two = api.write(Method::POST, "/d", representation, &json!([{}, {}])).await;
    assert_eq!(two.json(), json!([{"id": 2, "a": "x"}, {"id": 3, "a": "x"}]));
    assert_eq!(api.write(Method::POST, "/d", representation, &json!([])).await.json(), json!([]));
}

#[tokio::test]
async fn bodies_that_cannot_be_used_are_refused() {
    let api = Api::new(FILMS).await;
    let post =
        |body: &'static str| Call::new(Method::POST, "/films").header("content-type", "application/json").body(body);
    for (body, code, message) in [
        ("", "PGRST102", "Empty or invalid json"),
        ("{\"title\": ", "PGRST102", "Empty or invalid json"),
        ("[{\"title\": \"a\"}, {\"year\": 1}]", "PGRST102", "All object keys must match"),
        ("{\"nothing\": 1}", "PGRST204", "Could not find the 'nothing' column of 'films' in the schema cache"),
    ] {
        let answer = api.send(post(body)).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!((answer.json()["code"].clone(), answer.json()["message"].clone()), (json!(code), json!(message)));
    }
    let answer = api.send(Call::new(Method::POST, "/films").header("content-type", "text/plain").body("x")).await;
    assert_eq!(answer.json()["message"], "Content-Type not acceptable: text/plain");
}

#[tokio::test]
async fn csv_and_forms_are_rows_too() {
    let api = Api::new(FILMS).await;
    let csv = Call::new(Method::POST, "/films")
        .header("content-type", "text/csv")
        .body("title,year\nA,2000\n\"B, C\",NULL\n");
    assert_eq!(api.send(csv).await.status, 201);
    assert_eq!(
        api.rows("/films?select=title,year&id=gt.4&order=id").await,
        json!([{"title": "A", "year": 2000}, {"title": "B, C", "year": null}])
    );
    let form = Call::new(Method::POST, "/directors")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("id=9&name=J.+Tati");
    assert_eq!(api.send(form).await.status, 201);
    assert_eq!(api.rows("/directors?select=name&id=eq.9").await, json!([{"name": "J. Tati"}]));
}

#[tokio::test]
async fn a_single_object_can_be_asked_for() {
    let api = Api::new(FILMS).await;
    let insert = |rows: serde_json::Value| {
        Call::post("/films?select=title", &rows)
            .header("prefer", "return=representation")
            .header("accept", "application/vnd.pgrst.object+json")
    };
    let answer = api.send(insert(json!({"title": "A"}))).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, json!({"title": "A"})));
    assert_eq!(api.send(insert(json!([{"title": "B"}, {"title": "C"}]))).await.status, 406);
    assert_eq!(api.rows("/films?select=title&title=in.(B,C)").await, json!([]));
}

#[tokio::test]
async fn views_have_the_defaults_of_their_tables() {
    let sql = format!(
        "{FILMS} create view public.ratings as select id, title, rating from public.films;
         grant select, insert on public.ratings to anon;"
    );
    let api = Api::new(&sql).await;
    let body = json!([{"title": "a", "rating": 1.0}, {"title": "b"}]);
    let path = "/ratings?columns=title,rating&select=title,rating";
    let answer = api.write(Method::POST, path, "return=representation, missing=default", &body).await;
    assert_eq!(answer.json(), json!([{"title": "a", "rating": 1.0}, {"title": "b", "rating": 5.0}]));
}
