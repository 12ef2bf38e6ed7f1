//! `storage.buckets`.

use jiff::Timestamp;
use pg::{Context, Db, Row, Transaction};
use serde::Serialize;

use crate::caller::Owner;
use crate::error::{Error, Result};
use crate::timestamps;

/// A bucket as clients get it.
#[derive(Debug, Serialize)]
pub(crate) struct Bucket {
    id: String,
    name: String,
    /// Empty for none, as the original writes it.
    owner: String,
    public: bool,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    file_size_limit: Option<i64>,
    allowed_mime_types: Option<Vec<String>>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl Bucket {
    fn read(row: &Row) -> Self {
        let time = |column: &str| row.get::<_, Option<Timestamp>>(column).map(timestamps::json);
        Self {
            id: row.get("id"),
            name: row.get("name"),
            owner: row.get::<_, Option<String>>("owner").unwrap_or_default(),
            public: row.get::<_, Option<bool>>("public").unwrap_or_default(),
            kind: row.try_get("type").ok(),
            file_size_limit: row.get("file_size_limit"),
            allowed_mime_types: row.get("allowed_mime_types"),
            created_at: time("created_at"),
            updated_at: time("updated_at"),
        }
    }
}

const FIND: &str = "
    select id, name, owner::text, public, file_size_limit, allowed_mime_types, created_at, updated_at
    from storage.buckets where id = $1";

/// The bucket of an id, if the caller may see it.
pub(crate) async fn find(db: &Db, context: &Context, id: &str) -> Result<Option<Bucket>> {
    Ok(db.read(context, FIND, &[&id]).await?.first().map(Bucket::read))
}

/// How a list of buckets is sorted.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SortColumn {
    Id,
    Name,
    CreatedAt,
    UpdatedAt,
}

/// Which buckets are listed, and how.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) limit: Option<i64>,
    pub(crate) offset: Option<i64>,
    pub(crate) sort: Option<SortColumn>,
    pub(crate) is_descending: bool,
    /// Part of the name, in any case.
    pub(crate) search: Option<String>,
}

const LIST: &str = "
    select id, name, owner::text, public, file_size_limit, allowed_mime_types, created_at, updated_at, type::text
    from storage.buckets
    where $1::text is null or position(lower($1) in lower(name)) > 0";

/// The buckets that the caller may see.
pub(crate) async fn list(db: &Db, context: &Context, listing: &Listing) -> Result<Vec<Bucket>> {
    let column = listing.sort.map(|column| match column {
        SortColumn::Id => "id",
        SortColumn::Name => "name",
        SortColumn::CreatedAt => "created_at",
        SortColumn::UpdatedAt => "updated_at",
    });
    let direction = if listing.is_descending { "desc" } else { "asc" };
    // The id makes pages complete where the column has equal values.
    let order = column.map_or_else(|| "id".to_owned(), |column| format!("{column} {direction}, id"));
    let sql = format!("{LIST} order by {order} limit $2 offset $3");
    let search = listing.search.as_deref().filter(|search| !search.is_empty());
    let rows = db.read(context, &sql, &[&search, &listing.limit, &listing.offset]).await?;
    Ok(rows.iter().map(Bucket::read).collect())
}

/// A bucket in the making.
#[derive(Debug)]
pub(crate) struct NewBucket<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) owner: Owner,
    pub(crate) is_public: bool,
    pub(crate) file_size_limit: Option<i64>,
    pub(crate) allowed_mime_types: Option<Vec<String>>,
}

const CREATE: &str = "
    insert into storage.buckets (id, name, owner, owner_id, public, file_size_limit, allowed_mime_types)
    values ($1, $2, $3, $4, $5, $6, $7)";

/// Makes a bucket.
///
/// # Errors
/// [`Error::BucketExists`] when the id or the name is taken.
pub(crate) async fn create(db: &Db, context: &Context, bucket: NewBucket<'_>) -> Result<()> {
    let NewBucket { id, name, owner, is_public, file_size_limit, allowed_mime_types } = bucket;
    db.read(context, CREATE, &[&id, &name, &owner.uuid, &owner.id, &is_public, &file_size_limit, &allowed_mime_types])
        .await
        .map_err(|error| match error.constraint_in("storage") {
            Some("buckets_pkey" | "bname") => Error::BucketExists,
            _ => error.into(),
        })?;
    Ok(())
}

/// What is to change in a bucket; `None` leaves a value as it is, `Some(None)` removes it.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pub(crate) is_public: Option<bool>,
    pub(crate) file_size_limit: Option<Option<i64>>,
    pub(crate) allowed_mime_types: Option<Option<Vec<String>>>,
}

const UPDATE: &str = "
    update storage.buckets
    set public = coalesce($2, public),
        file_size_limit = case when $3 then $4 else file_size_limit end,
        allowed_mime_types = case when $5 then $6 else allowed_mime_types end
    where id = $1
    returning id";

/// Changes a bucket.
///
/// # Errors
/// [`Error::NoSuchBucket`] when there is none that the caller may change.
pub(crate) async fn update(db: &Db, context: &Context, id: &str, changes: Changes) -> Result<()> {
    let Changes { is_public, file_size_limit, allowed_mime_types } = changes;
    let (sets_limit, sets_types) = (file_size_limit.is_some(), allowed_mime_types.is_some());
    let (limit, types) = (file_size_limit.flatten(), allowed_mime_types.flatten());
    let rows = db.read(context, UPDATE, &[&id, &is_public, &sets_limit, &limit, &sets_types, &types]).await?;
    if rows.is_empty() { Err(Error::NoSuchBucket) } else { Ok(()) }
}

const LOCK: &str = "select id from storage.buckets where id = $1 for update";
const HAS_OBJECTS: &str = "select exists (select from storage.objects where bucket_id = $1)";

/// Locks a bucket against new objects and tells whether it is empty. To be asked as the tables' owner, since
/// objects that the caller may not see count too.
///
/// # Errors
/// [`Error::NoSuchBucket`].
pub(crate) async fn lock_and_check_empty(transaction: &mut Transaction, id: &str) -> Result<bool> {
    transaction.query_opt(LOCK, &[&id]).await?.ok_or(Error::NoSuchBucket)?;
    Ok(!transaction.query_one(HAS_OBJECTS, &[&id]).await?.get::<_, bool>(0))
}

const DELETE: &str = "delete from storage.buckets where id = $1";

/// Deletes a bucket; false when the caller may not.
pub(crate) async fn delete(transaction: &mut Transaction, id: &str) -> Result<bool> {
    Ok(transaction.execute(DELETE, &[&id]).await? == 1)
}

/// What decides about a file that comes into a bucket.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) is_public: bool,
    pub(crate) file_size_limit: Option<u64>,
    pub(crate) allowed_mime_types: Vec<String>,
}

const RULES: &str = "select public, file_size_limit, allowed_mime_types from storage.buckets where id = $1";

/// A bucket's rules, which bind everybody, so whether the caller may see the bucket is not asked.
///
/// # Errors
/// [`Error::NoSuchBucket`].
pub(crate) async fn rules(db: &Db, id: &str) -> Result<Rules> {
    let rows = db.read(&Context::service(), RULES, &[&id]).await?;
    let row = rows.first().ok_or(Error::NoSuchBucket)?;
    Ok(Rules {
        is_public: row.get::<_, Option<bool>>(0).unwrap_or_default(),
        file_size_limit: row.get::<_, Option<i64>>(1).and_then(|limit| u64::try_from(limit).ok()),
        allowed_mime_types: row.get::<_, Option<Vec<String>>>(2).unwrap_or_default(),
    })
}
