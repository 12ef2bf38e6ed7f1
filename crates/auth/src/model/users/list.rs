//! Lists of users: pages with the number of all, and slices from a user on. Pages of all users are in [`rank`].

use jiff::Timestamp;
use pg::{Context, Db, Param, Row};
use uuid::Uuid;

use super::conditions::{BEFORE_ALL, candidates, conditions};
use super::{Conditions, User, bare_user_columns, rank};

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListOrder {
    NewestFirst,
    OldestFirst,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) order: ListOrder,
    pub(crate) limit: i64,
    pub(crate) offset: i64,
}

/// A page and the number of all matching users. There is one row, without a user, when the page is empty.
macro_rules! page {
    ($from:expr, $direction:literal) => {
        concat!(
            "with matching as materialized (
                select u.id, coalesce(u.created_at, '0001-01-01 00:00:00+00') as at from ",
            $from,
            " u where ",
            conditions!(),
            "), page as (
                select * from matching order by at ",
            $direction,
            ", id ",
            $direction,
            " limit $19 offset $20)
             select total.n as total, listed.*
             from (select count(*) as n from matching) total
             left join lateral (
               select ",
            bare_user_columns!(),
            " from page join auth.users u on u.id = page.id
               order by page.at ",
            $direction,
            ", page.id ",
            $direction,
            ") listed on true"
        )
    };
}

const NEWEST_FIRST: &str = page!("auth.users", "desc");
const OLDEST_FIRST: &str = page!("auth.users", "asc");
const SOUGHT_NEWEST_FIRST: &str = page!(candidates!("$21"), "desc");
const SOUGHT_OLDEST_FIRST: &str = page!(candidates!("$21"), "asc");

/// How a list is planned: its statements are short, and what the planner cannot know of them makes it expect long ones.
fn context() -> Context {
    Context::service().set("jit", "off").set("max_parallel_workers_per_gather", "0")
}

/// The same where one plan is good for whatever is looked for. The planner would make one each time, since it takes that
/// for cheaper, which costs as much as to carry it out.
pub(super) fn planned_once() -> Context {
    context().set("plan_cache_mode", "force_generic_plan")
}

/// A page of users without identities and factors, and the number of all that match.
pub(crate) async fn list(db: &Db, conditions: &Conditions, page: Page) -> Result<(Vec<User>, u64), pg::Error> {
    if conditions.are_none() {
        return rank::list(db, &conditions.aud, page).await;
    }
    let parts = conditions.parts();
    let mut params = conditions.params().to_vec();
    params.extend([&page.limit as Param<'_>, &page.offset]);
    if !parts.is_empty() {
        params.push(&parts);
    }
    let sql = match (page.order, parts.is_empty()) {
        (ListOrder::NewestFirst, true) => NEWEST_FIRST,
        (ListOrder::OldestFirst, true) => OLDEST_FIRST,
        (ListOrder::NewestFirst, false) => SOUGHT_NEWEST_FIRST,
        (ListOrder::OldestFirst, false) => SOUGHT_OLDEST_FIRST,
    };
    let context = if parts.is_empty() { context() } else { planned_once() };
    Ok(read(&db.read(&context, sql, &params).await?))
}

/// Reads the rows of a page, of which each has the total.
pub(super) fn read(rows: &[Row]) -> (Vec<User>, u64) {
    let total = rows.first().map_or(0, |row| row.get::<_, i64>("total"));
    let users = rows.iter().filter(|row| row.get::<_, Option<Uuid>>("id").is_some()).map(User::bare).collect();
    (users, total.unsigned_abs())
}

/// Users from a place on.
pub(crate) struct Slice {
    pub(crate) order: ListOrder,
    pub(crate) limit: i64,
    /// Time of creation and id of the user before.
    pub(crate) after: Option<(Timestamp, Uuid)>,
}

/// The expression is that of the index `users_list_idx`.
macro_rules! slice {
    ($from:expr, $comparison:literal, $direction:literal) => {
        concat!(
            "select ",
            bare_user_columns!(),
            " from ",
            $from,
            " u where ",
            conditions!(),
            " and (coalesce(u.created_at, '0001-01-01 00:00:00+00'), u.id) ",
            $comparison,
            " ($19::timestamptz, $20::uuid) order by coalesce(u.created_at, '0001-01-01 00:00:00+00') ",
            $direction,
            ", u.id ",
            $direction,
            " limit $21"
        )
    };
}

/// So many of the next users, of which most filters let enough through.
macro_rules! near {
    ($comparison:literal, $direction:literal) => {
        concat!(
            "(select * from auth.users n
              where n.instance_id = '00000000-0000-0000-0000-000000000000' and n.aud = $1
                and coalesce(n.created_at, '0001-01-01 00:00:00+00') >= $15
                and coalesce(n.created_at, '0001-01-01 00:00:00+00') < $16
                and (coalesce(n.created_at, '0001-01-01 00:00:00+00'), n.id) ",
            $comparison,
            " ($19, $20) order by coalesce(n.created_at, '0001-01-01 00:00:00+00') ",
            $direction,
            ", n.id ",
            $direction,
            " limit $22)"
        )
    };
}

const SLICE_NEWEST_FIRST: &str = slice!("auth.users", "<", "desc");
const SLICE_OLDEST_FIRST: &str = slice!("auth.users", ">", "asc");
const NEAR_NEWEST_FIRST: &str = slice!(near!("<", "desc"), "<", "desc");
const NEAR_OLDEST_FIRST: &str = slice!(near!(">", "asc"), ">", "asc");
const SOUGHT_SLICE_NEWEST_FIRST: &str = slice!(candidates!("$22"), "<", "desc");
const SOUGHT_SLICE_OLDEST_FIRST: &str = slice!(candidates!("$22"), ">", "asc");

/// How many users are looked at first, and at most, before a filter is taken for one that lets few through.
const FIRST_LOOK: i64 = 1000;
const LAST_LOOK: i64 = 8000;

/// Users from a place on, without identities and factors.
pub(crate) async fn slice(db: &Db, conditions: &Conditions, slice: &Slice) -> Result<Vec<User>, pg::Error> {
    let (plain, near, sought, first) = match slice.order {
        ListOrder::NewestFirst => {
            let first = (Timestamp::MAX, Uuid::max());
            (SLICE_NEWEST_FIRST, NEAR_NEWEST_FIRST, SOUGHT_SLICE_NEWEST_FIRST, first)
        }
        ListOrder::OldestFirst => {
            (SLICE_OLDEST_FIRST, NEAR_OLDEST_FIRST, SOUGHT_SLICE_OLDEST_FIRST, (BEFORE_ALL, Uuid::nil()))
        }
    };
    let (at, id) = slice.after.unwrap_or(first);
    let parts = conditions.parts();
    let mut params = conditions.params().to_vec();
    params.extend([&at as Param<'_>, &id, &slice.limit]);
    let in_order = planned_once().set("enable_seqscan", "off").set("enable_bitmapscan", "off");
    if parts.is_empty() {
        return Ok(db.read(&in_order, plain, &params).await?.iter().map(User::bare).collect());
    }
    // A filter that lets many through finds them soon; one that lets few through finds them by its letters.
    let mut looked_at = FIRST_LOOK;
    while looked_at <= LAST_LOOK {
        let rows = db.read(&in_order, near, &[&*params, &[&looked_at]].concat()).await?;
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if found >= slice.limit {
            return Ok(rows.iter().map(User::bare).collect());
        }
        // As many as are needed if it goes on like this, and half as many again.
        looked_at = looked_at.saturating_mul(slice.limit).saturating_mul(3) / (found.max(1) * 2);
    }
    params.push(&parts);
    Ok(db.read(&planned_once(), sought, &params).await?.iter().map(User::bare).collect())
}

macro_rules! look_up {
    ($condition:literal) => {
        concat!(
            "select ",
            bare_user_columns!(),
            " from auth.users u where ",
            $condition,
            " and ",
            conditions!(),
            " order by u.created_at desc, u.id desc limit 1000"
        )
    };
}

const BY_EMAIL: &str = look_up!("lower(u.email) = $19");
const BY_PHONE: &str = look_up!("u.phone = $19");

/// Who has exactly an email address (in lower case), single sign-on included.
pub(crate) async fn with_email(db: &Db, conditions: &Conditions, email: &str) -> Result<Vec<User>, pg::Error> {
    look_up(db, conditions, BY_EMAIL, email).await
}

/// Who has exactly a phone number (normalised).
pub(crate) async fn with_phone(db: &Db, conditions: &Conditions, phone: &str) -> Result<Vec<User>, pg::Error> {
    look_up(db, conditions, BY_PHONE, phone).await
}

async fn look_up(db: &Db, conditions: &Conditions, sql: &str, contact: &str) -> Result<Vec<User>, pg::Error> {
    let mut params = conditions.params().to_vec();
    params.push(&contact);
    Ok(db.read(&planned_once(), sql, &params).await?.iter().map(User::bare).collect())
}
