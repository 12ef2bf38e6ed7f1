//! How often a request waits for the database: once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pg::{Db, PoolSettings, Target};
use serde_json::json;
use testkit::{Call, TestDb};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::api::{Api, FILMS};

/// Passes bytes on and counts how often the client speaks after the server did.
#[derive(Clone, Default)]
struct Wire {
    trips: Arc<AtomicUsize>,
    server_spoke: Arc<AtomicBool>,
}

impl Wire {
    /// Listens in front of the test server.
    async fn start(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let wire = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(wire.clone().carry(client));
            }
        });
        port
    }

    async fn carry(self, mut client: TcpStream) {
        let url = std::env::var("VESTIBULE_TEST_DATABASE_URL").expect("the tests' server");
        let address = url.rsplit('@').next().and_then(|rest| rest.split('/').next()).expect("host and port").to_owned();
        let mut server = TcpStream::connect(address).await.expect("the server");
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                read = client.read(&mut asked) => {
                    let Ok(length @ 1..) = read else { return };
                    if self.server_spoke.swap(false, Ordering::SeqCst) {
                        self.trips.fetch_add(1, Ordering::SeqCst);
                    }
                    server.write_all(&asked[..length]).await.expect("the server listens");
                }
                read = server.read(&mut answered) => {
                    let Ok(length @ 1..) = read else { return };
                    self.server_spoke.store(true, Ordering::SeqCst);
                    client.write_all(&answered[..length]).await.expect("the client listens");
                }
            }
        }
    }
}

/// One connection, through a wire that counts.
async fn api(settings: rest::Settings) -> (Api, Wire) {
    api_over(settings, PoolSettings { max_connections: 1, ..PoolSettings::default() }).await
}

async fn api_over(settings: rest::Settings, pool: PoolSettings) -> (Api, Wire) {
    let db = TestDb::new().await;
    db.sql(&format!(
        "{FILMS} create function public.gate() returns void language sql as 'select';
         create function public.twice(n int) returns int immutable language sql as 'select n * 2';"
    ))
    .await;
    let wire = Wire::default();
    let url = format!("postgres://authenticator@127.0.0.1:{}/{}", wire.start().await, db.target().database());
    let target = Target::parse(&url.into()).expect("a target");
    let pool = Db::new(target, &pool).expect("a pool");
    (Api::over(db, pool, settings).await, wire)
}

async fn trips(api: &Api, wire: &Wire, call: impl Fn() -> Call) -> usize {
    // The first time statements are prepared.
    let first = api.send(call()).await;
    assert!(first.status.is_success(), "{}", first.text());
    let before = wire.trips.load(Ordering::SeqCst);
    let again = api.send(call()).await;
    assert!(again.status.is_success(), "{}", again.text());
    wire.trips.load(Ordering::SeqCst) - before
}

#[tokio::test]
async fn a_read_costs_one_round_trip() {
    let (api, wire) = api(rest::Settings::default()).await;
    let token = api.user("11111111-1111-4111-8111-111111111111");
    let with = |name: &'static str, value: &'static str| {
        let token = token.clone();
        move || Call::get("/films?id=eq.1&select=title,directors(name)").bearer(&token).header(name, value)
    };
    assert_eq!(trips(&api, &wire, with("accept", "*/*")).await, 1);
    assert_eq!(trips(&api, &wire, with("accept", "text/csv")).await, 1);
    assert_eq!(trips(&api, &wire, with("accept", "application/vnd.pgrst.object+json")).await, 1);
    for count in ["count=exact", "count=planned", "count=estimated"] {
        assert_eq!(trips(&api, &wire, with("prefer", count)).await, 1, "{count}");
    }
    assert_eq!(trips(&api, &wire, || Call::new(http::Method::HEAD, "/films")).await, 1);
    assert_eq!(trips(&api, &wire, || Call::get("/rpc/twice?n=2")).await, 1);
}

#[tokio::test]
async fn so_does_a_count_of_rows_that_come_in_parts() {
    let (api, wire) = api(rest::Settings { max_rows: None, ..rest::Settings::default() }).await;
    for count in ["count=exact", "count=planned", "count=estimated"] {
        let call = || Call::get("/films?order=id").header("prefer", count);
        assert_eq!(trips(&api, &wire, call).await, 1, "{count}");
    }
}

#[tokio::test]
async fn a_long_answer_does_not_hold_up_the_statement_behind_it() {
    let (api, _) = api(rest::Settings::default()).await;
    // Longer than the driver takes in while the plan's statement is prepared.
    api.db.sql("insert into public.films (title) select repeat('x', 20000) from generate_series(1, 900)").await;
    let answer = api.send(Call::get("/films?select=title").header("prefer", "count=planned")).await;
    assert_eq!(answer.status, 206, "{}", answer.text().len());
    assert!(answer.text().len() > 18_000_000);
}

#[tokio::test]
async fn so_does_a_simple_write_and_a_read_behind_the_pre_request_function() {
    let pre_request = Some((Some("public".to_owned()), "gate".to_owned()));
    let (api, wire) = api(rest::Settings { pre_request, ..rest::Settings::default() }).await;
    assert_eq!(trips(&api, &wire, || Call::get("/films")).await, 1);
    let insert = || Call::post("/films", &json!({"title": "x"})).header("prefer", "return=representation");
    assert_eq!(trips(&api, &wire, insert).await, 1);
}

#[tokio::test]
async fn nothing_costs_more_without_prepared_statements() {
    let unprepared = PoolSettings { max_connections: 1, prepares: false, ..PoolSettings::default() };
    let (api, wire) = api_over(rest::Settings::default(), unprepared).await;
    let insert = || Call::post("/films", &json!({"title": "x"})).header("prefer", "return=representation");
    let call = || Call::get("/rpc/twice?n=2");
    let read = || Call::get("/films?id=eq.1&select=title,directors(name)");
    // Not even the first time.
    for call in [insert(), call(), read()] {
        let before = wire.trips.load(Ordering::SeqCst);
        assert!(api.send(call).await.status.is_success());
        assert_eq!(wire.trips.load(Ordering::SeqCst) - before, 1);
    }
}

#[tokio::test]
async fn an_object_of_no_row_is_refused_after_the_read() {
    let api = Api::new(FILMS).await;
    let call = Call::get("/films?id=eq.99").header("accept", "application/vnd.pgrst.object+json");
    let answer = api.send(call).await;
    assert_eq!((answer.status.as_u16(), answer.json()["code"].clone()), (406, json!("PGRST116")));
}
