//! The SQL editor: results, errors with their place, bounds, read-only mode, and cancelling.

use dashboard::Settings;
use serde_json::{Value, json};

use crate::console::{Console, refused};

#[tokio::test]
async fn results_come_as_text_with_names_types_and_notices() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let query = "create table public.t (id int, note text);
        insert into public.t values (1, 'ü'), (2, null), (3, '');
        select id, note, id > 1 as late, now() - now() as gap from public.t order by id;
        do $$ begin raise notice 'hello'; end $$;";
    let answer = browser.sql(query).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    let summary: Vec<_> =
        results.iter().map(|r| (r["command"].as_str().unwrap(), r["row_count"].as_u64().unwrap())).collect();
    assert_eq!(summary, [("CREATE TABLE", 0), ("INSERT", 3), ("SELECT", 3), ("DO", 0)]);
    assert_eq!(
        results[2]["columns"],
        json!([
            {"name": "id", "type": "int4"}, {"name": "note", "type": "text"},
            {"name": "late", "type": "bool"}, {"name": "gap", "type": "interval"},
        ])
    );
    assert_eq!(
        results[2]["rows"],
        json!([["1", "ü", "f", "00:00:00"], ["2", null, "t", "00:00:00"], ["3", "", "t", "00:00:00"]])
    );
    assert_eq!(results[2]["truncated"], false);
    assert!(results[2]["duration_ms"].is_number());
    assert_eq!(body["notices"], json!(["NOTICE: hello"]));
}

#[tokio::test]
async fn an_error_names_its_place_in_characters_and_undoes_the_rest() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let answer = browser.sql("create table public.kept (id int);\nselect 'ü',\n  nonsense from pg_class").await;
    refused(&answer, 400, "sql_error");
    let body = answer.json();
    assert_eq!(body["message"], "column \"nonsense\" does not exist");
    let detail = &body["detail"];
    assert_eq!((&detail["sqlstate"], &detail["line"], &detail["column"]), (&json!("42703"), &json!(3), &json!(3)));
    assert_eq!(detail["position"], 50);
    let exists: bool = console.db.value("select to_regclass('public.kept') is not null").await;
    assert!(!exists);

    let raise =
        "do $$ begin raise exception 'no' using errcode = 'ZZ001', detail = 'because', hint = 'try again'; end $$";
    let body = browser.sql(raise).await.json();
    assert_eq!((&body["message"], &body["hint"]), (&json!("no"), &json!("try again")));
    assert_eq!((&body["detail"]["sqlstate"], &body["detail"]["detail"]), (&json!("ZZ001"), &json!("because")));
    assert_eq!(body["detail"]["position"], Value::Null);
    assert!(body["detail"]["where"].as_str().unwrap().contains("inline_code_block"));
}

