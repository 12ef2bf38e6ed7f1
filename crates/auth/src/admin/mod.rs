//! `/admin/users`: administration of users, for tokens with an administrator's role.

mod attributes;
pub(crate) mod audit;
mod conditions;
mod create;
mod cursor;
mod delete;
pub(crate) mod factors;
mod links;
mod list;
pub(crate) mod sessions;
mod update;

pub(crate) use create::create;
pub(crate) use delete::delete;
pub(crate) use links::generate_link;
pub(crate) use list::list;
pub(crate) use update::update;

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bearer::Admin;
use crate::error::Error;
use crate::json::Json;
use crate::model::users::{self, User};
use crate::state::State;

/// The user that the path names. To be asked for after [`Admin`], so that nobody else learns whether it exists.
pub(crate) struct Target(User);

impl FromRequestParts<State> for Target {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        const NOT_A_UUID: Error = Error::PathNotFound("user_id must be an UUID");
        let Path(names): Path<HashMap<String, String>> =
            Path::from_request_parts(parts, state).await.map_err(|_| NOT_A_UUID)?;
        let id = names.get("user_id").and_then(|id| Uuid::parse_str(id).ok()).ok_or(NOT_A_UUID)?;
        let user = users::find(&state.db, id).await.map_err(Error::database("Database error loading user"))?;
        user.map(Self).ok_or(Error::UserNotFound)
    }
}

/// `GET /admin/users/{id}`.
pub(crate) async fn get(_: Admin, Target(user): Target) -> Json<User> {
    Json(user)
}

/// What an audit entry tells about the user that an administrator acts on.
fn traits(user: &User) -> Value {
    json!({"user_id": user.id, "user_email": user.email, "user_phone": user.phone})
}
