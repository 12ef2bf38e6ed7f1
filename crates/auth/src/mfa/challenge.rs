//! `POST /factors/{id}/challenge`: asks for a code.

use axum::extract::State as With;
use jiff::SignedDuration;
use pg::Context;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Kind;
use super::denials::FACTOR_NOT_FOUND;
use super::member::{FactorId, Member};
use crate::client::Client;
use crate::error::Error;
use crate::json::Json;
use crate::model::audit::{self, Action, Actor};
use crate::model::challenges::{self, NewChallenge};
use crate::state::State;

/// The answer.
#[derive(Serialize)]
pub(super) struct Challenged {
    id: Uuid,
    r#type: &'static str,
    /// In seconds since 1970.
    expires_at: i64,
}

/// Starts a challenge, which only the same address may answer.
pub(super) async fn post(
    With(state): With<State>,
    member: Member,
    factor_id: FactorId,
    client: Client,
) -> Result<Json<Challenged>, Error> {
    let factor = member.factor(&factor_id)?;
    let kind = Kind::parse(&factor.factor_type).ok_or(FACTOR_NOT_FOUND)?;
    kind.check_verify(&state.settings.mfa)?;
    let failed = Error::database("Database error creating challenge");
    let at = state.clock.now();
    let challenge =
        NewChallenge { id: state.random.uuid(), factor_id: factor.id, ip: challenges::address(client.ip), at };
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    challenges::insert(&mut tx, &challenge).await.map_err(&failed)?;
    let traits = json!({"factor_id": factor.id, "factor_status": factor.status});
    let entry = audit::payload(&Actor::user(&member.user), Action::ChallengeCreated, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    let lifetime = SignedDuration::try_from(state.settings.mfa.challenge_lifetime()).unwrap_or(SignedDuration::MAX);
    let expires_at = at.saturating_add(lifetime).unwrap_or(jiff::Timestamp::MAX).as_second();
    Ok(Json(Challenged { id: challenge.id, r#type: kind.name(), expires_at }))
}
