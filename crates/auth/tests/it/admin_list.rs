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

/// Answers the emails that a list of conditions leaves, oldest first, whichever way it is asked for.
async fn chosen(service: &Service, query: &str) -> Vec<String> {
    let page = emails(&list(service, &format!("?sort=created_at%20asc&per_page=50&{query}")).await);
    let slice = emails(&list(service, &format!("?sort=created_at%20asc&limit=50&{query}")).await);
    assert_eq!(page, slice, "{query}");
    page
}

#[tokio::test]
async fn users_are_chosen_by_what_is_known_of_them() {
    let service = service().await;
    let sql = "
        update auth.users set email_confirmed_at = now(), role = 'editor', last_sign_in_at = '2026-02-01'
        where email like 'user1@%';
        update auth.users set banned_until = now() + interval '1 day', is_sso_user = true where email like 'user2@%';
        update auth.users set banned_until = now() - interval '1 day', deleted_at = now() where email like 'user3@%';
        update auth.users set is_anonymous = true, raw_app_meta_data = '{\"plan\": {\"name\": \"pro\"}, \"a\": 1}'
        where email like 'user4@%';
        update auth.users set raw_user_meta_data = '{\"tags\": [\"x\", \"y\"]}' where email like 'user5@%';
        insert into auth.identities (provider_id, user_id, identity_data, provider)
        select 'x', id, '{}', 'github' from auth.users where email like 'user6@%';
        insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at)
        select gen_random_uuid(), id, 'totp', case when email like 'user7@%' then 'verified' else 'unverified' end
          ::auth.factor_status, now(), now() from auth.users where email like 'user7@%' or email like 'user1@%';
        insert into auth.sessions (id, user_id, aal) select gen_random_uuid(), id, 'aal2' from auth.users
        where email like 'user7@%'";
    service.db.sql(sql).await;
    for (query, expected) in [
        ("confirmed=true", &["user1"][..]),
        ("confirmed=false&created_before=2026-01-01T00:04:00Z", &["user2", "user3"]),
        ("role=editor", &["user1"]),
        ("banned=true", &["user2"]),
        ("sso=true", &["user2"]),
        ("deleted=true", &["user3"]),
        ("deleted=true&banned=true", &[]),
        ("anonymous=true", &["user4"]),
        ("app_metadata=%7B%22plan%22:%7B%22name%22:%22pro%22%7D%7D", &["user4"]),
        ("user_metadata=%7B%22tags%22:%5B%22y%22%5D%7D", &["user5"]),
        ("provider=github", &["user6"]),
        ("mfa=true", &["user7"]),
        ("aal=aal2", &["user7"]),
        ("created_after=2026-01-01T00:06:00%2B00:00", &["user6", "user7"]),
        ("last_sign_in_after=2026-02-01&last_sign_in_before=2026-02-02", &["user1"]),
        ("filter=User%20No&created_after=2026-01-01T00:06:00Z", &["user6", "user7"]),
        ("filter=example.com&provider=github", &["user6"]),
    ] {
        assert_eq!(chosen(&service, query).await, expected, "{query}");
    }
    assert_eq!(emails(&list(&service, "?email=user6@example.com&provider=github").await), ["user6"]);
    assert_eq!(emails(&list(&service, "?email=user5@example.com&provider=github").await).len(), 0);
    // Times that the database cannot know, and a number as it is written.
    let cursor = "eyJjcmVhdGVkX2F0IjoiLTAwOTk5OS0wMS0wMlQwMTo1OTo1OVoiLCJpZCI6IjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCJ9";
    for query in
        ["created_before=-004800-01-01", "last_sign_in_after=-009000-01-01", &format!("limit=1&cursor={cursor}")]
    {
        assert_error(&list(&service, &format!("?{query}")).await, 400, "validation_failed");
    }
    service.db.sql("update auth.users set phone = '491511234567' where email like 'user6@%'").await;
    assert_eq!(emails(&list(&service, "?phone=%2B49%20151%201234567").await), ["user6"]);
    for name in ["banned", "aal", "created_after", "last_sign_in_before", "app_metadata"] {
        let refused = list(&service, &format!("?{name}=what")).await;
        assert_error(&refused, 400, "validation_failed");
        assert!(text(&refused.json(), "msg").contains(name), "{}", refused.text());
    }
}

#[tokio::test]
async fn parts_of_texts_are_found_wherever_they_are() {
    let service = service().await;
    let long = format!("{}needle", "x".repeat(400));
    let set = |user: u8, name: &str| {
        format!(
            "update auth.users set raw_user_meta_data = jsonb_build_object('full_name', '{name}')
             where email = 'user{user}@example.com'"
        )
    };
    for sql in [set(1, &long), set(2, "ÄRGER & Söhne"), set(3, "50%_off")] {
        service.db.sql(&sql).await;
    }
    for (filter, expected) in [
        ("needle", &["user1"][..]),
        ("ärger", &["user2"]),
        ("%C3%B6hne", &["user2"]),
        ("5", &["user3", "user5"]),
        ("50%25off", &["user3"]),
        ("0%5C%25_off", &["user3"]),
        ("ser_%40exam", &["user1", "user2", "user3", "user4", "user5", "user6", "user7"]),
        ("comuser", &[]),
    ] {
        assert_eq!(chosen(&service, &format!("filter={filter}")).await, expected, "{filter}");
    }
}
