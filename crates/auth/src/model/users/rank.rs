//! Pages of all users of an audience at any depth: where a page begins is told by `vestibule.user_blocks`, so that
//! at most some thousand users are passed over. Table, triggers and functions are in `0013_users_ranks.sql`.

use pg::{Context, Db, Row};

use super::list::{self, ListOrder, Page};
use super::{User, bare_user_columns};

/// So many users that are not in a block yet are added up before they are put there.
const MANY_MOVES: i64 = 1000;

/// So many more leave a table behind in which dead rows are most of what a list reads.
const VERY_MANY_MOVES: i64 = 50_000;

/// Blocks and moves in the order of the list, with the number of users before each; and the number of all.
macro_rules! page {
    ($start:literal, $comparison:literal, $direction:literal) => {
        concat!(
            "with items as (
                select from_at as at, from_id as id, users, true as is_block from vestibule.user_blocks where aud = $1
                union all
                select '-infinity', '00000000-0000-0000-0000-000000000000', 0, true
                where not exists (select from vestibule.user_blocks where aud = $1 and from_at = '-infinity')
                union all
                select at, id, change, false from vestibule.user_moves where aud = $1
             ), ranked as (
                select at, id, is_block, coalesce(sum(users) over (order by at, id, is_block desc
                  rows between unbounded preceding and 1 preceding), 0)::bigint as before
                from items
             ), total as (
                select coalesce(sum(users), 0)::bigint as n, count(*) filter (where not is_block) as moves from items
             ), start as (",
            $start,
            ")
             select total.n as total, total.moves, page.*
             from total
             left join lateral (
               select ",
            bare_user_columns!(),
            " from (
                 select p.id from auth.users p
                 where p.instance_id = '00000000-0000-0000-0000-000000000000' and p.aud = $1
                   and (coalesce(p.created_at, '0001-01-01 00:00:00+00'), p.id) ",
            $comparison,
            " ((select at from start), (select id from start))
                 order by coalesce(p.created_at, '0001-01-01 00:00:00+00') ",
            $direction,
            ", p.id ",
            $direction,
            " limit $2 offset greatest($3 - (select passed from start), 0)) here
               join auth.users u on u.id = here.id
               order by coalesce(u.created_at, '0001-01-01 00:00:00+00') ",
            $direction,
            ", u.id ",
            $direction,
            ") page on true"
        )
    };
}

/// From the last block on before which no more users are than are to be passed over.
const OLDEST_FIRST: &str = page!(
    "select at, id, before as passed from ranked where is_block and before <= $3 order by at desc, id desc limit 1",
    ">=",
    "asc"
);

/// Below the first block from which on no more users are than are to be passed over; else from the end.
const NEWEST_FIRST: &str = page!(
    "select at, id, passed from (
        select at, id, (select n from total) - before as passed from ranked where is_block
        union all
        select 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 0) blocks
     where passed <= $3 order by at, id limit 1",
    "<",
    "desc"
);

const FOLD: &str = "select vestibule.fold_users()";
const REBUILD: &str = "select vestibule.rebuild_user_blocks()";
const VACUUM: &str = "vacuum vestibule.user_moves";

/// A page of users without identities and factors, and the number of all.
pub(super) async fn list(db: &Db, aud: &str, page: Page) -> Result<(Vec<User>, u64), pg::Error> {
    let mut rows = read(db, aud, page).await?;
    let (mut users, mut total) = list::read(&rows);
    if users.len() as u64 != expected(page, total) {
        // Somebody has changed users with triggers switched off.
        db.read(&Context::service(), REBUILD, &[]).await?;
        rows = read(db, aud, page).await?;
        (users, total) = list::read(&rows);
    }
    let moves = rows.first().map_or(0, |row| row.get::<_, i64>("moves"));
    if moves > MANY_MOVES {
        fold(db).await?;
    }
    if moves > VERY_MANY_MOVES {
        db.maintain(VACUUM).await?;
    }
    Ok((users, total))
}

async fn read(db: &Db, aud: &str, page: Page) -> Result<Vec<Row>, pg::Error> {
    let sql = match page.order {
        ListOrder::NewestFirst => NEWEST_FIRST,
        ListOrder::OldestFirst => OLDEST_FIRST,
    };
    // The planner does not know how few users are passed over, and how few are shown.
    let others = ["enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"];
    let context = others.into_iter().fold(list::planned_once(), |context, other| context.set(other, "off"));
    db.read(&context, sql, &[&aud, &page.limit, &page.offset]).await
}

/// How many users a page has.
fn expected(page: Page, total: u64) -> u64 {
    total.saturating_sub(page.offset.unsigned_abs()).min(page.limit.unsigned_abs())
}

/// Brings users that came and went into the blocks.
async fn fold(db: &Db) -> Result<(), pg::Error> {
    db.read(&Context::service(), FOLD, &[]).await.map(drop)
}
