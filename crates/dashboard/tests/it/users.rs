//! Users: listing, searching, changing, deleting.

use http::Method;
use serde_json::{Value, json};

use crate::console::{Browser, Console, refused};

fn emails(page: &Value) -> Vec<&str> {
    page["users"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

/// All pages of a list, each of `limit` users.
async fn pages(browser: &Browser<'_>, limit: u32) -> Vec<String> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = browser.read(&format!("/users?limit={limit}&cursor={cursor}")).await;
        assert!(page["users"].as_array().unwrap().len() <= limit as usize);
        seen.extend(emails(&page).into_iter().map(str::to_owned));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn pages_follow_each_other_over_ties_and_missing_times() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "insert into auth.users (id, email, created_at)
             select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'u' || n || '@x.y',
                    case when n <= 12 then timestamptz '2024-01-01 00:00:00.123456+00' + (n / 4) * interval '1 us' end
             from generate_series(1, 20) n",
        )
        .await;
    let browser = console.owner().await;
    let whole = pages(&browser, 500).await;
    assert_eq!(whole[..3], ["u12@x.y", "u11@x.y", "u10@x.y"]);
    assert_eq!(whole[12..15], ["u20@x.y", "u19@x.y", "u18@x.y"]);
    assert_eq!(whole.len(), 20);
    for limit in [1, 3, 7, 12, 20] {
        assert_eq!(pages(&browser, limit).await, whole, "pages of {limit}");
    }
    assert_eq!(browser.read("/users?limit=1").await["total"], 20);
}

#[tokio::test]
async fn a_user_looks_as_the_admin_api_shows_it() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "insert into auth.users (id, aud, role, email, encrypted_password, recovery_token, created_at, updated_at,
                 raw_app_meta_data, raw_user_meta_data, email_change)
             values ('11111111-2222-3333-4444-555555555555', 'authenticated', 'authenticated', 'a@b.c', 'hash', 'token',
                 '2024-05-06 07:08:09.5+00', '2024-05-06 07:08:09.5+00', '{\"provider\": \"email\"}', '{\"n\": null}', '')",
        )
        .await;
    let browser = console.owner().await;
    let page = browser.read("/users").await;
    assert_eq!(
        page,
        json!({
            "users": [{
                "id": "11111111-2222-3333-4444-555555555555", "aud": "authenticated", "role": "authenticated",
                "email": "a@b.c", "phone": "", "app_metadata": {"provider": "email"}, "user_metadata": {"n": null},
                "created_at": "2024-05-06T07:08:09.5+00:00", "updated_at": "2024-05-06T07:08:09.5+00:00",
                "is_anonymous": false, "is_sso_user": false, "identities": null,
            }],
            "next_cursor": null,
            "total": 1,
        })
    );
}

#[tokio::test]
async fn a_search_finds_emails_phones_and_ids_and_takes_wildcards_literally() {
    let console = Console::new().await;
    console
        .db
        .sql(
            r"insert into auth.users (id, email, phone, created_at) values
                ('aaaaaaaa-0000-0000-0000-000000000001', 'Ann_100%@example.com', '4930111', '2024-01-03'),
                ('aaaaaaaa-1111-0000-0000-000000000002', 'ann-100x@example.com', '4930222', '2024-01-02'),
                ('bbbbbbbb-0000-0000-0000-000000000003', 'back\slash@example.com', '1234', '2024-01-01')",
        )
        .await;
    let browser = console.owner().await;
    let found = async |search: &str| {
        let page = browser.read(&format!("/users?search={search}")).await;
        let count = page["users"].as_array().unwrap().len();
        assert_eq!(page["total"], count);
        count
    };
    assert_eq!(found("ANN").await, 2);
    assert_eq!(found("ann_100").await, 1);
    assert_eq!(found("100%25").await, 1);
    assert_eq!(found("%25").await, 1);
    assert_eq!(found("%5C").await, 1);
    assert_eq!(found("%2B49+30").await, 2);
    assert_eq!(found("30111").await, 0);
    assert_eq!(found("aaaaaaaa-1").await, 1);
    assert_eq!(found("AAAAAAAA").await, 2);
    assert_eq!(found("bbbbbbbb-0000-0000-0000-000000000003").await, 1);
    assert_eq!(found("'%20or%20true--").await, 0);
    refused(&browser.get("/users?search=%00").await, 400, "invalid_request");
}

