//! `/user`: the signed-in user about themselves.

pub(crate) mod identities;
mod update;

pub(crate) use update::put;

use axum::extract::State as With;

use crate::bearer::Authenticated;
use crate::client::{Client, first_audience};
use crate::error::Error;
use crate::json::Json;
use crate::model::users::User;
use crate::state::State;

/// `GET /user`.
pub(crate) async fn get(With(state): With<State>, client: Client, caller: Authenticated) -> Result<Json<User>, Error> {
    let audience = client.audience(Some(&caller.claims), &state.settings);
    if first_audience(&caller.claims) != Some(&audience) {
        return Err(Error::validation("Token audience doesn't match request audience"));
    }
    Ok(Json(caller.user))
}
