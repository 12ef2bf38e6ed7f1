//! Pages of users.

use jiff::Timestamp;
use pg::{Context, Db};
use uuid::Uuid;

use super::{User, bare_user_columns};

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListOrder {
    NewestFirst,
    OldestFirst,
}

/// A page of users.
pub(crate) struct Page<'a> {
    pub(crate) aud: &'a str,
    /// What the address or the full name must contain; empty for all users.
    pub(crate) filter: &'a str,
    pub(crate) order: ListOrder,
    pub(crate) limit: i64,
    pub(crate) offset: i64,
}

/// A page and the number of all matching users. There is one row, without a user, when the page is empty.
macro_rules! list {
    ($direction:literal) => {
        concat!(
            "with matching as not materialized (
                select * from auth.users u
                where u.instance_id = '00000000-0000-0000-0000-000000000000' and u.aud = $1
                  and ($2 = '' or u.email like '%' || $2 || '%'
                       or u.raw_user_meta_data ->> 'full_name' ilike '%' || $2 || '%'))
             select total.n as total, page.*
             from (select count(*) as n from matching) total
             left join lateral (
               select ",
            bare_user_columns!(),
            " from matching u order by u.created_at ",
            $direction,
            ", u.id ",
            $direction,
            " limit $3 offset $4) page on true"
        )
    };
}

const LIST_NEWEST_FIRST: &str = list!("desc");
const LIST_OLDEST_FIRST: &str = list!("asc");

/// A page of users without identities and factors, and the number of all that match.
pub(crate) async fn list(db: &Db, page: &Page<'_>) -> Result<(Vec<User>, u64), pg::Error> {
    let sql = match page.order {
        ListOrder::NewestFirst => LIST_NEWEST_FIRST,
        ListOrder::OldestFirst => LIST_OLDEST_FIRST,
    };
    let params: [pg::Param<'_>; 4] = [&page.aud, &page.filter, &page.limit, &page.offset];
    let rows = db.read(&Context::service(), sql, &params).await?;
    let total = rows.first().map_or(0, |row| row.get::<_, i64>("total"));
    let users = rows.iter().filter(|row| row.get::<_, Option<Uuid>>("id").is_some()).map(User::bare).collect();
    Ok((users, total.unsigned_abs()))
}

/// Users from a place on.
pub(crate) struct Slice<'a> {
    pub(crate) aud: &'a str,
    /// What the address or the full name must contain; empty for all users.
    pub(crate) filter: &'a str,
    pub(crate) order: ListOrder,
    pub(crate) limit: i64,
    /// Time of creation and id of the user before.
    pub(crate) after: Option<(Timestamp, Uuid)>,
}

/// The expression is that of the index `users_list_idx`.
macro_rules! slice {
    ($comparison:literal, $direction:literal) => {
        concat!(
            "select ",
            bare_user_columns!(),
            " from auth.users u
              where u.instance_id = '00000000-0000-0000-0000-000000000000' and u.aud = $1
                and ($2 = '' or u.email like '%' || $2 || '%'
                     or u.raw_user_meta_data ->> 'full_name' ilike '%' || $2 || '%')
                and (coalesce(u.created_at, '0001-01-01 00:00:00+00'), u.id) ",
            $comparison,
            " ($3, $4) order by coalesce(u.created_at, '0001-01-01 00:00:00+00') ",
            $direction,
            ", u.id ",
            $direction,
            " limit $5"
        )
    };
}

/// The second before the year 1, which stands for no time at all.
const BEFORE_ALL: Timestamp = Timestamp::constant(-62_135_596_801, 0);

const SLICE_NEWEST_FIRST: &str = slice!("<", "desc");
const SLICE_OLDEST_FIRST: &str = slice!(">", "asc");

/// Users from a place on, without identities and factors.
pub(crate) async fn slice(db: &Db, slice: &Slice<'_>) -> Result<Vec<User>, pg::Error> {
    let (sql, first) = match slice.order {
        ListOrder::NewestFirst => (SLICE_NEWEST_FIRST, (Timestamp::MAX, Uuid::max())),
        ListOrder::OldestFirst => (SLICE_OLDEST_FIRST, (BEFORE_ALL, Uuid::nil())),
    };
    let (at, id) = slice.after.unwrap_or(first);
    let params: [pg::Param<'_>; 5] = [&slice.aud, &slice.filter, &at, &id, &slice.limit];
    Ok(db.read(&Context::service(), sql, &params).await?.iter().map(User::bare).collect())
}

macro_rules! look_up {
    ($condition:literal) => {
        concat!(
            "select ",
            bare_user_columns!(),
            " from auth.users u
              where u.instance_id = '00000000-0000-0000-0000-000000000000' and u.aud = $1 and ",
            $condition,
            " order by u.created_at desc, u.id desc limit 1000"
        )
    };
}

const BY_EMAIL: &str = look_up!("lower(u.email) = $2");
const BY_PHONE: &str = look_up!("u.phone = $2");

/// Who has exactly an email address (in lower case), single sign-on included.
pub(crate) async fn with_email(db: &Db, aud: &str, email: &str) -> Result<Vec<User>, pg::Error> {
    Ok(db.read(&Context::service(), BY_EMAIL, &[&aud, &email]).await?.iter().map(User::bare).collect())
}

/// Who has exactly a phone number (normalised).
pub(crate) async fn with_phone(db: &Db, aud: &str, phone: &str) -> Result<Vec<User>, pg::Error> {
    Ok(db.read(&Context::service(), BY_PHONE, &[&aud, &phone]).await?.iter().map(User::bare).collect())
}
