//! Listing a bucket as a tree: the functions `storage.search` and `storage.search_v2`.

use jiff::Timestamp;
use pg::{Context, Db, Row};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;
use crate::timestamps;

/// An object, or a folder, which has neither id nor times.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    /// The part of the name that is listed; only where the listing is a tree with cursors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    pub(crate) name: String,
    pub(crate) id: Option<Uuid>,
    #[serde(serialize_with = "time")]
    pub(crate) updated_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(serialize_with = "time")]
    pub(crate) last_accessed_at: Option<Timestamp>,
    pub(crate) metadata: Option<Value>,
}

fn time<S: serde::Serializer>(at: &Option<Timestamp>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    at.map(timestamps::json).serialize(serializer)
}

impl Entry {
    fn read(row: &Row) -> Self {
        Self {
            key: row.try_get("key").ok().flatten(),
            name: row.get::<_, Option<String>>("name").unwrap_or_default(),
            id: row.get("id"),
            updated_at: row.get("updated_at"),
            created_at: row.get("created_at"),
            last_accessed_at: row.get("last_accessed_at"),
            metadata: row.get("metadata"),
        }
    }
}

/// A page of the older listing.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) folder: &'a str,
    pub(crate) search: &'a str,
    pub(crate) limit: i32,
    pub(crate) offset: i32,
    pub(crate) column: &'static str,
    pub(crate) direction: &'static str,
}

const SEARCH: &str = "select * from storage.search($1, $2, $3, $4, $5, $6, $7, $8)";

/// What lies in a folder, by page number.
pub(crate) async fn page(db: &Db, context: &Context, page: &Page<'_>) -> Result<Vec<Entry>> {
    let Page { bucket, folder, search, limit, offset, column, direction } = page;
    let levels = levels(&format!("{folder}{search}"));
    let rows = db.read(context, SEARCH, &[folder, bucket, limit, &levels, offset, search, column, direction]).await?;
    Ok(rows.iter().map(Entry::read).collect())
}

/// A part of the newer listing, which goes on behind a name and, sorted by time, that name's time.
#[derive(Debug)]
pub(crate) struct Stretch<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) limit: i32,
    pub(crate) after: &'a str,
    pub(crate) after_time: &'a str,
    pub(crate) column: &'static str,
    pub(crate) direction: &'static str,
}

const SEARCH_V2: &str = "select * from storage.search_v2($1, $2, $3, $4, $5, $6, $7, $8)";

/// Objects and folders directly below a prefix.
pub(crate) async fn tree(db: &Db, context: &Context, stretch: &Stretch<'_>) -> Result<Vec<Entry>> {
    let Stretch { bucket, prefix, limit, after, after_time, column, direction } = stretch;
    let levels = levels(prefix);
    let rows =
        db.read(context, SEARCH_V2, &[prefix, bucket, limit, &levels, after, direction, column, after_time]).await?;
    Ok(rows.iter().map(Entry::read).collect())
}

const FLAT: &str = "
    select name, id, updated_at, created_at, last_accessed_at, metadata
    from storage.objects
    where bucket_id = $1 and starts_with(name, $2)";

/// All objects below a prefix, however deep.
pub(crate) async fn flat(db: &Db, context: &Context, stretch: &Stretch<'_>) -> Result<Vec<Entry>> {
    let Stretch { bucket, prefix, limit, after, after_time, column, direction } = stretch;
    let beyond = if *direction == "asc" { ">" } else { "<" };
    // Without a time, sorting by name alone; the cursor's time is compared all the same, as a constant.
    let time = if *column == "name" {
        "'epoch'::timestamptz".to_owned()
    } else {
        format!("date_trunc('milliseconds', {column})")
    };
    let sql = format!(
        r#"{FLAT}
          and ($4 = '' or ({time}, name collate "C") {beyond} (coalesce(nullif($5, '')::timestamptz, 'epoch'), $4))
        order by {time} {direction}, name collate "C" {direction}
        limit $3"#
    );
    let rows = db.read(context, &sql, &[bucket, prefix, &i64::from(*limit), after, after_time]).await?;
    Ok(rows.iter().map(Entry::read).collect())
}

fn levels(path: &str) -> i32 {
    i32::try_from(path.split('/').count()).unwrap_or(i32::MAX)
}
