//! Browsing tables: what there is, rows in pages, filters, and what stays hidden.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dashboard::Settings;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::console::{Browser, Console, refused};

const MASK: &str = "••••••••";

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// All pages of a table.
async fn pages(browser: &Browser<'_>, path: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..200 {
        let page = browser.read(&format!("{path}&cursor={cursor}")).await;
        seen.extend(page["rows"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return seen,
        }
    }
    panic!("the pages of {path} do not end");
}

#[tokio::test]
async fn schemas_and_tables_are_listed_with_what_matters_about_them() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "create table public.films (id int primary key); comment on table public.films is 'all of them';
             create view public.v as select 1 as x; create materialized view public.m as select 1 as x;
             create table public.p (id int) partition by range (id);
             alter table public.films enable row level security; create schema \"Odd \"\"one\"",
        )
        .await;
    let browser = console.owner().await;
    let schemas = browser.read("/schemas").await;
    let schema = |name: &str| schemas["schemas"].as_array().unwrap().iter().find(|s| s["name"] == name).cloned();
    assert_eq!(schema("public").unwrap(), json!({"name": "public", "locked": false, "tables": 4}));
    assert_eq!(schema("auth").unwrap()["locked"], true);
    assert_eq!(schema("Odd \"one").unwrap()["tables"], 0);
    assert_eq!((schema("pg_catalog"), schema("information_schema")), (None, None));

    let tables = browser.read("/tables?schema=public").await;
    let kinds: Vec<_> = tables["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (t["name"].clone(), t["kind"].clone(), t["rls_enabled"].clone()))
        .collect();
    assert_eq!(
        json!(kinds),
        json!([
            ["films", "table", true],
            ["m", "materialized view", null],
            ["p", "partitioned table", false],
            ["v", "view", null],
        ])
    );
    assert_eq!(tables["tables"][0]["comment"], "all of them");
    assert_eq!(browser.read("/tables?schema=auth").await["tables"][0]["locked"], true);
    refused(&browser.get("/tables?schema=pg_catalog").await, 403, "schema_hidden");
}

#[tokio::test]
async fn a_table_is_described_by_its_columns() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "create domain public.short as varchar(5);
             create table public.t (
                 b int, a bigint generated always as identity, u uuid references auth.users (id),
                 n numeric(6,2) not null default 1.5, d int generated always as (b * 2) stored, s public.short[],
                 primary key (b, a));
             comment on column public.t.u is 'who'",
        )
        .await;
    let browser = console.owner().await;
    let table = browser.read("/tables/public/t").await;
    assert_eq!(
        (&table["kind"], &table["locked"], &table["rls_enabled"]),
        (&json!("table"), &json!(false), &json!(false))
    );
    let columns: Vec<Value> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| json!([c["name"], c["type"], c["nullable"], c["default"], c["primary_key"], c["generated"]]))
        .collect();
    assert_eq!(
        json!(columns),
        json!([
            ["b", "integer", false, null, true, false],
            ["a", "bigint", false, null, true, true],
            ["u", "uuid", true, null, false, false],
            ["n", "numeric(6,2)", false, "1.5", false, false],
            ["d", "integer", true, "(b * 2)", false, true],
            ["s", "short[]", true, null, false, false],
        ])
    );
    assert_eq!(table["columns"][2]["references"], json!({"schema": "auth", "table": "users", "column": "id"}));
    assert_eq!(table["columns"][2]["comment"], "who");
    refused(&browser.get("/tables/public/nothing").await, 404, "not_found");
    refused(&browser.get("/tables/pg_catalog/pg_authid").await, 403, "schema_hidden");
    refused(&browser.get("/tables/pg_catalog/pg_authid/rows").await, 403, "schema_hidden");
    refused(&browser.get("/tables/pg_catalog/pg_authid/export.csv").await, 403, "schema_hidden");
}

