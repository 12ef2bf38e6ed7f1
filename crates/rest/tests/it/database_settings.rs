//! Settings that the database holds: of the roles that requests run as, and of the data API itself.

use serde_json::json;
use testkit::Call;

use crate::api::{Api, FILMS};

const SHOW: &str = "
    create function public.shown(name text) returns text stable language sql as $$ select current_setting(name) $$;";

/// Roles belong to the whole server, so a role of this test's own is used, in its own database.
const ROLE: &str = "
    do $$ begin
      if not exists (select from pg_roles where rolname = 'rest_hasty') then create role rest_hasty nologin; end if;
    exception when duplicate_object or unique_violation then null; end $$;
    grant rest_hasty to authenticator;
    do $$ begin
      execute format('alter role rest_hasty in database %I set statement_timeout = %L', current_database(), '1234ms');
      execute format('alter role rest_hasty in database %I set default_transaction_isolation = %L', current_database(), 'serializable');
      execute format('alter role rest_hasty in database %I set search_path = %L', current_database(), 'nowhere');
    end $$;
    grant usage on schema public to rest_hasty;";

#[tokio::test]
async fn roles_bring_their_settings() {
    let api = Api::new(&format!("{SHOW}{ROLE}")).await;
    let token = api.token(&json!({"role": "rest_hasty"}));
    let shown = async |name: &str| api.send(Call::get(&format!("/rpc/shown?name={name}")).bearer(&token)).await.json();
    assert_eq!(shown("statement_timeout").await, json!("1234ms"));
    assert_eq!(shown("transaction_isolation").await, json!("serializable"));
    assert_eq!(shown("search_path").await, json!("\"public\", \"public\", \"extensions\""));
    // Roles without settings of their own keep those of the login role.
    let service =
        async |name: &str| api.send(Call::get(&format!("/rpc/shown?name={name}")).bearer(&api.service())).await.json();
    assert_eq!((service("statement_timeout").await, service("lock_timeout").await), (json!("8s"), json!("8s")));
    assert_eq!(api.rows("/rpc/shown?name=statement_timeout").await, json!("3s"));
}

#[tokio::test]
async fn a_function_brings_its_settings_for_the_whole_transaction() {
    let sql = "create function public.apart() returns text stable language sql
        set default_transaction_isolation = 'repeatable read' set statement_timeout = '2s'
        as $$ select current_setting('transaction_isolation') || current_setting('statement_timeout') $$;";
    let api = Api::new(sql).await;
    assert_eq!(api.rows("/rpc/apart").await, json!("repeatable read2s"));
}

#[tokio::test]
async fn the_login_role_holds_settings_of_the_api() {
    let api = Api::new(FILMS).await;
    assert_eq!(api.rows("/films?select=id").await.as_array().map(Vec::len), Some(4));
    api.db
        .sql("do $$ begin execute format('alter role authenticator in database %I set pgrst.db_max_rows = %L', current_database(), '2'); end $$;
              do $$ begin execute format('alter role authenticator in database %I set pgrst.nonsense = %L', current_database(), '2'); end $$;")
        .await;
    let changed = api.state.schema_changed();
    api.db.sql("notify pgrst, 'reload config'").await;
    changed.await;
    assert_eq!(api.rows("/films?select=id").await.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_function_may_make_settings_and_its_failure_stops_nothing() {
    let sql = format!(
        "{FILMS} create schema config; grant usage on schema config to authenticator;
         create function config.make() returns void language sql as $$ select set_config('pgrst.db_max_rows', '1', true) $$;"
    );
    let with = |name: &str| {
        let pre_config = Some((Some("config".to_owned()), name.to_owned()));
        rest::Settings { pre_config, ..rest::Settings::default() }
    };
    let api = Api::with(&sql, with("make")).await;
    assert_eq!(api.rows("/films?select=id").await.as_array().map(Vec::len), Some(1));
    let api = Api::with(&sql, with("missing")).await;
    assert_eq!(api.rows("/films?select=id").await.as_array().map(Vec::len), Some(4));
}
