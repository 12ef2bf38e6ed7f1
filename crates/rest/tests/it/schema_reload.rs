//! The schema cache follows the schema.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::api::Api;

const MANY_TABLES: &str = "
    do $$ begin for n in 1..2000 loop
      execute format('create table public.t%s (id int primary key, a text, b int references public.t%s, c timestamptz default now())', n, greatest(n - 1, 1));
    end loop; end $$;";

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
    let api = Api::new(MANY_TABLES).await;
    let start = Instant::now();
    api.state.reload().await.expect("the schema loads");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert_eq!(api.rows("/t2000?select=t1999(id)").await, json!([]));
}

/// Slowest of the requests that are sent one after the other while `during` runs.
async fn slowest(api: &Api, during: impl Future<Output = ()>) -> (Duration, usize) {
    let mut during = std::pin::pin!(during);
    let (mut slowest, mut sent) = (Duration::ZERO, 0);
    loop {
        let start = Instant::now();
        let answer = async { api.get("/t1?select=id").await.status };
        tokio::select! {
            biased;
            status = answer => assert_eq!(status, 200),
            () = &mut during => return (slowest, sent),
        }
        (slowest, sent) = (slowest.max(start.elapsed()), sent + 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_does_not_hold_up_requests() {
    let api = Api::new(&format!("{MANY_TABLES} grant select on public.t1 to anon;")).await;
    api.get("/t1?select=id").await;
    let reloads = async {
        for _ in 0..3 {
            api.state.reload().await.expect("the schema loads");
        }
    };
    let start = Instant::now();
    let (slowest, sent) = slowest(&api, reloads).await;
    let a_reload = start.elapsed() / 3;
    // Held up, a request would take as long as the reload does.
    assert!(sent >= 20 && slowest < a_reload / 2, "{sent} requests, the slowest in {slowest:?} of {a_reload:?}");
}