#[tokio::test]
async fn values_keep_what_javascript_would_lose() {
    let console = Console::new().await;
    console
        .db
        .sql(
            r#"create table public.t (id int primary key, big bigint, n numeric, f float8, j jsonb, a text[], b bytea, shown text);
               insert into public.t values (1, 9007199254740993, 1.50, 'NaN', '{"x": [1, null]}', '{a,NULL}', '\x00ff', 'ü"'),
                   (2, -9007199254740991, null, 0.1, 'null', '{}', '', '')"#,
        )
        .await;
    let browser = console.owner().await;
    assert_eq!(
        browser.read("/tables/public/t/rows").await["rows"],
        json!([
            {"id": 1, "big": "9007199254740993", "n": "1.50", "f": "NaN", "j": {"x": [1, null]}, "a": ["a", null],
             "b": "\\x00ff", "shown": "ü\""},
            {"id": 2, "big": -9_007_199_254_740_991_i64, "n": null, "f": 0.1, "j": null, "a": [], "b": "\\x", "shown": ""},
        ])
    );
}

#[tokio::test]
async fn pages_cover_every_row_once_in_any_order() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "create table public.keyed (a int, b text, v int, t timestamptz, primary key (a, b));
             insert into public.keyed
             select n / 5, 'k' || n % 5, case when n % 3 > 0 then n % 4 end, timestamptz '2024-01-01Z' + (n / 6) * interval '1 us'
             from generate_series(0, 29) n;
             create table public.keyless as select v, t from public.keyed;
             create view public.seen as select * from public.keyless;
             create table public.parts (id int) partition by list (id);
             create table public.part0 partition of public.parts for values in (0, 1, 2);
             create table public.part1 partition of public.parts default;
             insert into public.parts select n from generate_series(0, 29) n",
        )
        .await;
    let browser = console.owner().await;
    for table in ["keyed", "keyless", "seen", "parts"] {
        let orders =
            if table == "parts" { vec!["", "id.desc"] } else { vec!["", "v.asc", "v.desc", "t.asc", "t.desc"] };
        for order in orders {
            let path = |limit| format!("/tables/public/{table}/rows?limit={limit}&order={order}");
            let whole = pages(&browser, &path(1000)).await;
            assert_eq!(whole.len(), 30, "{table} {order}");
            for limit in [1, 7, 10] {
                assert_eq!(pages(&browser, &path(limit)).await, whole, "{table} {order} by {limit}");
            }
        }
    }
    let rows = pages(&browser, "/tables/public/keyed/rows?limit=4&order=v.asc").await;
    assert!(rows[0]["v"] == 0 && rows[29]["v"].is_null(), "nulls are last when ascending");
    let rows = pages(&browser, "/tables/public/keyed/rows?limit=4&order=v.desc").await;
    assert!(rows[0]["v"].is_null() && rows[29]["v"] == 0, "nulls are first when descending");
    assert_eq!(browser.read("/tables/public/keyed/rows?limit=1").await["total"], json!({"count": 30, "exact": true}));
}

