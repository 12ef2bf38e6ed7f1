//! `DELETE /admin/users/{id}`: the row goes, or stays without what tells who it was.

use axum::extract::State as With;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pg::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Target, traits};
use crate::bearer::Admin;
use crate::error::Error;
use crate::json::{Json, OptionalBody};
use crate::model::audit::{self, Action, Actor};
use crate::model::identities;
use crate::model::users::{self, Obscured, User};
use crate::state::State;

/// The constraint by which the database refuses to delete an owner of files.
const OWNER_KEY: &str = "objects_owner_id_fkey";

/// The body, which may be missing.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    should_soft_delete: bool,
}

/// Deletes a user; answers `{}`.
pub(crate) async fn delete(
    With(state): With<State>,
    admin: Admin,
    Target(user): Target,
    OptionalBody(request): OptionalBody<Request>,
) -> Result<Json<Value>, Error> {
    let failed = |error: pg::Error| match error.constraint_in("storage") {
        Some(OWNER_KEY) => Error::OwnsObjects(error),
        _ => Error::Database("Database error deleting user", error),
    };
    let at = state.clock.now();
    let (_turns, mut tx) = state.change(user.id).await.map_err(failed)?;
    let mut traits = traits(&user);
    if request.unwrap_or_default().should_soft_delete {
        let user = users::lock(&mut tx, user.id).await.map_err(failed)?.ok_or(Error::UserNotFound)?;
        if user.deleted_at.is_none() {
            soft_delete(&state, &mut tx, &user).await.map_err(failed)?;
            // The other fields are emptied so that nobody knows them any more.
            traits["changes"] = json!({"deleted_at": {"from": null, "to": at}});
        }
    } else if !users::delete(&mut tx, user.id).await.map_err(failed)? {
        return Err(Error::UserNotFound);
    }
    let entry = audit::payload(&Actor::admin(&admin), Action::UserDeleted, Some(traits));
    audit::insert(&mut tx, &state, &entry, at).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(Json(json!({})))
}

/// Replaces what tells who the user was by hashes, so that address and number are free again; ends sessions
/// and removes factors.
async fn soft_delete(state: &State, tx: &mut Transaction, user: &User) -> Result<(), pg::Error> {
    let short = |text: String| text.chars().take(15).collect::<String>();
    let obscured = Obscured {
        email: obscure(user.id, &user.email),
        email_change: obscure(user.id, &user.new_email),
        phone: short(obscure(user.id, &user.phone)),
        phone_change: short(obscure(user.id, &user.new_phone)),
    };
    users::soft_delete(tx, user.id, &obscured, state.clock.now()).await?;
    for identity in user.identities.iter().flatten() {
        let provider_id = obscure(user.id, &format!("{}:{}", identity.provider, identity.provider_id));
        identities::obscure(tx, identity.id, &provider_id).await?;
    }
    Ok(())
}

fn obscure(id: Uuid, value: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{id}{value}")))
}
