//! `/admin/users/{id}/factors`: a user's second factors, for administrators.

use axum::extract::State as With;
use serde::Deserialize;
use serde_json::json;

use super::Target;
use crate::bearer::Admin;
use crate::client::Client;
use crate::error::Error;
use crate::json::{Body, Json};
use crate::mfa::{self, FACTOR_NOT_FOUND, FactorId, PHONE_TAKEN, name_conflict};
use crate::model::audit::{self, Action, Actor};
use crate::model::factors::{self, Factor, NAME_KEY, PHONE_KEY};
use crate::model::users::{self, User};
use crate::sms::check_number;
use crate::state::State;

/// The body of a change; what is empty stays.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    friendly_name: String,
    phone: String,
}

/// `GET`.
pub(crate) async fn list(_: Admin, Target(user): Target) -> Json<Vec<Factor>> {
    Json(user.factors)
}

/// `PUT` of one.
pub(crate) async fn update(
    With(state): With<State>,
    admin: Admin,
    Target(user): Target,
    id: FactorId,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Json<Factor>, Error> {
    let mut factor = find(&user, &id)?;
    mfa::check_name(&request.friendly_name)?;
    let name = Some(&*request.friendly_name).filter(|name| !name.is_empty());
    let phone = Some(&*request.phone).filter(|phone| !phone.is_empty() && factor.factor_type == "phone");
    let phone = phone.map(check_number).transpose()?;
    let failed = |error: pg::Error| match error.constraint_in("auth") {
        Some(NAME_KEY) => name_conflict(&request.friendly_name).into(),
        Some(PHONE_KEY) => PHONE_TAKEN.into(),
        _ => Error::Database("Database error updating factor", error),
    };
    let at = state.clock.now();
    let (_turns, mut tx) = state.change(user.id).await.map_err(failed)?;
    if name.is_some() || phone.is_some() {
        // Who verifies the number at the same time comes before or after.
        users::hold(&mut tx, user.id).await.map_err(failed)?;
        let old = factors::update(&mut tx, factor.id, name, phone.as_deref(), at).await.map_err(failed)?;
        let old = old.ok_or(FACTOR_NOT_FOUND)?;
        factor = Factor { friendly_name: old.friendly_name, phone: old.phone, updated_at: at, ..factor };
    }
    let mut traits = json!({"user_id": user.id, "factor_id": factor.id, "factor_type": factor.factor_type});
    for (field, old, new) in
        [("friendly_name", &factor.friendly_name, name), ("phone", &factor.phone, phone.as_deref())]
    {
        if let Some(new) = new.filter(|new| new != old) {
            traits["changes"][field] = json!({"from": old, "to": new});
        }
    }
    let entry = audit::payload(&Actor::admin(&admin), Action::FactorUpdated, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    factor.friendly_name = name.map_or(factor.friendly_name, str::to_owned);
    factor.phone = phone.unwrap_or(factor.phone);
    Ok(Json(factor))
}

/// `DELETE` of one; answers what it was.
pub(crate) async fn delete(
    With(state): With<State>,
    admin: Admin,
    Target(user): Target,
    id: FactorId,
    client: Client,
) -> Result<Json<Factor>, Error> {
    let factor = find(&user, &id)?;
    let failed = Error::database("Database error deleting factor");
    let (_turns, mut tx) = state.change(user.id).await.map_err(&failed)?;
    mfa::remove(&state, &mut tx, user.id, factor.id).await?;
    // As in Supabase the user is the actor; who did it is told beside.
    let admin = Actor::admin(&admin).named();
    let traits = json!({"user_id": user.id, "factor_id": factor.id, "admin": admin});
    let entry = audit::payload(&Actor::user(&user), Action::FactorDeleted, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(Json(factor))
}

fn find(user: &User, FactorId(id): &FactorId) -> Result<Factor, Error> {
    user.factors.iter().find(|factor| factor.id == *id).cloned().ok_or_else(|| FACTOR_NOT_FOUND.into())
}
