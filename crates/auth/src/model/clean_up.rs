//! Statements that delete what nobody needs any more: each a hundred rows at most, passing by what others work on.

use jiff::Timestamp;
use pg::{Context, Db};

/// What an installation has set that decides what is old.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Age {
    pub(crate) now: Timestamp,
    /// The longest that a session may last, in seconds.
    pub(crate) timebox: Option<f64>,
    /// The longest time between two refreshes, in seconds.
    pub(crate) inactivity: Option<f64>,
    /// Whether anonymous users are made here.
    pub(crate) has_anonymous: bool,
}

/// A delete of the rows of a table for which a condition holds, with the time as `$1`.
macro_rules! delete {
    ($table:literal, $condition:literal) => {
        delete!($table, "id", $condition)
    };
    ($table:literal, $key:literal, $condition:literal) => {
        concat!(
            "delete from ",
            $table,
            " where ",
            $key,
            " in (select ",
            $key,
            " from ",
            $table,
            " where ",
            $condition,
            " limit 100 for update skip locked)"
        )
    };
}

/// Those of Supabase that need nothing but the time.
const STATEMENTS: [&str; 9] = [
    delete!("auth.refresh_tokens", "revoked and updated_at < $1::timestamptz - interval '24 hours'"),
    "update auth.refresh_tokens set revoked = true, updated_at = $1::timestamptz
      where id in (
        select t.id from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id
        where s.not_after < $1::timestamptz - interval '24 hours' and t.revoked is not true
        limit 100 for update of t skip locked)",
    "delete from auth.sessions where id in (
        select id from auth.sessions where not_after < $1::timestamptz - interval '72 hours'
        limit 10 for update skip locked)",
    delete!("auth.saml_relay_states", "created_at < $1::timestamptz - interval '24 hours'"),
    delete!("auth.flow_state", "created_at < $1::timestamptz - interval '24 hours'"),
    delete!("auth.oauth_client_states", "created_at < $1::timestamptz - interval '24 hours'"),
    delete!("auth.mfa_challenges", "created_at < $1::timestamptz - interval '24 hours'"),
    delete!("auth.mfa_factors", "status = 'unverified' and created_at < $1::timestamptz - interval '24 hours'"),
    delete!("auth.webauthn_challenges", "expires_at < $1::timestamptz"),
];

/// Owners of files stay.
const ANONYMOUS: &str = "
    delete from auth.users where id in (
      select u.id from vestibule.stale_anonymous_users($1::timestamptz - interval '30 days') stale (id)
      join auth.users u on u.id = stale.id and u.is_anonymous for update of u skip locked)";

const PAST_TIMEBOX: &str =
    delete!("auth.sessions", "created_at < $1::timestamptz - interval '24 hours' - make_interval(secs => $2)");
const INACTIVE: &str = delete!(
    "auth.sessions",
    "refreshed_at at time zone 'utc' < $1::timestamptz - interval '24 hours' - make_interval(secs => $2)"
);
const NEVER_REFRESHED: &str = delete!(
    "auth.sessions",
    "refreshed_at is null and created_at < $1::timestamptz - interval '24 hours' - make_interval(secs => $2)"
);

/// How many statements there are for Supabase's tables.
pub(crate) const COUNT: usize = STATEMENTS.len() + 4;

/// Runs one of the statements for Supabase's tables, unless the installation has no use for it.
pub(crate) async fn run(db: &Db, number: usize, age: &Age) -> Result<(), pg::Error> {
    let (sql, limit) = match number.checked_sub(STATEMENTS.len()) {
        None => (STATEMENTS[number], None),
        Some(0) if age.has_anonymous => (ANONYMOUS, None),
        Some(1) if age.timebox.is_some() => (PAST_TIMEBOX, age.timebox),
        Some(2) if age.inactivity.is_some() => (INACTIVE, age.inactivity),
        Some(3) if age.inactivity.is_some() => (NEVER_REFRESHED, age.inactivity),
        Some(_) => return Ok(()),
    };
    let params: &[pg::Param<'_>] = match &limit {
        Some(limit) => &[&age.now, limit],
        None => &[&age.now],
    };
    db.read(&Context::service(), sql, params).await.map(drop)
}

/// Of our own tables: mail beyond the newest ten thousand, notes of letters that were asked for a day ago, buckets that
/// are full again, users that are not counted in blocks yet.
const OWN: [&str; 4] = [
    "delete from vestibule.mailbox where id in (
        select id from vestibule.mailbox order by created_at desc offset 10000 limit 100)",
    "with before as (
        delete from vestibule.unsent_letters where asked_at < $1::timestamptz - interval '24 hours')
      delete from vestibule.letters_asked where contact in (
        select contact from vestibule.letters_asked where asked_at < $1::timestamptz - interval '24 hours'
        order by asked_at limit 100 for update skip locked)",
    "delete from vestibule.rate_limits where (bucket, key) in (
        select bucket, key from vestibule.rate_limits where full_at < $1::timestamptz
        order by full_at limit 100 for update skip locked)",
    "select vestibule.fold_users()",
];

/// How many statements there are for our own tables.
pub(crate) const OWN_COUNT: usize = OWN.len();

/// Runs one of the statements for our own tables.
pub(crate) async fn run_own(db: &Db, number: usize, now: Timestamp) -> Result<(), pg::Error> {
    let sql = OWN[number];
    let params: &[pg::Param<'_>] = if sql.contains("$1") { &[&now] } else { &[] };
    db.read(&Context::service(), sql, params).await.map(drop)
}
