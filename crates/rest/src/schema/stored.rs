//! Settings of the data API that the database holds: `alter role authenticator set pgrst.db_schemas = '…'`, and
//! those that a function makes.

use pg::{Context, Db, Param, Query, ident};

use crate::Settings;
use crate::settings::FunctionName;

/// Settings of the login role whose names begin with `pgrst.`; those for this database come last.
const OF_THE_ROLE: &str = "
select split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
from pg_db_role_setting d cross join lateral unnest(d.setconfig) setting
where d.setrole = (select oid from pg_roles where rolname = current_user)
  and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
  and setting like 'pgrst.%'
order by d.setdatabase, 1";

/// The values that these settings have now.
const CURRENT: &str = "
select name, current_setting(name, true) from unnest($1::text[]) name
where nullif(current_setting(name, true), '') is not null";

/// `base` with what the database holds. A setting that cannot be used is left out.
///
/// # Errors
/// [`pg::Error`] when the settings cannot be read.
pub(super) async fn settings(db: &Db, base: &Settings) -> Result<Settings, pg::Error> {
    let mut settings = base.clone();
    let stored = pairs(&db.read(&Context::service().read_only(), OF_THE_ROLE, &[]).await?);
    stored.iter().for_each(|(name, value)| apply(&mut settings, name, value));
    if let Some(function) = settings.pre_config.clone() {
        // What was set on the role counts more.
        let made = made_by(db, &function).await?;
        made.iter().chain(&stored).for_each(|(name, value)| apply(&mut settings, name, value));
    }
    match settings.validate() {
        Ok(()) => Ok(settings),
        Err(error) => {
            tracing::warn!(%error, "the settings in the database cannot be used");
            Ok(base.clone())
        }
    }
}

/// What a function sets, or nothing when it fails.
async fn made_by(db: &Db, (schema, function): &FunctionName) -> Result<Vec<(String, String)>, pg::Error> {
    let schema = schema.as_ref().map(|schema| format!("{}.", ident::quote(schema))).unwrap_or_default();
    let call = format!("select {schema}{}()", ident::quote(function));
    let names: Vec<String> = Settings::names().map(|name| format!("pgrst.{}", name.replace('-', "_"))).collect();
    let params: [Param<'_>; 1] = [&names];
    let queries = [Query { sql: &call, params: &[] }, Query { sql: CURRENT, params: &params }];
    match db.batch(&Context::service(), &queries).await {
        Ok(results) => Ok(pairs(results.last().map(Vec::as_slice).unwrap_or_default())),
        Err(error) if error.db().is_some() => {
            tracing::warn!(%error, "the function that makes settings failed");
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

fn pairs(rows: &[pg::Row]) -> Vec<(String, String)> {
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn apply(settings: &mut Settings, name: &str, value: &str) {
    let Some(own) = name.strip_prefix("pgrst.") else { return };
    if let Err(error) = settings.set(own, value) {
        tracing::warn!(%error, "a setting in the database is left out");
    }
}
