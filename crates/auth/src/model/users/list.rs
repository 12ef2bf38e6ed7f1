//! Pages of users.

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
