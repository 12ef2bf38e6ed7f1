//! A hundred users over a few connections: nobody ever sees a row of somebody else.

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};
use testkit::Call;

use crate::api::Api;

const USERS: usize = 100;
const TABLES: usize = 50;
const REQUESTS: usize = 10_000;
/// Requests that are under way at once.
const AT_ONCE: usize = 40;

fn user(number: usize) -> String {
    format!("00000000-0000-4000-8000-{number:012}")
}

fn schema() -> String {
    let tables: String = (0..TABLES)
        .map(|n| {
            format!(
                "create table public.t{n} (id int generated always as identity primary key,
                   owner uuid not null default auth.uid(), parent int, note text);
                 alter table public.t{n} enable row level security;
                 create policy own on public.t{n} to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
                 grant select, insert, update, delete on public.t{n} to authenticated;
                 insert into public.t{n} (owner, note) select format('00000000-0000-4000-8000-%s', lpad(n::text, 12, '0'))::uuid, 'first'
                   from generate_series(0, {USERS} - 1) n;"
            )
        })
        .collect();
    format!(
        "{tables}
         create function public.whoami() returns json stable language sql as $$ select json_build_object(
           'user', current_user, 'sub', current_setting('request.jwt.claims', true)::json ->> 'sub') $$;"
    )
}

/// A small generator, so that every run is the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % end
    }
}

fn request(dice: &mut Dice, owner: &str) -> Call {
    let table = dice.below(TABLES);
    let path = format!("/t{table}");
    let shown = |call: Call| call.header("prefer", "return=representation");
    match dice.below(10) {
        0 => shown(Call::post(&path, &json!({"note": "more"}))),
        1 => shown(Call::new(Method::PATCH, &format!("{path}?note=eq.more")).json(&json!({"note": "changed"}))),
        2 => shown(Call::new(Method::DELETE, &format!("{path}?note=eq.changed"))),
        3 => Call::get(&format!("{path}?or=(owner.neq.{owner},note.eq.first)")),
        4 => Call::get(&format!("{path}?owner=neq.{owner}")),
        5 => Call::get(&format!("{path}?select=*&limit=5")).header("prefer", "count=exact"),
        6 => Call::get(&format!("{path}?note=eq.first")).header("accept", "application/vnd.pgrst.object+json"),
        7 => Call::get("/rpc/whoami"),
        8 => Call::get(&format!("{path}?nothing=eq.1")),
        _ => Call::get(&path),
    }
}

/// Rows of the answer, or the one object.
fn owners(answer: &Value) -> Vec<&Value> {
    match answer {
        Value::Array(rows) => rows.iter().map(|row| &row["owner"]).collect(),
        row => row.get("owner").into_iter().collect(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_rows_of_others_and_nothing_stays_on_connections() {
    let api = Arc::new(Api::new(&schema()).await);
    let tokens: Arc<Vec<String>> = Arc::new((0..USERS).map(|n| api.user(&user(n))).collect());
    let runs = (0..AT_ONCE).map(|run| {
        let (api, tokens) = (api.clone(), tokens.clone());
        tokio::spawn(async move {
            let mut dice = Dice(u64::try_from(run).expect("a small number"));
            let mut seen = 0;
            for _ in 0..REQUESTS / AT_ONCE {
                let number = dice.below(USERS);
                let owner = user(number);
                let call = request(&mut dice, &owner).bearer(&tokens[number]);
                let answer = api.send(call).await;
                assert!(!answer.status.is_server_error(), "{} {}", answer.status, answer.text());
                let body = answer.json();
                let rows = owners(&body);
                seen += rows.len();
                assert!(rows.iter().all(|row| **row == json!(owner)), "{owner}: {body}");
                if body.get("sub").is_some() {
                    assert_eq!(body, json!({"user": "authenticated", "sub": owner}));
                }
            }
            seen
        })
    });
    let mut seen = 0;
    for run in runs.collect::<Vec<_>>() {
        seen += run.await.expect("no assertion failed");
    }
    assert!(seen > REQUESTS / 3, "{seen}");
    // What is left on the connections is what they were opened with.
    let pool = api.connections();
    for _ in 0..8 {
        let sql = "select current_user::text, coalesce(current_setting('request.jwt.claims', true), ''), current_setting('role')";
        let rows = pool.read(&pg::Context::service(), sql, &[]).await.expect("a connection");
        let left: (String, String, String) = (rows[0].get(0), rows[0].get(1), rows[0].get(2));
        assert_eq!(left, ("authenticator".to_owned(), String::new(), "none".to_owned()));
    }
}
