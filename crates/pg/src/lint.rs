//! What is probably wrong about the rights in schemas that an API exposes. Names and levels are those of Supabase's
//! database linter.

use serde::Serialize;

use crate::{Context, Db, Error};

/// Relations of the schemas `$1` that the roles of the API may use, without those of extensions. A view reads with
/// its owner's rights unless it is told otherwise.
const SECURITY: &str = "
with open as (
  select c.oid, n.nspname, c.relname, c.relkind, c.relrowsecurity, c.reloptions,
    exists (select from pg_policy p where p.polrelid = c.oid) as has_policies
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = any($1) and c.relkind in ('r', 'p', 'v')
    and exists (
      select from pg_roles r
      where r.rolname in ('anon', 'authenticated') and has_schema_privilege(r.oid, n.oid, 'usage')
        and (has_table_privilege(r.oid, c.oid, 'select, insert, update, delete')
             or has_any_column_privilege(r.oid, c.oid, 'select, insert, update')))
    and not exists (
      select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0 and d.deptype = 'e')
)
select lint.name, open.nspname::text, open.relname::text
from open
cross join lateral (
  select 'rls_disabled_in_public' as name where relkind <> 'v' and not relrowsecurity
  union all
  select 'policy_exists_rls_disabled' where relkind <> 'v' and not relrowsecurity and has_policies
  union all
  select 'rls_enabled_no_policy' where relkind <> 'v' and relrowsecurity and not has_policies
  union all
  select 'security_definer_view'
  where relkind = 'v'
    and not coalesce((select option_value::boolean from pg_options_to_table(reloptions)
                      where option_name = 'security_invoker'), false)
    and exists (
      select from pg_rewrite w
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
      join pg_class base on base.oid = d.refobjid and base.oid <> open.oid and base.relrowsecurity
      where w.ev_class = open.oid)) lint
order by lint.name = 'rls_enabled_no_policy', 2, 3, 1";

/// Something that is probably wrong about a relation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// Which rule: `rls_disabled_in_public` …
    pub name: &'static str,
    /// `ERROR`, or `INFO` where nobody sees too much.
    pub level: &'static str,
    /// The relation's schema.
    pub schema: String,
    /// The relation.
    pub table: String,
    /// What is the matter.
    pub detail: String,
    /// What helps.
    pub remediation: String,
}

/// Everything that is probably wrong about the relations of `schemas`, as it is now; the worst first.
///
/// # Errors
/// [`Error`] when the database cannot be asked.
pub async fn security(db: &Db, schemas: &[String]) -> Result<Vec<Lint>, Error> {
    let rows = db.read(&Context::service().read_only(), SECURITY, &[&schemas]).await?;
    Ok(rows.iter().filter_map(|row| lint(row.get(0), row.get(1), row.get(2))).collect())
}

fn lint(name: &str, schema: String, table: String) -> Option<Lint> {
    let quoted = crate::ident::qualified(&schema, &table);
    let enable = format!("alter table {quoted} enable row level security");
    let (name, level, detail, remediation) = match name {
        "rls_disabled_in_public" => (
            "rls_disabled_in_public",
            "ERROR",
            format!(
                "table {schema}.{table} is in the API without row level security: all its rows are open to callers"
            ),
            format!("{enable}; and add policies for what callers may do"),
        ),
        "policy_exists_rls_disabled" => (
            "policy_exists_rls_disabled",
            "ERROR",
            format!("table {schema}.{table} has policies that do nothing while row level security is off"),
            enable,
        ),
        "rls_enabled_no_policy" => (
            "rls_enabled_no_policy",
            "INFO",
            format!("table {schema}.{table} has row level security and no policy: callers see none of its rows"),
            "add policies, or revoke the rights of anon and authenticated if that is meant".to_owned(),
        ),
        "security_definer_view" => (
            "security_definer_view",
            "ERROR",
            format!("view {schema}.{table} passes by the row level security of its tables: it reads as its owner"),
            format!("alter view {quoted} set (security_invoker = true)"),
        ),
        _ => return None,
    };
    Some(Lint { name, level, schema, table, detail, remediation })
}
