//! `GET /admin/users`: pages of users.

use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use http::Uri;
use serde::Serialize;

use super::{conditions, cursor};
use crate::bearer::Admin;
use crate::client::Client;
use crate::error::Error;
use crate::json::Json;
use crate::model::users::{self, Conditions, ListOrder, Page, User};
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
    let conditions = conditions::read(&query, aud.clone(), state.clock.now())?;
    if let Some(users) = look_up(&state, &query, &conditions).await? {
        return Ok(Json(Users { users, aud }).into_response());
    }
    if cursor::is_wanted(&state, &query) {
        return cursor::list(&state, &uri, &query, &conditions, order).await;
    }
    let paging = Paging::read(&query)?;
    let page = Page { order, limit: paging.limit(), offset: paging.offset() };
    let (users, total) =
        users::list(&state.db, &conditions, page).await.map_err(Error::database("Database error finding users"))?;
    let mut response = Json(Users { users, aud }).into_response();
    response.headers_mut().extend(paging.headers(&uri, &query, total));
    Ok(response)
}

/// Who has exactly the `email` or the `phone` that the query names; `None` when it names neither.
async fn look_up(state: &State, query: &Query, conditions: &Conditions) -> Result<Option<Vec<User>>, Error> {
    let (email, phone) = (query.first("email"), query.first("phone"));
    let found = match (email, phone) {
        ("", "") => return Ok(None),
        (email, "") => users::with_email(&state.db, conditions, &email.to_lowercase()).await,
        ("", phone) => {
            // A plus that is not escaped in a URL is a space.
            let number = authkit::address::normalise_phone(phone.trim_start());
            users::with_phone(&state.db, conditions, &number).await
        }
        _ => return Err(Error::validation("Only an email address or phone number can be looked up")),
    };
    found.map(Some).map_err(Error::database("Database error finding users"))
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
