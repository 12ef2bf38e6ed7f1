//! Handing over what a user owns, so that the user can be deleted.

use pg::{Context, Db};
use uuid::Uuid;

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
pub enum ReassignError {
    /// The user who is to become the owner does not exist.
    #[error("user {0} does not exist")]
    UnknownUser(Uuid),
    /// The database refused or failed.
    #[error(transparent)]
    Database(#[from] pg::Error),
}

// The lock keeps the new owner from being deleted at the same moment.
const LOCK_USER: &str = "select id from auth.users where id = $1 for key share";

const REASSIGN_BUCKETS: &str = "
    update storage.buckets set owner = $2::uuid, owner_id = $2::uuid::text
    where owner = $1::uuid or owner_id = $1::uuid::text";

const REASSIGN_OBJECTS: &str = "
    update storage.objects set owner = $2::uuid, owner_id = $2::uuid::text
    where owner = $1::uuid or owner_id = $1::uuid::text";

/// Makes everything that `from` owns, objects and buckets, the property of `to`, and returns how many objects
/// there were. `from` need not exist any more. `db` is logged in as the administrator.
///
/// # Errors
/// [`ReassignError::UnknownUser`] when `to` does not exist; nothing is changed then.
pub async fn reassign(db: &Db, from: Uuid, to: Uuid) -> Result<u64, ReassignError> {
    let mut transaction = db.write(&Context::service()).await?;
    transaction.query_opt(LOCK_USER, &[&to]).await?.ok_or(ReassignError::UnknownUser(to))?;
    // The tables' owner is bound by no policies, which an administrator that is no superuser would be.
    transaction.batch("set local role supabase_storage_admin").await?;
    transaction.execute(REASSIGN_BUCKETS, &[&from, &to]).await?;
    let objects = transaction.execute(REASSIGN_OBJECTS, &[&from, &to]).await?;
    transaction.commit().await?;
    Ok(objects)
}
