//! No role or claim outlives its transaction, whatever becomes of the future that ran it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use pg::{Context, Db, PoolSettings};
use testkit::TestDb;

const WHO: &str = "select current_user::text, coalesce(current_setting('request.jwt.claims', true), '')";

fn one_connection(test: &TestDb) -> Db {
    let target = test.target().as_role("authenticator", &String::new().into());
    Db::new(target, &PoolSettings { max_connections: 1, ..PoolSettings::default() }).expect("a valid target")
}

async fn assert_clean(db: &Db) {
    let rows = db.read(&Context::service(), WHO, &[]).await.expect("a query");
    let found: (String, String) = (rows[0].get(0), rows[0].get(1));
    assert_eq!(found, ("authenticator".to_owned(), String::new()));
}

fn caller() -> Context {
    Context::caller("anon", r#"{"role":"anon","secret":"claims"}"#)
}

#[tokio::test]
async fn role_and_claims_are_set_for_one_transaction() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let rows = db.read(&caller(), WHO, &[]).await.expect("a query");
    assert_eq!(rows[0].get::<_, String>(0), "anon");
    assert_eq!(rows[0].get::<_, String>(1), r#"{"role":"anon","secret":"claims"}"#);
    assert_clean(&db).await;
    let mut transaction = db.write(&caller()).await.expect("a transaction");
    assert_eq!(transaction.query_one(WHO, &[]).await.expect("a row").get::<_, String>(0), "anon");
    transaction.commit().await.expect("a commit");
    assert_clean(&db).await;
}

/// Polls `future` at most `polls` times and drops it right after the last; tells whether it had finished.
async fn poll_times(future: impl Future, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test]
async fn dropping_a_request_at_any_point_leaves_no_role_behind() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let mut finished = 0;
    for polls in 0..60 {
        let read = poll_times(db.read(&caller(), "select pg_sleep(0.001)", &[]), polls).await;
        assert_clean(&db).await;
        let write = async {
            let mut transaction = db.write(&caller()).await?;
            transaction.query("select pg_sleep(0.001)", &[]).await?;
            transaction.commit().await
        };
        let write = poll_times(write, polls).await;
        assert_clean(&db).await;
        finished += usize::from(read) + usize::from(write);
    }
    // The test is only worth something if drops happened before and after the end.
    assert!((20..120).contains(&finished), "{finished} of 120 requests finished");
}

#[tokio::test]
async fn failures_leave_a_clean_connection_and_change_nothing() {
    let test = TestDb::new().await;
    test.sql("create table public.t (id int primary key); grant all on public.t to anon").await;
    let db = one_connection(&test);
    let insert = "insert into public.t values (1)";
    db.read(&caller(), insert, &[]).await.expect("the first row");
    let error = db.read(&caller(), insert, &[]).await.expect_err("a second row with the same key");
    assert_eq!(error.constraint_in("public"), Some("t_pkey"));
    assert_clean(&db).await;
    let unknown = Context::caller("nobody_there", "{}");
    let error = db.read(&unknown, insert, &[]).await.expect_err("an unknown role");
    assert_eq!(error.sqlstate().map(|state| state.code()), Some("22023"));
    assert_clean(&db).await;
    let mut transaction = db.write(&caller()).await.expect("a transaction");
    transaction.query("insert into public.t values (2)", &[]).await.expect("a row");
    drop(transaction);
    assert_clean(&db).await;
    assert_eq!(test.value::<i64>("select count(*) from public.t").await, 1);
}

#[tokio::test]
async fn a_plan_that_the_schema_outdated_is_made_anew() {
    let test = TestDb::new().await;
    test.sql("create table public.t (id int); insert into public.t values (1); grant all on public.t to anon").await;
    let db = one_connection(&test);
    let select = "select * from public.t";
    assert_eq!(db.read(&caller(), select, &[]).await.expect("a query")[0].len(), 1);
    test.sql("alter table public.t add column name text").await;
    assert_eq!(db.read(&caller(), select, &[]).await.expect("a query")[0].len(), 2);
}

#[tokio::test]
async fn a_read_only_context_cannot_write() {
    let test = TestDb::new().await;
    test.sql("create table public.t (id int); grant all on public.t to anon").await;
    let db = one_connection(&test);
    let error = db.read(&caller().read_only(), "insert into public.t values (1)", &[]).await.expect_err("a write");
    assert_eq!(error.sqlstate().map(|state| state.code()), Some("25006"));
}

#[tokio::test]
async fn what_a_called_function_sets_for_the_session_ends_with_its_transaction() {
    const CALL: &str = "select set_config('role', 'anon', false) as role,
        set_config('request.jwt.claims', 'left', false), set_config('statement_timeout', '1h', false)";
    const TIMEOUT: &str = "select current_setting('statement_timeout')";
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let mut transaction = db.write(&Context::service()).await.expect("a transaction");
    assert_eq!(transaction.call(CALL, &[]).await.expect("a row").get::<_, String>(0), "anon");
    assert_eq!(transaction.query_one(WHO, &[]).await.expect("a row").get::<_, String>(0), "anon");
    transaction.commit().await.expect("a commit");
    assert_clean(&db).await;
    let rows = db.read(&Context::service(), TIMEOUT, &[]).await.expect("a query");
    assert_eq!(rows[0].get::<_, String>(0), "8s", "as the role has it");
    let mut transaction = db.write(&Context::service()).await.expect("a transaction");
    transaction.call(CALL, &[]).await.expect("a row");
    drop(transaction);
    assert_clean(&db).await;
}

#[tokio::test]
async fn half_of_a_pool_leaves_the_other_half() {
    let test = TestDb::new().await;
    let target = test.target().as_role("authenticator", &String::new().into());
    let settings = PoolSettings { max_connections: 3, wait: Duration::from_millis(100), ..PoolSettings::default() };
    let db = Db::new(target, &settings).expect("a valid target");
    let half = db.half();
    let first = half.write(&Context::service()).await.expect("a turn");
    let longer = settings.wait * 2;
    let waited = tokio::time::timeout(longer, half.write(&Context::service())).await;
    assert!(waited.is_err(), "a turn is waited for however long, which the caller says");
    let second = db.write(&Context::service()).await.expect("a connection");
    let third = db.write(&Context::service()).await.expect("a connection");
    drop(first);
    drop(half.write(&Context::service()).await.expect("the turn is given back"));
    drop((second, third));
}

#[tokio::test]
async fn what_comes_after_a_commit_comes_after_no_other_end() {
    let test = TestDb::new().await;
    let db = one_connection(&test);
    let (sender, receiver) = std::sync::mpsc::channel();
    for (end, expected) in [("commit", 1), ("rollback", 0), ("drop", 0)] {
        let mut transaction = db.write(&caller()).await.expect("a transaction");
        let sender = sender.clone();
        transaction.after_commit(move || sender.send(()).expect("the test is there"));
        transaction.query_one(WHO, &[]).await.expect("a row");
        assert_eq!(receiver.try_iter().count(), 0);
        match end {
            "commit" => transaction.commit().await.expect("a commit"),
            "rollback" => transaction.rollback().await.expect("a rollback"),
            _ => drop(transaction),
        }
        assert_eq!(receiver.try_iter().count(), expected, "{end}");
    }
}
