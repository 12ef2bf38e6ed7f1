//! The schema cache follows the schema.

use serde_json::json;

use crate::api::Api;

#[tokio::test]
async fn a_notification_reloads_the_schema() {
    let api = Api::new("").await;
    assert_eq!(api.get("/later").await.json()["code"], "PGRST205");
    for (table, payload) in [("later", "'reload schema'"), ("later_still", "''")] {
        let changed = api.state.schema_changed();
        let sql = format!(
            "create table public.{table} (id int); grant select on public.{table} to anon; select pg_notify('pgrst', {payload});"
        );
        let ((), ()) = tokio::join!(changed, api.db.sql(&sql));
        assert_eq!(api.rows(&format!("/{table}")).await, json!([]));
    }
}

#[tokio::test]
async fn statements_survive_a_changed_table() {
    let api =
        Api::new("create table public.t (id int); insert into public.t values (1); grant select on public.t to anon;")
            .await;
    assert_eq!(api.rows("/t").await, json!([{"id": 1}]));
    api.db.sql("alter table public.t add column b text default 'x';").await;
    assert_eq!(api.rows("/t").await, json!([{"id": 1, "b": "x"}]));
}

#[tokio::test]
async fn two_thousand_tables_load_fast() {
    let api = Api::new(
        "do $$ begin for n in 1..2000 loop
           execute format('create table public.t%s (id int primary key, a text, b int references public.t%s, c timestamptz default now())', n, greatest(n - 1, 1));
         end loop; end $$;",
    )
    .await;
    let start = std::time::Instant::now();
    api.state.reload().await.expect("the schema loads");
    let took = start.elapsed();
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
    assert_eq!(api.rows("/t2000?select=t1999(id)").await, json!([]));
}
