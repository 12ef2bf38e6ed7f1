//! `storage.objects`.

use jiff::Timestamp;
use pg::{Context, Db, Row, Transaction};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::backend::Blob;
use crate::body::ObjectPath;
use crate::caller::{Caller, Owner};
use crate::error::{Error, Result};
use crate::timestamps;

/// What is known of a file: column `metadata`, with the original's keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metadata {
    /// The entity tag in its quotes: the MD5 of the bytes, as S3 makes it.
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) mimetype: String,
    pub(crate) cache_control: String,
    pub(crate) last_modified: Timestamp,
}

impl Metadata {
    /// As the column holds it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "eTag": self.etag,
            "size": self.size,
            "mimetype": self.mimetype,
            "cacheControl": self.cache_control,
            "lastModified": timestamps::json(self.last_modified),
            "contentLength": self.size,
            "httpStatusCode": 200,
        })
    }
}

/// A row as clients get it.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) bucket: String,
    pub(crate) owner: Option<Uuid>,
    pub(crate) owner_id: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) metadata: Option<Value>,
    pub(crate) user_metadata: Option<Value>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) last_accessed_at: Option<Timestamp>,
}

/// The columns of [`Object`].
macro_rules! columns {
    () => {
        "id, name, bucket_id, owner, owner_id, version, metadata, user_metadata, created_at, updated_at, \
         last_accessed_at"
    };
}

impl Object {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            name: row.get::<_, Option<String>>("name").unwrap_or_default(),
            bucket: row.get::<_, Option<String>>("bucket_id").unwrap_or_default(),
            owner: row.get("owner"),
            owner_id: row.get("owner_id"),
            version: row.get("version"),
            metadata: row.get("metadata"),
            user_metadata: row.get("user_metadata"),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
            last_accessed_at: row.get("last_accessed_at"),
        }
    }

    /// The file; `None` for a row that was not written by us.
    pub(crate) fn blob(&self) -> Option<Blob> {
        self.version.as_deref().and_then(Blob::parse)
    }

    fn stored(&self, key: &str) -> Option<&Value> {
        self.metadata.as_ref()?.get(key)
    }

    /// The file's metadata, with defaults for what the row does not say.
    pub(crate) fn file(&self) -> Metadata {
        let text = |key: &str| self.stored(key).and_then(Value::as_str);
        let last_modified = text("lastModified").and_then(|at| at.parse().ok()).or(self.updated_at);
        Metadata {
            etag: text("eTag").unwrap_or_default().to_owned(),
            size: self.stored("size").and_then(Value::as_u64).unwrap_or_default(),
            mimetype: text("mimetype").unwrap_or("application/octet-stream").to_owned(),
            cache_control: text("cacheControl").unwrap_or("no-cache").to_owned(),
            last_modified: last_modified.unwrap_or(Timestamp::UNIX_EPOCH),
        }
    }

    /// The whole row, as deletes and copies answer it.
    pub(crate) fn to_client(&self) -> ClientObject<'_> {
        ClientObject {
            name: &self.name,
            bucket_id: &self.bucket,
            owner: self.owner.map(|owner| owner.to_string()).unwrap_or_default(),
            owner_id: self.owner_id.as_deref().unwrap_or_default(),
            version: self.version.as_deref().unwrap_or_default(),
            id: self.id,
            updated_at: self.updated_at.map(timestamps::json),
            created_at: self.created_at.map(timestamps::json),
            last_accessed_at: self.last_accessed_at.map(timestamps::json),
            metadata: self.metadata.as_ref(),
            user_metadata: self.user_metadata.as_ref(),
        }
    }
}

/// The JSON of an [`Object`]; what has no owner says so with an empty text, as in the original.
#[derive(Debug, Serialize)]
pub(crate) struct ClientObject<'a> {
    name: &'a str,
    bucket_id: &'a str,
    owner: String,
    owner_id: &'a str,
    version: &'a str,
    id: Uuid,
    updated_at: Option<String>,
    created_at: Option<String>,
    last_accessed_at: Option<String>,
    metadata: Option<&'a Value>,
    user_metadata: Option<&'a Value>,
}

const FIND: &str = concat!("select ", columns!(), " from storage.objects where bucket_id = $1 and name = $2");

/// An object, if the caller may see it.
///
/// # Errors
/// [`Error::NoSuchKey`].
pub(crate) async fn find(db: &Db, context: &Context, path: &ObjectPath) -> Result<Object> {
    let rows = db.read(context, FIND, &[&path.bucket, &path.name]).await?;
    rows.first().map(Object::read).ok_or(Error::NoSuchKey)
}

const EXISTING: &str = "select name from storage.objects where bucket_id = $1 and name = any($2)";

/// Which of these names exist and may be seen by the caller.
pub(crate) async fn existing(db: &Db, context: &Context, bucket: &str, names: &[String]) -> Result<Vec<String>> {
    Ok(db.read(context, EXISTING, &[&bucket, &names]).await?.iter().map(|row| row.get(0)).collect())
}

/// A row to be written for a file.
#[derive(Clone, Debug)]
pub(crate) struct NewObject {
    pub(crate) id: Uuid,
    pub(crate) path: ObjectPath,
    pub(crate) owner: Owner,
    pub(crate) version: Blob,
    pub(crate) metadata: Value,
    /// `None` leaves what an overwritten object has.
    pub(crate) user_metadata: Option<Value>,
    /// Whether an object of the same name is overwritten.
    pub(crate) is_upsert: bool,
}