#[tokio::test]
async fn big_results_are_cut_and_counted() {
    let settings = Settings { max_result_bytes: 64 * 1024, ..Settings::default() };
    let console = Console::with(settings).await;
    let browser = console.owner().await;
    let result = async |body: Value| browser.post("/sql", &body).await.json()["results"][0].clone();

    let few = result(json!({"query": "select generate_series(1, 100000)", "limit": 10})).await;
    assert_eq!(few["rows"].as_array().unwrap().len(), 10);
    assert_eq!((&few["row_count"], &few["truncated"]), (&json!(100_000), &json!(true)));

    let wide = result(json!({"query": "select repeat('x', 10000) from generate_series(1, 500)"})).await;
    assert_eq!(wide["rows"].as_array().unwrap().len(), 6);
    assert_eq!((&wide["row_count"], &wide["truncated"]), (&json!(500), &json!(true)));

    // Names count too: a hundred results of a hundred columns.
    let names: Vec<String> = (0..100).map(|n| format!("1 as column_{n}")).collect();
    let many = format!("select {};", names.join(", ")).repeat(100);
    let answer = browser.sql(&many).await;
    assert!(answer.status == 200 && answer.body.len() < 200_000, "{}", answer.body.len());
    let last = answer.json()["results"][99].clone();
    assert_eq!((&last["row_count"], &last["truncated"], &last["rows"]), (&json!(1), &json!(true), &json!([])));

    let all = result(json!({"query": "select generate_series(1, 10)", "limit": 10})).await;
    assert_eq!((&all["row_count"], &all["truncated"]), (&json!(10), &json!(false)));
    for limit in [json!(0), json!(10_001), json!(-1), json!("x")] {
        refused(&browser.post("/sql", &json!({"query": "select 1", "limit": limit})).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn read_only_mode_cannot_be_left() {
    let console = Console::new().await;
    console.db.sql("create table public.t (id int); insert into public.t values (1)").await;
    let browser = console.owner().await;
    let run = async |query: &str| browser.post("/sql", &json!({"query": query, "read_only": true})).await;
    assert_eq!(run("select * from public.t").await.json()["results"][0]["rows"], json!([["1"]]));
    for query in [
        "delete from public.t",
        "set transaction read write; delete from public.t",
        "set transaction_read_only = off; delete from public.t",
        "select set_config('transaction_read_only', 'off', false); delete from public.t",
        "do $$ begin commit; delete from public.t; end $$",
        "with gone as (delete from public.t returning 1) select * from gone",
    ] {
        refused(&run(query).await, 400, "sql_error");
    }
    for query in
        ["commit; delete from public.t", "/* x */ rollback; delete from public.t", "end; delete from public.t", "BEGIN"]
    {
        refused(&run(query).await, 400, "read_only");
    }
    let left: i64 = console.db.value("select count(*) from public.t").await;
    assert_eq!(left, 1);
}

#[tokio::test]
async fn a_transaction_left_open_is_undone_and_that_is_said() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let open = browser.sql("begin; create table public.t (id int)").await.json();
    assert_eq!(open["notices"], json!(["WARNING: the transaction was left open, so it has been rolled back"]));
    let closed = browser.sql("begin; create table public.u (id int); commit").await.json();
    assert_eq!(closed["notices"], json!([]));
    let exist: Vec<bool> = console
        .db
        .value("select array[to_regclass('public.t') is not null, to_regclass('public.u') is not null]")
        .await;
    assert_eq!(exist, [false, true]);
}

#[tokio::test]
async fn odd_texts_are_answered_and_nothing_breaks() {
    let console = Console::new().await;
    let browser = console.owner().await;
    assert_eq!(browser.sql("").await.json()["notices"], json!([]));
    assert_eq!(browser.sql(" -- nothing\n;;").await.status, 200);
    refused(&browser.sql("select 'a\0b'").await, 400, "invalid_request");
    refused(&browser.sql("copy auth.users to stdout").await, 400, "copy_not_supported");
    refused(&browser.sql("copy auth.users from stdin").await, 400, "copy_not_supported");
    refused(&browser.sql("select $$open").await, 400, "sql_error");
    refused(&browser.sql("select pg_terminate_backend(pg_backend_pid())").await, 400, "sql_error");
    let slow = Settings { statement_timeout: std::time::Duration::from_millis(50), ..Settings::default() };
    let console = Console::with(slow).await;
    let browser = console.owner().await;
    let answer = browser.sql("select pg_sleep(60)").await;
    refused(&answer, 400, "sql_error");
    assert_eq!(answer.json()["detail"]["sqlstate"], "57014");
}

#[tokio::test]
async fn a_request_that_is_dropped_cancels_its_statement() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let running = "select count(*) from pg_locks where locktype = 'advisory' and objid = 77 and granted
                   and database = (select oid from pg_database where datname = current_database())";
    let request = browser.sql("select pg_advisory_lock(77), pg_sleep(600)");
    let started = async {
        while console.db.value::<i64>(running).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = request => panic!("the statement ended by itself: {}", answer.text()),
        () = started => {}
    }
    // Waits until the cancelled connection has let go of its lock; without the cancel that takes ten minutes.
    console.db.sql("set statement_timeout = '20s'; select pg_advisory_lock(77)").await;
}

#[tokio::test]
async fn statements_are_judged_before_they_run() {
    let console = Console::new().await;
    let browser = console.owner().await;
    let query = "select 1;\ndelete from auth.users;";
    let answer = browser.post("/sql/check", &json!({ "query": query })).await;
    assert_eq!(
        answer.json(),
        json!({"statements": [
            {"text": "select 1;", "kind": "SELECT", "warnings": []},
            {"text": "delete from auth.users;", "kind": "DELETE", "warnings": [
                {"code": "delete_without_where", "message": "deletes every row of the table"},
            ]},
        ]})
    );
}
