//! The list of users, newest first, paged by key.

use axum::Json as JsonBody;
use axum::extract::State as Extract;
use pg::{Param, Row, Text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::search::Search;
use crate::error::Error;
use crate::extract::Query;
use crate::state::State;
use crate::tables::cursor;

/// Up to this many users are counted exactly; more are estimated, or unknown for a search.
const EXACT_UP_TO: i64 = 20_000;

const COLUMNS: &str = "
    to_jsonb(page) as user, page.id, page.created_at::text
    from (
        select id, aud, role, coalesce(email, '') as email, email_confirmed_at, invited_at,
               coalesce(phone, '') as phone, phone_confirmed_at, confirmation_sent_at, confirmed_at,
               recovery_sent_at, nullif(email_change, '') as new_email, email_change_sent_at,
               nullif(phone_change, '') as new_phone, phone_change_sent_at, reauthentication_sent_at,
               last_sign_in_at, raw_app_meta_data as app_metadata, raw_user_meta_data as user_metadata,
               is_sso_user, created_at, updated_at, banned_until, deleted_at, is_anonymous
        from auth.users";

/// The condition of a search: `$1` to `$5` are pattern, pattern, lowest id, highest id, whether to search.
const MATCHES: &str = "
    (not $5 or email ilike $1 or phone like $2 or id between $3 and $4)";

/// Users with a creation time come first, by the index on it; users without one, which only imports make, last.
/// `$6` and `$7` are time and id of the last user shown, `$8` says whether any was, `$9` is the page's size.
fn statement() -> String {
    format!(
        "select * from (
             (select {COLUMNS} where {MATCHES} and created_at is not null
                  and (not $8 or (created_at, id) < ($6::timestamptz, $7))
                  order by created_at desc, id desc limit $9) page order by page.created_at desc, page.id desc)
         union all
             (select {COLUMNS} where {MATCHES} and created_at is null
                  and (not $8 or $6::timestamptz is not null or id < $7)
                  order by id desc limit $9) page order by page.id desc)
         ) pages limit $9"
    )
}

const ESTIMATE: &str = "select reltuples::bigint from pg_class where oid = 'auth.users'::regclass";

fn count_statement() -> String {
    format!("select count(*) from (select from auth.users where {MATCHES} limit $6) found")
}

/// Where a page ended.
#[derive(Debug, Serialize, Deserialize)]
struct Position {
    created_at: Option<String>,
    id: Uuid,
}

/// `GET /users`
pub(crate) async fn list(Extract(state): Extract<State>, Query(query): Query) -> Result<JsonBody<Value>, Error> {
    let limit = query.limit(50, 500)?;
    let position: Option<Position> = query.one("cursor")?.map(cursor::read).transpose()?;
    let search = query.one("search")?.and_then(Search::parse);
    let bound = Bound::new(search.as_ref());
    let (size, is_further) = (i64::from(limit) + 1, position.is_some());
    let (created_at, id) = position.map_or((None, Uuid::nil()), |position| (position.created_at, position.id));
    let created_at = created_at.as_deref().map(Text);
    let mut params: Vec<Param<'_>> = bound.params();
    params.extend::<[Param<'_>; 4]>([&created_at, &id, &is_further, &size]);
    let mut rows = state.db().read(&state.reading(), &statement(), &params).await.map_err(bad_cursor)?;

    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_cursor =
        rows.last().filter(|_| has_more).map(|row| cursor::write(&Position { created_at: row.get(2), id: row.get(1) }));
    let users: Vec<Value> = rows.iter().map(user).collect();
    let total = total(&state, &bound).await?;
    Ok(JsonBody(json!({"users": users, "next_cursor": next_cursor, "total": total})))
}

/// A cursor that was tampered with holds a time that is none.
fn bad_cursor(error: pg::Error) -> Error {
    match error.sqlstate().map(|state| state.code()) {
        Some(code) if code.starts_with("22") => cursor::invalid(),
        _ => Error::Database(error),
    }
}

/// A search's parameters, neutral where it has none.
struct Bound {
    email: String,
    phone: Option<String>,
    lowest: Option<Uuid>,
    highest: Option<Uuid>,
    is_search: bool,
}

impl Bound {
    fn new(search: Option<&Search>) -> Self {
        let ids = search.and_then(|search| search.ids);
        Self {
            email: search.map(|search| search.email.clone()).unwrap_or_default(),
            phone: search.and_then(|search| search.phone.clone()),
            lowest: ids.map(|(lowest, _)| lowest),
            highest: ids.map(|(_, highest)| highest),
            is_search: search.is_some(),
        }
    }

    fn params(&self) -> Vec<Param<'_>> {
        vec![&self.email, &self.phone, &self.lowest, &self.highest, &self.is_search]
    }
}

/// A user as the admin API shows it: times and changes that are not there are left out.
fn user(row: &Row) -> Value {
    const ALWAYS: [&str; 7] = ["id", "aud", "role", "email", "phone", "app_metadata", "user_metadata"];
    let Value::Object(user) = row.get::<_, Value>(0) else { return Value::Null };
    let mut kept: Map<String, Value> =
        user.into_iter().filter(|(key, value)| !value.is_null() || ALWAYS.contains(&key.as_str())).collect();
    kept.insert("identities".into(), Value::Null);
    Value::Object(kept)
}

async fn total(state: &State, bound: &Bound) -> Result<Option<i64>, Error> {
    let most = EXACT_UP_TO + 1;
    let mut params = bound.params();
    params.push(&most);
    let rows = state.db().read(&state.reading(), &count_statement(), &params).await?;
    let counted: i64 = rows.first().map_or(0, |row| row.get(0));
    if counted <= EXACT_UP_TO {
        return Ok(Some(counted));
    }
    if bound.is_search {
        return Ok(None);
    }
    let rows = state.db().read(&state.reading(), ESTIMATE, &[]).await?;
    Ok(rows.first().map(|row| row.get::<_, i64>(0).max(counted)))
}
