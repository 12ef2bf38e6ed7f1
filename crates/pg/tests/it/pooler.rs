//! Through a pooler in transaction mode nothing may rest on a connection beyond its transaction.

use pg::{Context, Db, PoolSettings, Session};
use testkit::{TestDb, pooler};

const VALUES: &str = "
    insert into public.kinds (big, small, flag, id, texts, ids, bytes, at_text, maybe)
    values ($1, $2, $3, $4, $5, $6, $7, $8::timestamptz, $9)
    returning big + small, flag, id, texts, ids, bytes, at_text::text, maybe";

async fn pool(test: &TestDb, prepares: bool) -> Db {
    let target = pooler::in_front_of(test.target()).await;
    Db::new(target, &PoolSettings { max_connections: 2, prepares, ..PoolSettings::default() }).expect("a valid target")
}

#[tokio::test]
async fn unnamed_statements_take_values_of_every_kind() {
    let test = TestDb::new().await;
    test.sql(
        "create table public.kinds (
           big bigint, small integer, flag boolean, id uuid, texts text[], ids uuid[], bytes bytea, at_text timestamptz,
           maybe varchar(10))",
    )
    .await;
    let db = pool(&test, false).await;
    let (id, texts, bytes) = (uuid::Uuid::from_u128(7), vec!["a", "b"], vec![0_u8, 255]);
    for turn in 0..10_i64 {
        let mut transaction = db.write(&Context::service().set("request.method", "POST")).await.expect("a transaction");
        let at = pg::Text("2026-01-01T00:00:00Z");
        let none: Option<&str> = None;
        let row = transaction
            .query_one(VALUES, &[&turn, &1_i32, &true, &id, &texts, &vec![id], &bytes, &at, &none])
            .await
            .expect("a row");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, Vec<String>>(3)), (turn + 1, vec!["a".into(), "b".into()]));
        let changed = transaction.execute("update public.kinds set flag = $2 where big = $1", &[&turn, &false]).await;
        assert_eq!(changed.expect("an update"), 1);
        transaction.commit().await.expect("a commit");
        let seen = db.read(&Context::service(), "select count(*) from public.kinds where not flag", &[]).await;
        assert_eq!(seen.expect("a row")[0].get::<_, i64>(0), turn + 1);
    }
}

#[tokio::test]
async fn prepared_statements_fail_there() {
    let test = TestDb::new().await;
    let db = pool(&test, true).await;
    let mut failed = 0;
    for _ in 0..10 {
        let read = db.read(&Context::service(), "select 1", &[]).await;
        failed += usize::from(read.is_err_and(|error| error.sqlstate().is_some_and(|state| state.code() == "26000")));
    }
    assert!(failed > 0, "the pooler gave every transaction the same connection");
}

#[tokio::test]
async fn an_empty_database_is_migrated_through_it() {
    let test = TestDb::empty().await;
    let through = pooler::in_front_of(test.target()).await;
    // Two nodes at once.
    let (first, second) = tokio::join!(pg::migrate::migrate(&through), pg::migrate::migrate(test.target()));
    let migrated = [first.expect("migrated"), second.expect("migrated")];
    assert!(migrated.contains(&pg::migrate::Before::Empty) || migrated == [pg::migrate::Before::Ours; 2]);
    assert_eq!(pg::migrate::migrate(&through).await.expect("nothing to do"), pg::migrate::Before::Ours);
    let session = Session::open(&through).await.expect("the pooler answers");
    let rows = session.query("select count(*)::int4 from vestibule.migrations", &[]).await.expect("a row");
    assert_eq!(usize::try_from(rows[0].get::<_, i32>(0)), Ok(pg::migrate::MIGRATIONS.len()));
}
