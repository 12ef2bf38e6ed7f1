//! Settings of the roles that requests run as, `alter role anon set statement_timeout = '3s'`: PostgreSQL applies
//! them at a login only, so each transaction of the role has to.

use std::collections::HashMap;

use pg::{Context, Db, Isolation};
use serde::Deserialize;

/// One JSON object per setting of a role that the login role may become, if it may be set by it. What is set for
/// this database comes later than what is set for all. The search path is that of the request.
const SETTINGS: &str = "
select json_build_object('role', r.rolname, 'name', s.name, 'value', s.value)::text
from pg_auth_members m
join pg_roles r on r.oid = m.roleid
join pg_db_role_setting d on d.setrole = r.oid
  and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
cross join lateral (
  select split_part(setting, '=', 1) as name, substr(setting, strpos(setting, '=') + 1) as value
  from unnest(d.setconfig) setting) s
join pg_settings known on known.name = s.name
  and (known.context = 'user' or has_parameter_privilege(m.member, known.name, 'set'))
where m.member = (select oid from pg_roles where rolname = current_user) and s.name <> 'search_path'
order by r.rolname, d.setdatabase, s.name";

/// What belongs to one role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleSettings {
    /// Names and values.
    pub settings: Vec<(String, String)>,
    /// `default_transaction_isolation`, which a transaction that has begun would not heed.
    pub isolation: Isolation,
}

/// The settings of all roles that have some.
#[derive(Debug, Default)]
pub struct Roles(HashMap<String, RoleSettings>);

#[derive(Debug, Deserialize)]
struct Setting {
    role: String,
    name: String,
    value: String,
}

impl Roles {
    /// What belongs to a role.
    pub fn of(&self, role: &str) -> Option<&RoleSettings> {
        self.0.get(role)
    }

    fn take(&mut self, setting: Setting) {
        let role = self.0.entry(setting.role).or_default();
        if setting.name == "default_transaction_isolation" {
            role.isolation = Isolation::parse(&setting.value);
        } else {
            role.settings.push((setting.name, setting.value));
        }
    }
}

/// Reads the settings.
///
/// # Errors
/// [`pg::Error`] when they cannot be read.
pub async fn load(db: &Db) -> Result<Roles, pg::Error> {
    let mut roles = Roles::default();
    for row in db.read(&Context::service().read_only(), SETTINGS, &[]).await? {
        let text: &str = row.get(0);
        // The statement itself built the JSON.
        if let Ok(setting) = serde_json::from_str(text) {
            roles.take(setting);
        }
    }
    Ok(roles)
}
