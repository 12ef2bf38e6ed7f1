//! `GET /admin/users`.

use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::support::{Service, assert_error, text};

async fn list(service: &Service, query: &str) -> Answer {
    service.send(Call::get(&format!("/admin/users{query}")).bearer(&project::service_token())).await
}

/// Seven users, a minute apart.
async fn service() -> Service {
    let service = Service::new().await;
    service
        .db
        .sql(
            "insert into auth.users (instance_id, id, aud, role, email, raw_user_meta_data, created_at, updated_at)
         select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated',
           'user' || n || '@example.com', jsonb_build_object('full_name', 'User No ' || n),
           '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 minute', now()
         from generate_series(1, 7) as n",
        )
        .await;
    service
}

fn emails(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let users = answer.json()["users"].as_array().cloned().unwrap_or_default();
    users.iter().map(|user| text(user, "email").trim_end_matches("@example.com").to_owned()).collect()
}

/// Behaviour 113: pages carry the total and links.
#[tokio::test]
async fn pages_carry_the_total_and_links() {
    let service = service().await;
    let first = list(&service, "?per_page=3").await;
    assert_eq!(emails(&first), ["user7", "user6", "user5"]);
    assert_eq!(first.header("x-total-count"), "7");
    assert_eq!(
        first.header("link"),
        "</admin/users?page=2&per_page=3>; rel=\"next\", </admin/users?page=3&per_page=3>; rel=\"last\""
    );
    let last = list(&service, "?page=3&per_page=3&filter=user").await;
    assert_eq!(emails(&last), ["user1"]);
    assert_eq!(last.header("link"), "</admin/users?filter=user&page=3&per_page=3>; rel=\"last\"");
    let beyond = list(&service, "?page=9&per_page=3").await;
    assert_eq!((emails(&beyond).len(), beyond.header("x-total-count")), (0, "7"));
    let huge = list(&service, "?page=18446744073709551615&per_page=18446744073709551615").await;
    assert_eq!(emails(&huge).len(), 0);
    let empty = Service::new().await;
    let none = list(&empty, "").await;
    assert_eq!(none.json(), json!({"users": [], "aud": "authenticated"}));
    assert_eq!((none.header("x-total-count"), none.header("link")), ("0", "</admin/users?page=0>; rel=\"last\""));
}

/// Behaviour 114: listed users have no identities, a single one has.
#[tokio::test]
async fn listed_users_have_no_identities_and_factors() {
    let service = Service::new().await;
    service.sign_up("john@example.com").await;
    let user = list(&service, "").await.json()["users"][0].clone();
    assert_eq!(user["identities"], Value::Null);
    assert!(user.as_object().unwrap().contains_key("identities"));
    assert!(user.get("factors").is_none());
}

/// Behaviour 115: users are sorted by creation and filtered by text.
#[tokio::test]
async fn users_are_sorted_by_creation_and_filtered_by_text() {
    let service = service().await;
    assert_eq!(emails(&list(&service, "?sort=created_at%20asc&per_page=2").await), ["user1", "user2"]);
    assert_eq!(emails(&list(&service, "?sort=created_at+DESC&per_page=1").await), ["user7"]);
    assert_eq!(emails(&list(&service, "?filter=ser4").await), ["user4"]);
    assert_eq!(emails(&list(&service, "?filter=user%20NO%205").await), ["user5"]);
    assert_eq!(emails(&list(&service, "?filter=USER4%40").await).len(), 0, "addresses are case-sensitive");
    for query in
        ["?sort=email%20asc", "?sort=created_at%20sideways", "?page=x", "?page=-1", "?per_page=x", "?per_page=0"]
    {
        assert_error(&list(&service, query).await, 400, "validation_failed");
    }
}

#[tokio::test]
async fn only_one_audience_is_listed() {
    let service = service().await;
    service.db.sql("update auth.users set aud = 'elsewhere' where email = 'user1@example.com'").await;
    let call = Call::get("/admin/users").bearer(&project::service_token()).header("X-JWT-AUD", "elsewhere");
    let answer = service.send(call).await;
    assert_eq!(emails(&answer), ["user1"]);
    assert_eq!(answer.json()["aud"], "elsewhere");
    assert_eq!(list(&service, "").await.header("x-total-count"), "6");
}