#[tokio::test]
async fn filters_compare_as_the_columns_type_and_bind_their_values() {
    let console = Console::new().await;
    console
        .db
        .sql(
            r#"create table public.t (id int primary key, name text, at date, ok bool, "we.ird""col" text);
               insert into public.t values (1, 'Ann', '2024-01-01', true, 'x'), (2, 'bob''); drop table public.t; --', '2024-02-01', null, 'y,z'),
                   (3, null, null, false, '')"#,
        )
        .await;
    let browser = console.owner().await;
    let ids = async |filters: &[&str]| {
        let query: String = filters.iter().map(|filter| format!("&filter={}", encoded(filter))).collect();
        let page = browser.read(&format!("/tables/public/t/rows?limit=10{query}")).await;
        let ids: Vec<i64> = page["rows"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(page["total"], json!({"count": ids.len(), "exact": true}));
        ids
    };
    assert_eq!(ids(&["id.gt.1", "id.lte.2"]).await, [2]);
    assert_eq!(ids(&["name.ilike.a%"]).await, [1]);
    assert_eq!(ids(&["name.like.a%"]).await, [0; 0]);
    assert_eq!(ids(&["name.eq.bob'); drop table public.t; --"]).await, [2]);
    assert_eq!(ids(&["name.is.null"]).await, [3]);
    assert_eq!(ids(&["name.is.not null"]).await, [1, 2]);
    assert_eq!(ids(&["ok.is.false"]).await, [3]);
    assert_eq!(ids(&["at.gte.2024-01-15"]).await, [2]);
    assert_eq!(ids(&["id.in.(1,3)"]).await, [1, 3]);
    assert_eq!(ids(&["we.ird\"col.in.(x,\"y,z\")"]).await, [1, 2]);
    assert_eq!(ids(&["we.ird\"col.eq."]).await, [3]);
    assert_eq!(ids(&["id.neq.1"]).await, [2, 3]);

    for (query, status, code) in [
        ("filter=id.eq.x", 422, "invalid_value"),
        ("filter=name.is.true", 400, "refused_by_database"),
        ("filter=nothing.eq.1", 400, "invalid_request"),
        ("filter=id.eq.1%00", 422, "invalid_value"),
        ("filter=name.eq.a%00", 422, "invalid_value"),
        ("filter=id%20or%201%3D1.eq.1", 400, "invalid_request"),
        ("order=id", 400, "invalid_request"),
        ("order=id.sideways", 400, "invalid_request"),
        ("order=id%20desc%3B%20drop%20table%20t.asc", 400, "invalid_request"),
        ("limit=1001", 400, "invalid_request"),
    ] {
        refused(&browser.get(&format!("/tables/public/t/rows?{query}")).await, status, code);
    }
    for position in
        [json!({"after": ["x"]}), json!({"after": [null]}), json!({"after": []}), json!({"skip": 1}), json!([])]
    {
        let cursor = URL_SAFE_NO_PAD.encode(position.to_string());
        let answer = browser.get(&format!("/tables/public/t/rows?cursor={cursor}")).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{position}: {}", answer.text());
    }
}

#[tokio::test]
async fn hostile_names_are_only_names() {
    let console = Console::new().await;
    console
        .db
        .sql(
            r#"create schema "a""b"; create table "a""b"."t;--'" ("x"" or 1=1" int primary key, "source" text, "shown" text);
               insert into "a""b"."t;--'" values (1, 's', 'v'), (2, 's', 'w')"#,
        )
        .await;
    let browser = console.owner().await;
    let path = format!("/tables/{}/{}", encoded("a\"b"), encoded("t;--'"));
    let page = browser.read(&format!("{path}/rows?order={}&limit=1", encoded("x\" or 1=1.desc"))).await;
    assert_eq!(page["rows"], json!([{"x\" or 1=1": 2, "source": "s", "shown": "w"}]));
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = browser.read(&format!("{path}/rows?order={}&limit=1&cursor={cursor}", encoded("x\" or 1=1.desc"))).await;
    assert_eq!(page["rows"][0]["x\" or 1=1"], 1);
    assert_eq!(
        browser.get(&format!("{path}/export.csv")).await.text(),
        "\"x\"\" or 1=1\",source,shown\r\n1,s,v\r\n2,s,w\r\n"
    );
    for name in ["users;drop", "users\"--", "\0", "../users", "ü"] {
        let answer = browser.get(&format!("/tables/auth/{}/rows", encoded(name))).await;
        assert!([404, 422].contains(&answer.status.as_u16()), "{name:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn secrets_never_leave_through_the_table_editor() {
    let console = Console::new().await;
    console
        .db
        .sql(
            "insert into auth.users (id, email, encrypted_password, recovery_token, created_at)
             values ('11111111-2222-3333-4444-555555555555', 'u@example.com', 'TOPSECRET', null, now());
             insert into auth.sessions (id, user_id, refresh_token_hmac_key)
             values ('11111111-2222-3333-4444-555555555555', '11111111-2222-3333-4444-555555555555', 'TOPSECRET');
             insert into auth.refresh_tokens (token, parent, user_id) values ('TOPSECRET', 'TOPSECRET2', '1');
             insert into vestibule.settings (key, value) values ('smtp', '\"TOPSECRET\"')",
        )
        .await;
    let browser = console.owner().await;
    let row = browser.read("/tables/auth/users/rows").await["rows"][0].clone();
    assert_eq!((&row["encrypted_password"], &row["recovery_token"]), (&json!(MASK), &json!(null)));
    assert_eq!(row["email"], "u@example.com");
    let columns = browser.read("/tables/auth/users").await["columns"].clone();
    let masked: Vec<&str> = columns
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["masked"] == true)
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(masked.len(), 7, "{masked:?}");

    let column = "encrypted_password";
    for query in [
        format!("filter={column}.eq.TOPSECRET"),
        format!("filter={column}.like.T%25"),
        format!("filter={column}.gt.A"),
        format!("filter={column}.is.null"),
        format!("filter={column}.in.(TOPSECRET)"),
        format!("order={column}.asc"),
        format!("order={column}.desc"),
    ] {
        refused(&browser.get(&format!("/tables/auth/users/rows?{query}")).await, 403, "column_masked");
    }
    for (table, column) in
        [("auth/sessions", "refresh_token_hmac_key"), ("auth/refresh_tokens", "token"), ("vestibule/settings", "value")]
    {
        refused(&browser.get(&format!("/tables/{table}/rows?order={column}.asc")).await, 403, "column_masked");
    }
    for path in [
        "/tables/auth/users/rows",
        "/tables/auth/users/export.csv",
        "/users/export.csv",
        "/users",
        "/tables/auth/sessions/rows",
        "/tables/auth/sessions/export.csv",
        "/tables/auth/refresh_tokens/rows",
        "/tables/auth/refresh_tokens/export.csv",
        "/tables/vestibule/settings/rows",
        "/tables/vestibule/settings/export.csv",
    ] {
        let answer = browser.get(path).await;
        assert!(answer.status == 200 && !answer.text().contains("TOPSECRET"), "{path}: {}", answer.text());
    }
    // Its key is a secret itself, so pages go by place and the cursor does not tell it.
    console.login(crate::console::EMAIL, crate::console::PASSWORD).await;
    let page = browser.read("/tables/vestibule/operator_sessions/rows?limit=1").await;
    assert_eq!((&page["rows"][0]["token_hash"], &page["total"]["count"]), (&json!(MASK), &json!(2)));
    let cursor = URL_SAFE_NO_PAD.decode(page["next_cursor"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(cursor).unwrap(), r#"{"after":["(0,1)"]}"#);
    refused(
        &browser.get("/tables/vestibule/operators/rows?filter=password_hash.like.%24argon%25").await,
        403,
        "column_masked",
    );
}

#[tokio::test]
async fn every_column_that_sounds_secret_is_masked_or_known_to_be_harmless() {
    const SOUNDS_SECRET: &str = "
        select table_schema::text, table_name::text, column_name::text from information_schema.columns
        where table_schema in ('auth', 'storage', 'vestibule')
          and column_name ~ '(secret|token|password|hash|code|key|credential|verifier|signature|config)'
        order by 1, 2, 3";
    let console = Console::new().await;
    let browser = console.owner().await;
    let mut open = Vec::new();
    for row in console.db.query(SOUNDS_SECRET, &[]).await {
        let (schema, table, name): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        let described = browser.read(&format!("/tables/{schema}/{table}")).await;
        let columns = described["columns"].as_array().unwrap();
        if columns.iter().any(|column| column["name"] == name && column["masked"] == false) {
            open.push(format!("{schema}.{table}.{name}"));
        }
    }
    assert_eq!(
        open,
        [
            "auth.custom_oauth_providers.token_url",
            "auth.flow_state.auth_code_issued_at",
            "auth.flow_state.code_challenge_method",
            "auth.oauth_authorizations.code_challenge_method",
            "auth.oauth_clients.token_endpoint_auth_method",
            "auth.one_time_tokens.token_type",
            "auth.sessions.refresh_token_counter",
            "auth.webauthn_credentials.credential_id",
            "auth.webauthn_credentials.public_key",
            "storage.iceberg_tables.shard_key",
            "storage.migrations.hash",
            "storage.objects.path_tokens",
            "storage.s3_multipart_uploads.key",
            "storage.s3_multipart_uploads_parts.key",
            "storage.vector_indexes.metadata_configuration",
            "vestibule.operator_login_attempts.key",
            "vestibule.operators.must_change_password",
            "vestibule.rate_limits.key",
            "vestibule.rate_limits.tokens",
            "vestibule.settings.key",
        ]
    );
}

#[tokio::test]
async fn a_page_of_big_values_ends_early_and_goes_on() {
    let settings = Settings { max_result_bytes: 64 * 1024, ..Settings::default() };
    let console = Console::with(settings).await;
    console
        .db
        .sql("create table public.t (id int primary key, v text); insert into public.t select n, repeat('x', 30000) from generate_series(1, 7) n")
        .await;
    let browser = console.owner().await;
    let page = browser.read("/tables/public/t/rows?limit=100").await;
    assert_eq!(page["rows"].as_array().unwrap().len(), 3);
    assert!(page["next_cursor"].is_string());
    assert_eq!(pages(&browser, "/tables/public/t/rows?limit=100").await.len(), 7);
}
