//! `GET /admin/users`: pages of users.

use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Uri};
use serde::Serialize;

use crate::bearer::Admin;
use crate::client::Client;
use crate::error::Error;
use crate::json::Json;
use crate::model::users::{self, ListOrder, Page, User};
use crate::query::Query;
use crate::state::State;

const DEFAULT_PER_PAGE: u64 = 50;

/// Larger pages are cut to this, so that no request takes all memory.
const MAX_PER_PAGE: u64 = 10_000;

#[derive(Serialize)]
struct Users {
    users: Vec<User>,
    aud: String,
}

/// Lists the users of an audience, without their identities and factors.
pub(crate) async fn list(
    With(state): With<State>,
    admin: Admin,
    client: Client,
    uri: Uri,
    query: Query,
) -> Result<Response, Error> {
    let aud = client.audience(Some(&admin.claims), &state.settings);
    let order = order(&query)?;
    let (page, per_page) = (number(&query, "page", 1)?, number(&query, "per_page", DEFAULT_PER_PAGE)?);
    if per_page == 0 {
        return Err(Error::validation("Bad Pagination Parameters: per_page must not be 0"));
    }
    let per_page = per_page.min(MAX_PER_PAGE);
    let offset = page.saturating_sub(1).saturating_mul(per_page);
    let wanted = Page {
        aud: &aud,
        filter: query.first("filter"),
        order,
        limit: i64::try_from(per_page).unwrap_or(i64::MAX),
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
    };
    let (users, total) =
        users::list(&state.db, &wanted).await.map_err(Error::database("Database error finding users"))?;
    let link = link(uri.path(), &query, page, total.div_ceil(per_page));
    let mut response = Json(Users { users, aud }).into_response();
    response.headers_mut().insert("x-total-count", HeaderValue::from(total));
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert("link", link);
    }
    Ok(response)
}

fn number(query: &Query, name: &str, default: u64) -> Result<u64, Error> {
    match query.first(name) {
        "" => Ok(default),
        text => text
            .parse()
            .map_err(|_| Error::validation(format!("Bad Pagination Parameters: {name} {text:?} is not a number"))),
    }
}

/// Only the time of creation can be sorted by; the newest come first.
fn order(query: &Query) -> Result<ListOrder, Error> {
    let mut order = None;
    for sort in query.all("sort") {
        let (field, direction) = sort.split_once(' ').unwrap_or((sort, "desc"));
        if field != "created_at" {
            return Err(Error::validation(format!("Bad Sort Parameters: bad field for sort '{field}'")));
        }
        let direction = match direction.to_ascii_uppercase().as_str() {
            "ASC" => ListOrder::OldestFirst,
            "DESC" => ListOrder::NewestFirst,
            _ => {
                return Err(Error::validation(format!(
                    "Bad Sort Parameters: bad direction for sort '{direction}', only 'asc' and 'desc' allowed"
                )));
            }
        };
        // The first one decides, as in `order by`.
        order.get_or_insert(direction);
    }
    Ok(order.unwrap_or(ListOrder::NewestFirst))
}

fn link(path: &str, query: &Query, page: u64, pages: u64) -> String {
    let to = |page: u64, rel: &str| format!("<{path}?{}>; rel=\"{rel}\"", query.with("page", &page.to_string()));
    let last = to(pages, "last");
    if pages > page { format!("{}, {last}", to(page + 1, "next")) } else { last }
}