#[tokio::test]
async fn tampered_cursors_are_refused() {
    let console = Console::new().await;
    console.db.sql("insert into auth.users (id) select gen_random_uuid() from generate_series(1, 3)").await;
    let browser = console.owner().await;
    use base64::Engine;
    for inner in ["{}", "[]", r#"{"created_at":"never","id":"11111111-2222-3333-4444-555555555555"}"#, "x"] {
        let cursor = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(inner);
        refused(&browser.get(&format!("/users?cursor={cursor}")).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn users_are_made_changed_and_deleted_through_the_auth_service() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let metadata = json!({"name": "Ann", "age": 27, "gone": true});
    let created = browser.post("/users", &json!({"email": "u@example.com", "user_metadata": metadata})).await;
    assert_eq!(created.status, 200, "{}", created.text());
    let user = created.json();
    let path = format!("/users/{}", user["id"].as_str().unwrap());
    refused(&browser.post("/users", &json!({"email": "u@example.com"})).await, 422, "email_exists");
    refused(&browser.post("/users", &json!({"email": "v@example.com", "id": "x"})).await, 400, "invalid_request");

    let changed = browser.send(Method::PATCH, &path, &json!({"user_metadata": {"name": "Ann", "age": 28}})).await;
    assert_eq!(changed.json()["user_metadata"], json!({"name": "Ann", "age": 28}));
    let unwritable = browser.send(Method::PATCH, &path, &json!({"user_metadata": {"name": null}})).await;
    refused(&unwritable, 400, "invalid_request");

    let weak = browser.send(Method::PATCH, &path, &json!({"password": "x"})).await;
    refused(&weak, 422, "weak_password");
    assert!(weak.json()["detail"]["reasons"].is_array(), "{}", weak.text());
    let banned = browser.send(Method::PATCH, &path, &json!({"ban_duration": "24h"})).await.json();
    assert!(banned["banned_until"].is_string(), "{banned}");

    console
        .db
        .sql(&format!(
            "insert into auth.sessions (id, user_id, created_at, updated_at, ip, user_agent, aal, refreshed_at)
             values ('99999999-0000-0000-0000-000000000000', '{}', '2024-01-01Z', '2024-01-02Z', '192.0.2.5', 'curl',
                     'aal1', '2024-01-03')",
            user["id"].as_str().unwrap()
        ))
        .await;
    let detail = browser.read(&path).await;
    assert_eq!(detail["user"]["email"], "u@example.com");
    assert_eq!(detail["owned_objects"], json!({"total": 0, "buckets": []}));
    assert_eq!(
        detail["sessions"],
        json!([{
            "id": "99999999-0000-0000-0000-000000000000", "created_at": "2024-01-01T00:00:00+00:00",
            "updated_at": "2024-01-02T00:00:00+00:00", "refreshed_at": "2024-01-03T00:00:00+00:00",
            "ip": "192.0.2.5", "user_agent": "curl", "aal": "aal1", "not_after": null,
        }])
    );

    assert_eq!(browser.send(Method::DELETE, &format!("{path}?soft=true"), &json!({})).await.status, 204);
    assert_eq!(browser.send(Method::DELETE, &path, &json!({})).await.status, 204);
    refused(&browser.get(&path).await, 404, "user_not_found");
    refused(&browser.send(Method::DELETE, &path, &json!({})).await, 404, "user_not_found");
    refused(&browser.send(Method::DELETE, &format!("{path}?soft=maybe"), &json!({})).await, 400, "invalid_request");

    // The accounts' own audit log names the operator.
    let actors = "select jsonb_agg(distinct payload ->> 'actor_username') from auth.audit_log_entries";
    let operator: Value = console.db.value("select jsonb_agg(email) from vestibule.operators").await;
    assert_eq!(console.db.value::<Value>(actors).await, operator);
}

#[tokio::test]
async fn a_user_who_owns_files_is_not_deleted_and_the_answer_says_where_they_are() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let user = browser.post("/users", &json!({"email": "u@example.com"})).await.json();
    let id = user["id"].as_str().unwrap();
    console
        .db
        .sql(&format!(
            "insert into storage.buckets (id, name) values ('avatars', 'avatars'), ('docs', 'docs');
             insert into storage.objects (bucket_id, name, owner_id)
             values ('avatars', 'a', '{id}'), ('avatars', 'b', '{id}'), ('docs', 'c', '{id}'), ('docs', 'd', 'other')"
        ))
        .await;
    let answer = browser.send(Method::DELETE, &format!("/users/{id}?soft=false"), &json!({})).await;
    refused(&answer, 409, "user_owns_objects");
    let body = answer.json();
    assert_eq!(body["message"], "the user owns 3 storage objects (avatars: 2, docs: 1) and was not deleted");
    assert_eq!(body["detail"], json!({"objects": 3, "buckets": {"avatars": 2, "docs": 1}}));
    assert!(body["hint"].as_str().unwrap().contains(&format!("vestibule storage reassign --from {id}")));
    assert_eq!(browser.read(&format!("/users/{id}")).await["owned_objects"]["total"], 3);
    console.db.sql("update storage.objects set owner_id = 'other'").await;
    assert_eq!(browser.send(Method::DELETE, &format!("/users/{id}"), &json!({})).await.status, 204);
}

#[tokio::test]
async fn a_failing_trigger_shows_its_real_cause() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "create function public.handle_new_user() returns trigger language plpgsql as $$
             begin raise exception 'profiles are full' using errcode = 'ZZ123', hint = 'make room'; end $$;
             create trigger t after insert on auth.users for each row execute function public.handle_new_user()",
        )
        .await;
    let browser = console.owner().await;
    let answer = browser.post("/users", &json!({"email": "u@example.com"})).await;
    refused(&answer, 500, "unexpected_failure");
    let body = answer.json();
    assert_eq!(body["hint"], "make room");
    let detail = &body["detail"];
    assert_eq!(detail["function"], "public.handle_new_user");
    assert_eq!((&detail["sqlstate"], &detail["message"]), (&json!("ZZ123"), &json!("profiles are full")));
    let left: i64 = console.db.value("select count(*) from auth.users").await;
    assert_eq!(left, 0);
}
