//! Sessions as their users and administrators see them.

use jiff::Timestamp;
use pg::{Context, Db};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::time;

/// A session; serialises as clients see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: Uuid,
    user_id: Uuid,
    #[serde(deserialize_with = "time::field")]
    created_at: Timestamp,
    #[serde(deserialize_with = "time::field")]
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "time::optional_field")]
    refreshed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(deserialize_with = "time::optional_field")]
    not_after: Option<Timestamp>,
    aal: String,
    amr: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oauth_client_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
    /// Whether it is the session that asks; absent for administrators.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) current: Option<bool>,
}

const LIST: &str = "
    select total.n as total, page.session
    from (select count(*) as n from auth.sessions where user_id = $1) total
    left join lateral (
      select json_build_object(
        'id', s.id, 'user_id', s.user_id, 'created_at', coalesce(s.created_at, '0001-01-01 00:00:00+00'),
        'updated_at', coalesce(s.updated_at, s.created_at, '0001-01-01 00:00:00+00'),
        'refreshed_at', s.refreshed_at at time zone 'utc',
        'not_after', case when isfinite(s.not_after) then s.not_after end, 'aal', coalesce(s.aal, 'aal1'),
        'amr', (select coalesce(json_agg(json_build_object('method', c.authentication_method,
          'timestamp', floor(extract(epoch from c.updated_at))::bigint) order by c.updated_at desc, c.created_at desc),
          '[]') from auth.mfa_amr_claims c where c.session_id = s.id),
        'factor_id', s.factor_id, 'user_agent', s.user_agent, 'ip', host(s.ip), 'tag', s.tag,
        'oauth_client_id', s.oauth_client_id, 'scopes', s.scopes) as session
      from auth.sessions s
      where s.user_id = $1
      order by coalesce(s.refreshed_at at time zone 'utc', s.created_at) desc nulls last, s.id
      limit $2 offset $3) page on true";

/// A page of a user's sessions, those used last first, and the number of all.
pub(crate) async fn list(db: &Db, user_id: Uuid, limit: i64, offset: i64) -> Result<(Vec<Listed>, u64), pg::Error> {
    let rows = db.read(&Context::service(), LIST, &[&user_id, &limit, &offset]).await?;
    let total = rows.first().map_or(0, |row| row.get::<_, i64>("total"));
    let sessions = rows.iter().filter_map(|row| row.get::<_, Option<Value>>("session"));
    let read = |value| serde_json::from_value(value).expect("the statement builds this JSON with all fields");
    Ok((sessions.map(read).collect(), total.unsigned_abs()))
}
