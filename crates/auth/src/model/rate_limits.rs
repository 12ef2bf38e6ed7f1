//! `vestibule.rate_limits`: buckets that fill up over time.

use jiff::Timestamp;
use pg::{Context, Db, Param};

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) burst: f64,
}

/// What was got from a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    One,
    /// It is empty; in so many seconds there is one.
    None {
        retry_after: u64,
    },
}

/// How much a bucket `b` holds now. Clocks of instances differ a little, so time may seem to go back.
macro_rules! held {
    () => {
        "least($5::float8, b.tokens + greatest(0, extract(epoch from $3::timestamptz - b.updated_at)::float8) * $4::float8)"
    };
}

// The insert changes nothing, and so returns nothing, when there is not one to take.
const TAKE: &str = concat!(
    "with taken as (
        insert into vestibule.rate_limits as b (bucket, key, tokens, updated_at, full_at)
        select $1, $2, $5::float8 - 1, $3, $3::timestamptz + make_interval(secs => $6::float8)
        where $5::float8 >= 1
        on conflict (bucket, key) do update
        set tokens = ",
    held!(),
    " - 1, updated_at = greatest(b.updated_at, excluded.updated_at), full_at = excluded.full_at
        where ",
    held!(),
    " >= 1
        returning true
     )
     select exists (select from taken) as is_taken,
       (select ",
    held!(),
    " from vestibule.rate_limits b where b.bucket = $1 and b.key = $2) as held"
);

/// Takes one from a bucket, in one statement.
pub(crate) async fn take(db: &Db, bucket: &str, key: &str, rate: Rate, now: Timestamp) -> Result<Taken, pg::Error> {
    let Rate { per_second, burst } = rate;
    // Nothing ever comes back into a bucket without a rate: a day stands for that.
    let until_full = if per_second > 0.0 { burst / per_second } else { 86400.0 };
    let params: [Param<'_>; 6] = [&bucket, &key, &now, &per_second, &burst, &until_full];
    let rows = db.read(&Context::service(), TAKE, &params).await?;
    if rows.first().is_some_and(|row| row.get("is_taken")) {
        return Ok(Taken::One);
    }
    let held: f64 = rows.first().and_then(|row| row.get::<_, Option<f64>>("held")).unwrap_or_default();
    let missing = (1.0 - held).clamp(0.0, 1.0);
    let wait = if per_second > 0.0 { missing / per_second } else { until_full };
    Ok(Taken::None { retry_after: whole_seconds(wait) })
}

// Here full_at is when the hour ends that began with the first of it.
const TAKE_IN_HOUR: &str = "
    with taken as (
        insert into vestibule.rate_limits as b (bucket, key, tokens, updated_at, full_at)
        values ($1, $2, $4::float8 - 1, $3, $3::timestamptz + interval '1 hour')
        on conflict (bucket, key) do update
        set tokens = case when b.full_at <= excluded.updated_at then excluded.tokens else b.tokens - 1 end,
            full_at = case when b.full_at <= excluded.updated_at then excluded.full_at else b.full_at end,
            updated_at = greatest(b.updated_at, excluded.updated_at)
        where b.full_at <= excluded.updated_at or b.tokens >= 1
        returning true
    )
    select exists (select from taken) as is_taken,
      (select extract(epoch from b.full_at - $3)::float8
       from vestibule.rate_limits b where b.bucket = $1 and b.key = $2) as wait";

/// Takes one from a bucket that is filled as a whole an hour after the first was taken. It must hold at least one.
pub(crate) async fn take_in_hour(
    db: &Db,
    bucket: &str,
    key: &str,
    count: u32,
    now: Timestamp,
) -> Result<Taken, pg::Error> {
    let rows = db.read(&Context::service(), TAKE_IN_HOUR, &[&bucket, &key, &now, &f64::from(count)]).await?;
    if rows.first().is_some_and(|row| row.get("is_taken")) {
        return Ok(Taken::One);
    }
    let wait: f64 = rows.first().and_then(|row| row.get::<_, Option<f64>>("wait")).unwrap_or_default();
    Ok(Taken::None { retry_after: whole_seconds(wait) })
}

/// At least one, at most a day.
fn whole_seconds(wait: f64) -> u64 {
    let seconds = std::time::Duration::try_from_secs_f64(wait.clamp(1.0, 86400.0)).unwrap_or_default();
    seconds.as_secs() + u64::from(seconds.subsec_nanos() > 0)
}

const DELETE_FULL: &str = "
    delete from vestibule.rate_limits b
    using (select bucket, key from vestibule.rate_limits where full_at < $1 limit 1000 for update skip locked) gone
    where b.bucket = gone.bucket and b.key = gone.key";

/// Deletes buckets that are full again, a thousand at most.
pub(crate) async fn delete_full(db: &Db, now: Timestamp) -> Result<(), pg::Error> {
    db.read(&Context::service(), DELETE_FULL, &[&now]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_waits_whole_seconds() {
        assert_eq!(whole_seconds(0.0), 1);
        assert_eq!(whole_seconds(1.5), 2);
        assert_eq!(whole_seconds(1e12), 86400);
    }
}
