//! `vestibule.mfa_recovery_codes`: hashes of codes that stand for a lost second factor.

use jiff::Timestamp;
use pg::{Context, Db, Transaction};
use uuid::Uuid;

const COUNT: &str = "
    select count(*) as n, min(created_at) as created_at from vestibule.mfa_recovery_codes where user_id = $1";

/// How many codes a user has left, and when they were made.
pub(crate) async fn count(db: &Db, user_id: Uuid) -> Result<(usize, Option<Timestamp>), pg::Error> {
    let rows = db.read(&Context::service(), COUNT, &[&user_id]).await?;
    Ok(rows
        .first()
        .map_or((0, None), |row| (usize::try_from(row.get::<_, i64>("n")).unwrap_or_default(), row.get("created_at"))))
}

const DELETE: &str = "delete from vestibule.mfa_recovery_codes where user_id = $1";
const INSERT: &str = "
    insert into vestibule.mfa_recovery_codes (user_id, code_hash, created_at)
    select $1, code.hash, $3 from unnest($2::bytea[]) as code (hash)";

/// Replaces all codes of a user by others, or by none.
pub(crate) async fn replace(
    tx: &mut Transaction,
    user_id: Uuid,
    hashes: Vec<Vec<u8>>,
    at: Timestamp,
) -> Result<(), pg::Error> {
    tx.execute(DELETE, &[&user_id]).await?;
    tx.execute(INSERT, &[&user_id, &hashes, &at]).await.map(drop)
}

const TAKE: &str = "delete from vestibule.mfa_recovery_codes where user_id = $1 and code_hash = $2";

/// Uses up a code; false when the user has none such.
pub(crate) async fn take(tx: &mut Transaction, user_id: Uuid, hash: &[u8]) -> Result<bool, pg::Error> {
    Ok(tx.execute(TAKE, &[&user_id, &hash]).await? > 0)
}

const DELETE_IDLE: &str = "
    with idle as (
        select $1::uuid as user_id
        where not exists (select from auth.mfa_factors f where f.user_id = $1 and f.status = 'verified')
    ), codes as (
        delete from vestibule.mfa_recovery_codes c using idle where c.user_id = idle.user_id
    ), claims as (
        delete from auth.mfa_amr_claims c using idle, auth.sessions s
        where s.user_id = idle.user_id and c.session_id = s.id and c.authentication_method = 'mfa/recovery_code'
        returning c.session_id
    )
    update auth.sessions s set aal = 'aal1', factor_id = null, updated_at = $2
    from claims where s.id = claims.session_id";

/// Deletes the codes of a user without a verified factor: they stand for nothing. Sessions that were raised by one are
/// at the first level again.
pub(crate) async fn delete_idle(tx: &mut Transaction, user_id: Uuid, at: Timestamp) -> Result<(), pg::Error> {
    tx.execute(DELETE_IDLE, &[&user_id, &at]).await.map(drop)
}
