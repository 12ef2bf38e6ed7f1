//! `GET /admin/users`: pages of users.

use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use http::Uri;
use serde::Serialize;

use crate::bearer::Admin;
use crate::client::Client;
use crate::error::Error;
use crate::json::Json;
use crate::model::users::{self, ListOrder, Page, User};
use crate::paging::Paging;
use crate::query::Query;
use crate::state::State;

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
    let paging = Paging::read(&query)?;
    let wanted =
        Page { aud: &aud, filter: query.first("filter"), order, limit: paging.limit(), offset: paging.offset() };
    let (users, total) =
        users::list(&state.db, &wanted).await.map_err(Error::database("Database error finding users"))?;
    let mut response = Json(Users { users, aud }).into_response();
    response.headers_mut().extend(paging.headers(&uri, &query, total));
    Ok(response)
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
