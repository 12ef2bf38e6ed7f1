//! Listing a bucket: by folder and page number, and by prefix and cursor.

use axum::extract;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::body::{BucketPath, Json};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::model::listing::{self, Entry, Page, Stretch};
use crate::state::State;
use crate::timestamps;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Column {
    #[default]
    Name,
    UpdatedAt,
    CreatedAt,
    LastAccessedAt,
}

impl Column {
    fn sql(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::UpdatedAt => "updated_at",
            Self::CreatedAt => "created_at",
            Self::LastAccessedAt => "last_accessed_at",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Direction {
    #[default]
    Asc,
    Desc,
}

impl Direction {
    fn sql(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Sort {
    column: Column,
    #[serde(default)]
    order: Option<Direction>,
}

/// What `list` asks for.
#[derive(Deserialize)]
pub(crate) struct Search {
    prefix: String,
    limit: Option<i32>,
    offset: Option<i32>,
    #[serde(rename = "sortBy")]
    sort: Option<Sort>,
    search: Option<String>,
}

/// `POST /object/list/{bucket}`
pub(crate) async fn page(
    extract::State(state): extract::State<State>,
    caller: Caller,
    BucketPath(bucket): BucketPath,
    Json(search): Json<Search>,
) -> Result<Json<Vec<Entry>>> {
    at_least(search.limit, 1, "body/limit")?;
    at_least(search.offset, 0, "body/offset")?;
    let mut folder = search.prefix;
    if !folder.is_empty() && !folder.ends_with('/') {
        folder.push('/');
    }
    let sort = search.sort.unwrap_or_default();
    let page = Page {
        bucket: &bucket,
        folder: &folder,
        search: search.search.as_deref().unwrap_or_default(),
        limit: search.limit.unwrap_or(100),
        offset: search.offset.unwrap_or(0),
        column: sort.column.sql(),
        direction: sort.order.unwrap_or_default().sql(),
    };
    Ok(Json(listing::page(state.db(), &caller.context("storage.object.list"), &page).await?))
}

fn at_least(value: Option<i32>, least: i32, name: &str) -> Result<()> {
    if value.is_some_and(|value| value < least) {
        return Err(Error::Malformed(format!("{name} must be >= {least}")));
    }
    Ok(())
}

/// What `listV2` asks for.
#[derive(Deserialize)]
pub(crate) struct SearchV2 {
    #[serde(default)]
    prefix: String,
    limit: Option<i32>,
    cursor: Option<String>,
    with_delimiter: Option<bool>,
    #[serde(rename = "sortBy")]
    sort: Option<Sort>,
}

/// What it answers.
#[derive(Serialize)]
pub(crate) struct Found {
    #[serde(rename = "hasNext")]
    has_next: bool,
    #[serde(rename = "nextCursor", skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(rename = "nextCursorKey", skip_serializing_if = "Option::is_none")]
    next_cursor_key: Option<String>,
    folders: Vec<Entry>,
    objects: Vec<Entry>,
}

/// The most entries of one answer, as in the original.
const MAX_ENTRIES: i32 = 1000;

/// `POST /object/list-v2/{bucket}`
pub(crate) async fn stretch(
    extract::State(state): extract::State<State>,
    caller: Caller,
    BucketPath(bucket): BucketPath,
    Json(search): Json<SearchV2>,
) -> Result<Json<Found>> {
    at_least(search.limit, 1, "body/limit")?;
    let limit = search.limit.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let cursor = match &search.cursor {
        Some(cursor) if !cursor.is_empty() => Cursor::decode(cursor)?,
        _ => {
            let sort = search.sort.unwrap_or_default();
            Cursor { column: sort.column, direction: sort.order.unwrap_or_default(), ..Cursor::default() }
        }
    };
    if cursor.column == Column::LastAccessedAt {
        return Err(Error::Malformed("body/sortBy/column must be name, updated_at or created_at".to_owned()));
    }
    let stretch = Stretch {
        bucket: &bucket,
        prefix: &search.prefix,
        limit: limit + 1,
        after: &cursor.after,
        after_time: &cursor.after_time,
        column: cursor.column.sql(),
        direction: cursor.direction.sql(),
    };
    let context = caller.context("storage.object.list_v2");
    let entries = match search.with_delimiter {
        Some(true) => listing::tree(state.db(), &context, &stretch).await?,
        Some(false) | None => listing::flat(state.db(), &context, &stretch).await?,
    };
    Ok(Json(answer(entries, usize::try_from(limit).unwrap_or_default(), &cursor)))
}

fn answer(mut entries: Vec<Entry>, limit: usize, cursor: &Cursor) -> Found {
    let has_next = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| has_next).map(|last| cursor.behind(last));
    let (mut folders, objects): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.id.is_none());
    for folder in &mut folders {
        if !folder.name.ends_with('/') {
            folder.name.push('/');
        }
    }
    Found {
        has_next,
        next_cursor: next.as_ref().map(Cursor::encode),
        next_cursor_key: next.map(|next| next.after),
        folders,
        objects,
    }
}

/// Where a listing goes on, in the original's form, so that cursors outlive a change of servers.
#[derive(Clone, Debug, Default, PartialEq)]
struct Cursor {
    after: String,
    after_time: String,
    column: Column,
    direction: Direction,
}

impl Cursor {
    fn behind(&self, last: &Entry) -> Self {
        let time = match self.column {
            Column::Name => None,
            Column::CreatedAt => last.created_at,
            Column::UpdatedAt => last.updated_at,
            Column::LastAccessedAt => last.last_accessed_at,
        };
        Self { after: last.name.clone(), after_time: time.map(timestamps::json).unwrap_or_default(), ..self.clone() }
    }

    fn encode(&self) -> String {
        let mut text = format!("l:{}\no:{}", self.after, self.direction.sql());
        if self.column != Column::Name {
            text += &format!("\nc:{}\na:{}", self.column.sql(), self.after_time);
        }
        STANDARD.encode(text)
    }

    fn decode(text: &str) -> Result<Self> {
        const WRONG: Error = Error::InvalidParameter("continuation token");
        let text = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(WRONG)?;
        let mut cursor = Self::default();
        for line in text.split('\n') {
            match line.split_once(':').ok_or(WRONG)? {
                ("l", after) => cursor.after = after.to_owned(),
                ("a", time) => cursor.after_time = time.to_owned(),
                ("o", "asc") => cursor.direction = Direction::Asc,
                ("o", "desc") => cursor.direction = Direction::Desc,
                ("c", "name") => cursor.column = Column::Name,
                ("c", "created_at") => cursor.column = Column::CreatedAt,
                ("c", "updated_at") => cursor.column = Column::UpdatedAt,
                _ => return Err(WRONG),
            }
        }
        Ok(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_round_trip_and_forged_ones_are_refused() {
        let cursor = Cursor {
            after: "a/b:c".to_owned(),
            after_time: "2026-11-22T20:06:18.000Z".to_owned(),
            column: Column::CreatedAt,
            direction: Direction::Desc,
        };
        assert_eq!(Cursor::decode(&cursor.encode()).ok(), Some(cursor));
        for wrong in ["%", "l", &STANDARD.encode("x:y"), &STANDARD.encode("c:name; drop"), &STANDARD.encode([255])] {
            assert!(Cursor::decode(wrong).is_err(), "{wrong}");
        }
    }
}
