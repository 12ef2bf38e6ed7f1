//! Users from a place on: `limit` and `cursor` instead of `page` and `per_page`, as fast at the end as at the start.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Uri, header};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::conditions::is_storable;
use crate::error::Error;
use crate::json::Json;
use crate::model::users::{self, Conditions, ListOrder, Slice, User};
use crate::query::Query;
use crate::state::State;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

/// Where a list goes on: after this user.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    created_at: Timestamp,
    id: Uuid,
}

#[derive(Serialize)]
struct Users {
    users: Vec<User>,
    aud: String,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    has_more: bool,
}

/// Whether a query asks for this kind of list.
pub(super) fn is_wanted(state: &State, query: &Query) -> bool {
    let has = |name: &str| !query.first(name).is_empty();
    !has("page") && !has("per_page") && (state.settings.cursor_pagination_enabled || has("cursor") || has("limit"))
}

/// Lists users from the cursor on.
pub(super) async fn list(
    state: &State,
    uri: &Uri,
    query: &Query,
    conditions: &Conditions,
    order: ListOrder,
) -> Result<Response, Error> {
    let limit = limit(query.first("limit"))?;
    let after = Some(query.first("cursor")).filter(|text| !text.is_empty()).map(read).transpose()?;
    let slice = Slice {
        order,
        limit: i64::try_from(limit + 1).unwrap_or(i64::MAX),
        after: after.map(|cursor| (cursor.created_at, cursor.id)),
    };
    let users = users::slice(&state.db, conditions, &slice).await;
    let mut users = users.map_err(Error::database("Database error finding users"))?;
    let has_more = users.len() > limit;
    users.truncate(limit);
    let next_cursor = users.last().filter(|_| has_more).map(write);
    let link =
        next_cursor.as_ref().map(|cursor| format!("<{}?{}>; rel=\"next\"", uri.path(), query.with("cursor", cursor)));
    let pagination = Pagination { next_cursor, has_more };
    let mut response = Json(Users { users, aud: conditions.aud.clone(), pagination }).into_response();
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

fn limit(text: &str) -> Result<usize, Error> {
    if text.is_empty() {
        return Ok(DEFAULT_LIMIT);
    }
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| Error::validation("Bad Pagination Parameters: limit must be between 1 and 1000"))
}

fn write(user: &User) -> String {
    let cursor = Cursor { created_at: user.created_at, id: user.id };
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).expect("two plain fields"))
}

fn read(text: &str) -> Result<Cursor, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok();
    let cursor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let cursor = cursor.filter(|cursor: &Cursor| is_storable(cursor.created_at));
    cursor.ok_or_else(|| Error::validation("Bad Pagination Parameters: cursor is not valid"))
}
