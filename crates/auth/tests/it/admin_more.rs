//! `GET /admin/users` by cursor and by exact address, `GET /admin/audit`, imported password hashes.

use auth::Settings;
use serde_json::{Value, json};
use testkit::{Answer, Call, project};

use crate::support::{PASSWORD, Service, assert_error, text};

async fn get(service: &Service, path: &str) -> Answer {
    service.send(Call::get(path).bearer(&project::service_token())).await
}

/// Seven users, of whom two were made at the same time and one at no time.
async fn service(settings: Settings) -> Service {
    let service = Service::with(settings).await;
    service
        .db
        .sql(
            "insert into auth.users (instance_id, id, aud, role, email, phone, created_at, updated_at)
         select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated',
           'user' || n || '@example.com', '49151' || n,
           case when n > 1 then '2026-01-01T00:00:00.123456Z'::timestamptz + n / 2 * interval '1 minute' end, now()
         from generate_series(1, 7) as n",
        )
        .await;
    service
}

fn emails(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let users = answer.json()["users"].as_array().cloned().unwrap_or_default();
    users.iter().map(|user| text(user, "email").to_owned()).collect()
}

#[tokio::test]
async fn a_list_by_cursor_has_everybody_once() {
    let service = service(Settings::default()).await;
    for sort in ["created_at%20desc", "created_at%20asc"] {
        let (mut all, mut path) = (Vec::new(), format!("/admin/users?limit=2&sort={sort}"));
        loop {
            let answer = get(&service, &path).await;
            all.extend(emails(&answer));
            assert_eq!(answer.header("x-total-count"), "");
            let pagination = answer.json()["pagination"].clone();
            let Some(cursor) = pagination["next_cursor"].as_str() else {
                assert_eq!((&pagination["has_more"], answer.header("link")), (&json!(false), ""));
                break;
            };
            assert_eq!(pagination["has_more"], true);
            assert!(answer.header("link").contains(&format!("cursor={cursor}")), "{}", answer.header("link"));
            path = format!("/admin/users?limit=2&sort={sort}&cursor={cursor}");
        }
        assert_eq!(all.len(), 7, "{all:?}");
        let without_time = if sort.ends_with("desc") { all.last() } else { all.first() };
        assert_eq!(without_time.map(String::as_str), Some("user1@example.com"));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 7);
    }
    let filtered = get(&service, "/admin/users?limit=5&filter=user3").await;
    assert_eq!(emails(&filtered), ["user3@example.com"]);
    for wrong in ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=e30"] {
        assert_error(&get(&service, &format!("/admin/users?{wrong}")).await, 400, "validation_failed");
    }
}

#[tokio::test]
async fn cursors_are_the_default_where_they_are_switched_on() {
    let service = service(Settings { cursor_pagination_enabled: true, ..Settings::default() }).await;
    assert_eq!(get(&service, "/admin/users").await.json()["pagination"]["has_more"], false);
    let paged = get(&service, "/admin/users?page=1").await;
    assert!(paged.json().get("pagination").is_none());
    assert_eq!(paged.header("x-total-count"), "7");
}

#[tokio::test]
async fn users_are_looked_up_by_exact_address_or_number() {
    let service = service(Settings::default()).await;
    assert_eq!(emails(&get(&service, "/admin/users?email=USER3@example.com").await), ["user3@example.com"]);
    assert_eq!(emails(&get(&service, "/admin/users?phone=%2B491514").await), ["user4@example.com"]);
    assert!(emails(&get(&service, "/admin/users?email=user").await).is_empty(), "no part of it");
    let both = get(&service, "/admin/users?email=user3@example.com&phone=491513").await;
    assert_error(&both, 400, "validation_failed");
}

#[tokio::test]
async fn the_audit_list_is_paged_and_searched() {
    let service = Service::new().await;
    service.sign_up_with("john@example.com", json!({"full_name": "John Doe"})).await;
    service.advance(1);
    service.sign_in("john@example.com", PASSWORD).await;
    service.sign_up("jane@example.com").await;
    let list = async |query: &str| get(&service, &format!("/admin/audit?{query}")).await;
    let all = list("").await;
    assert_eq!(all.status, 200, "{}", all.text());
    let total: usize = all.header("x-total-count").parse().expect("a number");
    let entries = all.json().as_array().expect("an array").clone();
    assert_eq!(entries.len(), total);
    let keys: Vec<_> = entries[0].as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(keys, ["created_at", "id", "ip_address", "payload"]);
    let times: Vec<_> = entries.iter().map(|entry| text(entry, "created_at")).collect();
    assert!(times.is_sorted_by(|one, other| one >= other), "{times:?}");
    let actors = |answer: &Answer| {
        let entries = answer.json().as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| text(&entry["payload"], "actor_username").to_owned()).collect::<Vec<_>>()
    };
    assert!(actors(&list("query=author:JOHN%20doe").await).iter().all(|actor| actor == "john@example.com"));
    assert!(!actors(&list("query=author:john@").await).is_empty());
    assert!(!actors(&list("query=action:LOGIN").await).is_empty());
    assert!(!actors(&list("query=type:team").await).is_empty());
    assert!(actors(&list("query=action:nothing").await).is_empty());
    assert_eq!(actors(&list("per_page=1").await).len(), 1);
    for wrong in ["query=login", "query=email:x"] {
        assert_error(&list(wrong).await, 400, "validation_failed");
    }
    assert_error(&service.send(Call::get("/admin/audit")).await, 401, "no_authorization");
}

/// Behaviour 104: administrators pass switches and strength, and may bring hashes.
#[tokio::test]
async fn password_hashes_of_many_kinds_are_imported_as_they_are() {
    let service = Service::new().await;
    let hashes = [
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$scrypt$ln=4,r=8,p=1$TmFDbC1zYWx0LTE2Ynl0ZQ$5/htjjavptdfEnE6QxaI7Q8ek6h4KmaPrXebm1+As4o",
        "$pbkdf2$1000$TmFDbC1zYWx0LTE2Ynl0ZQ$rKwADRcOus0vt56cxh4btTf/4GY",
        "$pbkdf2-sha256$i=1000,l=32$TmFDbC1zYWx0LTE2Ynl0ZQ$EVml8zgbQLWS/bQ6nZf7RDhY1FYuozsetz9lgmIxdJU",
    ];
    for (n, hash) in hashes.into_iter().enumerate() {
        let email = format!("user{n}@example.com");
        let body = json!({"email": email, "password_hash": hash, "email_confirm": true});
        let created = service.send(Call::post("/admin/users", &body).bearer(&project::service_token())).await;
        assert_eq!(created.status, 200, "{hash}: {}", created.text());
        assert_eq!(service.sign_in(&email, "password").await.status, 200, "{hash}");
        assert_error(&service.sign_in(&email, "Password").await, 400, "invalid_credentials");
        let stored: String =
            service.db.value(&format!("select encrypted_password::text from auth.users where email = '{email}'")).await;
        assert_eq!(stored, hash);
    }
    let body: Value = json!({"email": "odd@example.com", "password_hash": "$md5$x"});
    let refused = service.send(Call::post("/admin/users", &body).bearer(&project::service_token())).await;
    assert_error(&refused, 400, "validation_failed");
}