// Nothing is returned, so that callers who may insert but not select can upload.
const INSERT: &str = "
    insert into storage.objects (id, bucket_id, name, owner, owner_id, version, metadata, user_metadata)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

// An overwrite by the secret key leaves the owner.
const UPSERT: &str = "
    insert into storage.objects as object (id, bucket_id, name, owner, owner_id, version, metadata, user_metadata)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (bucket_id, name) do update
    set owner = case when excluded.owner_id is null then object.owner else excluded.owner end,
        owner_id = coalesce(excluded.owner_id, object.owner_id),
        version = excluded.version,
        metadata = excluded.metadata,
        user_metadata = coalesce(excluded.user_metadata, object.user_metadata)
    returning id";

/// Writes a row under the caller's policies and returns its id.
///
/// # Errors
/// [`Error::KeyExists`] when the name is taken and the object is not to be overwritten.
pub(crate) async fn write(transaction: &mut Transaction, object: &NewObject) -> Result<Uuid> {
    let version = object.version.to_string();
    let NewObject { id, path, owner, metadata, user_metadata, is_upsert, .. } = object;
    let params: [pg::Param<'_>; 8] =
        [id, &path.bucket, &path.name, &owner.uuid, &owner.id, &version, metadata, user_metadata];
    if *is_upsert {
        return Ok(transaction.query_one(UPSERT, &params).await?.get(0));
    }
    transaction.execute(INSERT, &params).await.map_err(|error| match error.constraint_in("storage") {
        Some("bucketid_objname") => Error::KeyExists,
        _ => error.into(),
    })?;
    Ok(*id)
}

const LOCK_NAME: &str = "select pg_advisory_xact_lock(hashtextextended('storage ' || $1 || '/' || $2, 0))";
const CURRENT: &str = "select version from storage.objects where bucket_id = $1 and name = $2 for update";

/// Locks a name, whether or not an object has it yet, and returns the file that it stands for. Goes through the
/// tables' owner, since the caller may overwrite what it cannot see only in so far as the policies say so next.
pub(crate) async fn lock_current(
    transaction: &mut Transaction,
    caller: &Caller,
    path: &ObjectPath,
) -> Result<Option<Blob>> {
    as_owner(transaction).await?;
    transaction.query(LOCK_NAME, &[&path.bucket, &path.name]).await?;
    let row = transaction.query_opt(CURRENT, &[&path.bucket, &path.name]).await?;
    as_caller(transaction, caller).await?;
    Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).as_deref().and_then(Blob::parse))
}

/// Goes on as the role that the pool is logged in as, which owns the tables and is asked for no policies.
pub(crate) async fn as_owner(transaction: &mut Transaction) -> Result<()> {
    Ok(transaction.batch("set local role none").await?)
}

const SET_ROLE: &str = "select set_config('role', $1, true)";

/// Goes on as the caller after [`as_owner`].
pub(crate) async fn as_caller(transaction: &mut Transaction, caller: &Caller) -> Result<()> {
    transaction.query(SET_ROLE, &[&caller.role()]).await?;
    Ok(())
}

const DELETE: &str =
    concat!("delete from storage.objects where bucket_id = $1 and name = any($2) returning ", columns!());

/// Deletes the objects of these names that the caller may delete and see, and returns them.
pub(crate) async fn delete(db: &Db, context: &Context, bucket: &str, names: &[String]) -> Result<Vec<Object>> {
    Ok(db.read(context, DELETE, &[&bucket, &names]).await?.iter().map(Object::read).collect())
}

const DELETE_SOME: &str = "
    delete from storage.objects
    where id = any(array(select id from storage.objects where bucket_id = $1 limit $2))
    returning version";

/// Deletes up to `limit` objects of a bucket and returns how many there were with their files.
pub(crate) async fn delete_some(db: &Db, context: &Context, bucket: &str, limit: i64) -> Result<(usize, Vec<Blob>)> {
    let rows = db.read(context, DELETE_SOME, &[&bucket, &limit]).await?;
    let blob = |row: &Row| row.get::<_, Option<String>>(0).as_deref().and_then(Blob::parse);
    Ok((rows.len(), rows.iter().filter_map(blob).collect()))
}

const RENAME: &str = "
    update storage.objects set bucket_id = $3, name = $4 where bucket_id = $1 and name = $2 returning id";

/// Gives an object another name, and perhaps another bucket, under the caller's policies. The file stays.
///
/// # Errors
/// [`Error::NoSuchKey`] when there is none that the caller may change, [`Error::KeyExists`] when the new name is
/// taken.
pub(crate) async fn rename(db: &Db, context: &Context, from: &ObjectPath, to: &ObjectPath) -> Result<()> {
    let rows =
        db.read(context, RENAME, &[&from.bucket, &from.name, &to.bucket, &to.name]).await.map_err(
            |error| match error.constraint_in("storage") {
                Some("bucketid_objname") => Error::KeyExists,
                _ => error.into(),
            },
        )?;
    if rows.is_empty() { Err(Error::NoSuchKey) } else { Ok(()) }
}
