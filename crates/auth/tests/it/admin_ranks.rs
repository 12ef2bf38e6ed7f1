//! Pages of `GET /admin/users` where there are many users: found by counted stretches of the list.

use serde_json::Value;
use testkit::{Call, project};

use crate::support::{Service, text};

/// Adds users whose times of creation are scattered, and partly the same.
async fn add(service: &Service, from: u32, to: u32) {
    let sql = format!(
        "insert into auth.users (instance_id, id, aud, role, email, created_at, updated_at)
         select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated',
           'user' || n || '@example.com', '2026-01-01T00:00:00Z'::timestamptz + (n * 7919 % 1000) * interval '1 minute',
           now()
         from generate_series({from}, {to}) as n"
    );
    service.db.sql(&sql).await;
}

async fn page(service: &Service, page: usize, per_page: usize, direction: &str) -> (Vec<String>, usize) {
    let path = format!("/admin/users?page={page}&per_page={per_page}&sort=created_at%20{direction}");
    let answer = service.send(Call::get(&path).bearer(&project::service_token())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let total = answer.header("x-total-count").parse().expect("a number");
    let users = answer.json()["users"].as_array().cloned().unwrap_or_default();
    (users.iter().map(|user: &Value| text(user, "id").to_owned()).collect(), total)
}

/// Compares pages from all over the list with the list as a whole.
async fn compare(service: &Service) {
    for direction in ["asc", "desc"] {
        let sql = format!("select id::text from auth.users order by created_at {direction}, id {direction}");
        let rows = service.db.query(&sql, &[]).await;
        let all: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        for (number, per_page) in
            [(1, 10), (2, 999), (37, 50), (4, 1000), (all.len() / 7 + 1, 7), (all.len() / 7 + 2, 7)]
        {
            let start = ((number - 1) * per_page).min(all.len());
            let expected = &all[start..(start + per_page).min(all.len())];
            let (ids, total) = page(service, number, per_page, direction).await;
            assert_eq!((&*ids, total), (expected, all.len()), "{direction}, page {number} of {per_page}");
        }
    }
}

#[tokio::test]
async fn every_page_is_exact_while_users_come_and_go() {
    let service = Service::new().await;
    add(&service, 1, 900).await;
    compare(&service).await;
    assert_eq!(service.count("vestibule.user_moves").await, 900, "few are added up by the reader");
    add(&service, 901, 9000).await;
    compare(&service).await;
    assert_eq!(service.count("vestibule.user_moves").await, 0, "many are put into blocks by it");
    assert_eq!(service.count("vestibule.user_blocks").await, 3);
    add(&service, 9001, 9300).await;
    service.db.sql("delete from auth.users where email like '%7@example.com'").await;
    service.db.sql("update auth.users set created_at = created_at + interval '1 day' where email like '%11@%'").await;
    service.db.sql("update auth.users set aud = 'elsewhere' where email like '%12@%'").await;
    service.db.sql("update auth.users set aud = 'authenticated' where aud = 'elsewhere'").await;
    assert_ne!(service.count("vestibule.user_moves").await, 0);
    compare(&service).await;
    service.db.sql("select vestibule.fold_users()").await;
    assert_eq!(service.count("vestibule.user_moves").await, 0);
    compare(&service).await;
    add(&service, 10000, 17000).await;
    service.db.sql("select vestibule.fold_users()").await;
    compare(&service).await;
    service.db.sql("truncate auth.users cascade").await;
    compare(&service).await;
}

#[tokio::test]
async fn an_import_leaves_nothing_behind_that_lists_would_have_to_read() {
    let service = Service::new().await;
    add(&service, 1, 10).await;
    // Of very many users that came and went.
    let moves = "insert into vestibule.user_moves (aud, at, id, change)
        select 'authenticated', now(), gen_random_uuid(), change from generate_series(1, 30000), unnest(array[1, -1]) change";
    service.db.sql(moves).await;
    compare(&service).await;
    let pages = "select pg_relation_size('vestibule.user_moves') / current_setting('block_size')::int";
    assert!(service.db.value::<i64>(pages).await < 2, "dead rows are gone");
}

#[tokio::test]
async fn users_that_were_changed_behind_the_back_of_the_triggers_are_counted_anew() {
    let service = Service::new().await;
    add(&service, 1, 20).await;
    service
        .db
        .sql("set session_replication_role = replica; delete from auth.users where email = 'user2@example.com'")
        .await;
    assert_eq!(page(&service, 1, 10, "asc").await.1, 19, "which restores set, does not switch them off");
    service.db.sql("alter table auth.users disable trigger all").await;
    add(&service, 21, 40).await;
    service.db.sql("delete from auth.users where email = 'user1@example.com'").await;
    service.db.sql("alter table auth.users enable trigger all").await;
    let (ids, total) = page(&service, 1, 100, "asc").await;
    assert_eq!((ids.len(), total), (38, 38));
}
