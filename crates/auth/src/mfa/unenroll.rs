//! `DELETE /factors/{id}`: a factor goes, and with it the level of the sessions that used it.

use axum::extract::State as With;
use pg::Transaction;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::denials::{FACTOR_NOT_FOUND, UNENROLL_NEEDS_AAL2};
use super::member::{FactorId, Member};
use crate::client::Client;
use crate::error::Error;
use crate::json::Json;
use crate::letters::{Letters, News};
use crate::model::audit::{self, Action, Actor};
use crate::model::{factors, recovery_codes, users};
use crate::state::State;

/// The answer.
#[derive(Serialize)]
pub(super) struct Unenrolled {
    id: Uuid,
}

/// Removes a factor; a verified one only at the second level.
pub(super) async fn delete(
    With(state): With<State>,
    member: Member,
    factor_id: FactorId,
    client: Client,
) -> Result<Json<Unenrolled>, Error> {
    let failed = Error::database("Database error deleting factor");
    let (_turns, mut tx) = state.change(member.user.id).await.map_err(&failed)?;
    let member = member.hold(&state, &mut tx).await?;
    let factor = member.factor(&factor_id)?;
    if factor.is_verified() && !member.is_second_level() {
        return Err(UNENROLL_NEEDS_AAL2.into());
    }
    remove(&state, &mut tx, member.user.id, factor.id).await?;
    let traits = json!({"factor_id": factor.id, "factor_status": factor.status, "session_id": member.session.id});
    let entry = audit::payload(&Actor::user(&member.user), Action::FactorUnenrolled, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    let letters = Letters { state: &state, client: &client, redirect_to: "", is_pkce: false };
    letters.notify(&mut tx, &member.user, News::FactorUnenrolled { kind: &factor.factor_type }).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Json(Unenrolled { id: factor.id }))
}

/// Deletes a factor, lowers the sessions that used it, and forgets recovery codes that stand for no factor any more.
/// A factor that is gone already is not there.
pub(crate) async fn remove(state: &State, tx: &mut Transaction, user_id: Uuid, id: Uuid) -> Result<(), Error> {
    let failed = Error::database("Database error deleting factor");
    users::hold(tx, user_id).await.map_err(&failed)?;
    if !factors::delete(tx, id).await.map_err(&failed)? {
        return Err(FACTOR_NOT_FOUND.into());
    }
    let at = state.clock.now();
    factors::lower_sessions(tx, user_id, id, at).await.map_err(&failed)?;
    recovery_codes::delete_idle(tx, user_id, at).await.map_err(failed)
}
