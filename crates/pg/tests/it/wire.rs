//! What travels together, and what becomes of a connection when something goes wrong on it.

use pg::{Context, Db, Isolation, Param, PoolSettings, Query};
use testkit::TestDb;

const PID: &str = "select pg_backend_pid()";
const ECHO: &str = "select $1::text";

fn one_connection(test: &TestDb) -> Db {
    let settings = PoolSettings { max_connections: 1, ..PoolSettings::default() };
    Db::new(test.target().clone(), &settings).expect("a valid target")
}

async fn pid(db: &Db) -> i32 {
    db.read(&Context::service(), PID, &[]).await.expect("a connection")[0].get(0)
}

#[tokio::test]
async fn statements_of_a_batch_are_one_transaction() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let context = Context::service().set("request.method", "GET");
    let id = "select pg_current_xact_id()::text, current_setting('request.method'), current_setting('transaction_isolation')";
    let queries = [Query { sql: id, params: &[] }; 2];
    // The first time they are prepared, the second time they travel as one group without begin and commit.
    for _ in 0..2 {
        let rows = db.batch(&context, &queries).await.expect("two rows");
        let [first, second] = [0, 1].map(|at| rows[at][0].get::<_, String>(0));
        assert_eq!(first, second);
        assert_eq!(rows[1][0].get::<_, &str>(1), "GET");
        assert_eq!(rows[1][0].get::<_, &str>(2), "read committed");
        let rows = db.batch(&context.clone().isolation(Isolation::Serializable), &queries).await.expect("two rows");
        assert_eq!(rows[0][0].get::<_, &str>(2), "serializable");
    }
}

#[tokio::test]
async fn a_batch_that_fails_at_its_end_changes_nothing() {
    let test = TestDb::new().await;
    test.sql(
        "create table public.pairs (id int primary key, other int references public.pairs deferrable initially deferred)",
    )
    .await;
    let db = one_connection(&test);
    let before = pid(&db).await;
    for _ in 0..3 {
        let insert = "insert into public.pairs values (1, 2)";
        let error = db.read(&Context::service(), insert, &[]).await.expect_err("there is no other");
        assert_eq!(error.constraint_in("public"), Some("pairs_other_fkey"));
    }
    assert_eq!(test.value::<i64>("select count(*) from public.pairs").await, 0);
    assert_eq!(pid(&db).await, before, "the connection is as good as before");
}

#[tokio::test]
async fn what_is_deferred_is_done_with_what_comes_next() {
    let test = TestDb::new().await;
    test.sql("create table public.t (id int primary key)").await;
    let (db, insert) = (one_connection(&test), "insert into public.t values ($1)");
    let before = pid(&db).await;
    for id in [1, 2] {
        let mut transaction = db.write(&Context::service()).await.expect("a transaction");
        transaction.defer(insert, &[&id]).await.expect("a statement");
        let count = transaction.query_one("select count(*) from public.t", &[]).await.expect("a row");
        assert_eq!(count.get::<_, i64>(0), i64::from(id));
        transaction.defer(insert, &[&(id + 10)]).await.expect("a statement");
        transaction.commit().await.expect("a commit");
        test.sql("delete from public.t where id > 10").await;
    }
    // A failure shows with what comes next, and undoes all.
    let mut transaction = db.write(&Context::service()).await.expect("a transaction");
    transaction.defer(insert, &[&3]).await.expect("a statement");
    transaction.defer(insert, &[&1]).await.expect("a statement");
    assert_eq!(transaction.commit().await.expect_err("a duplicate").constraint_in("public"), Some("t_pkey"));
    // What was not sent is not done.
    let mut transaction = db.write(&Context::service()).await.expect("a transaction");
    transaction.query(PID, &[]).await.expect("begun");
    transaction.defer(insert, &[&4]).await.expect("a statement");
    drop(transaction);
    let mut transaction = db.write(&Context::service()).await.expect("a transaction");
    transaction.defer(insert, &[&5]).await.expect("a statement");
    transaction.rollback().await.expect("undone");
    assert_eq!(test.value::<i64>("select count(*) from public.t").await, 2);
    assert_eq!(pid(&db).await, before);
}

#[tokio::test]
async fn a_connection_that_the_server_has_ended_is_replaced() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let before = pid(&db).await;
    // It waits until the other process is gone.
    test.sql(&format!("select pg_terminate_backend({before}, 5000)")).await;
    while test.value::<bool>(&format!("select exists (select from pg_stat_activity where pid = {before})")).await {}
    // What the server said last has to have arrived.
    tokio::task::yield_now().await;
    let after = loop {
        match db.read(&Context::service(), PID, &[]).await {
            Ok(rows) => break rows[0].get::<_, i32>(0),
            Err(error) => assert!(error.is_unavailable() || error.sqlstate().is_some(), "{error}"),
        }
    };
    assert_ne!(after, before);
}

#[tokio::test]
async fn large_values_go_both_ways_at_once() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let text = "x".repeat(12 << 20);
    let params: &[Param<'_>] = &[&text];
    let echo = Query { sql: ECHO, params };
    for _ in 0..2 {
        // The answer to the first is on its way while the second is being sent.
        let rows = db.batch(&Context::service(), &[echo; 3]).await.expect("three rows");
        assert!(rows.iter().all(|rows| rows[0].get::<_, &str>(0).len() == text.len()));
    }
}

#[tokio::test]
async fn values_that_cannot_be_sent_or_read_are_told() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let service = Context::service();
    for prepares in [false, true] {
        if prepares {
            db.read(&service, ECHO, &[&"x"]).await.expect("a row");
        }
        let error = db.read(&service, ECHO, &[&1_i32]).await.expect_err("a number is no text");
        assert!(error.is_about_a_value() && !error.is_unavailable(), "{error}");
        let error = db.read(&service, ECHO, &[]).await.expect_err("a value is missing");
        assert!(error.is_about_a_value(), "{error}");
        let error = db.read(&service, "select '\0'", &[]).await.expect_err("a zero ends a text");
        assert!(error.is_about_a_value(), "{error}");
        let error = db.read(&service, ECHO, &[&"\0"]).await.expect_err("PostgreSQL has no such text");
        assert_eq!(error.sqlstate().map(|state| state.code()), Some("22021"));
    }
    let rows = db.read(&service, "select 1::int4 as one, null::text as none, '{a}'::public.kind[] as kinds", &[]).await;
    assert!(rows.is_err_and(|error| error.sqlstate().is_some()), "there is no such type yet");
    test.sql("create type public.kind as enum ('a')").await;
    let rows = db.read(&service, "select 1::int4 as one, null::text as none, 'a'::public.kind as kind", &[]).await;
    let row = &rows.expect("a row")[0];
    assert_eq!((row.try_get("one").ok(), row.try_get("none").ok()), (Some(1_i32), Some(None::<String>)));
    assert_eq!(row.try_get::<_, pg::Raw<'_>>("kind").expect("bytes").0, b"a");
    for error in [row.try_get::<_, &str>("one"), row.try_get("none"), row.try_get("kind"), row.try_get("no")] {
        let error = error.expect_err("not text, null, no text that is known, not there");
        assert!(error.is_about_a_value(), "{error}");
    }
}

#[tokio::test]
async fn statements_that_nobody_asks_any_more_are_forgotten() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    for number in 0..1100 {
        db.read(&Context::service(), &format!("select {number}"), &[]).await.expect("a row");
    }
    let rows = db.read(&Context::service(), "select count(*) from pg_prepared_statements", &[]).await.expect("a row");
    let known: i64 = rows[0].get(0);
    assert!((50..=1002).contains(&known), "{known}");
}
