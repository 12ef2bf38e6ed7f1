//! `POST /factors/{id}/verify`: the answer to a challenge, which raises the session to the second level.

use authkit::totp::Key;
use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use pg::{Context, Transaction};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Kind;
use super::denials::{CHALLENGE_NOT_FOUND, FACTOR_NOT_FOUND, OTHER_ADDRESS, WRONG_CODE, challenge_expired};
use super::member::{FactorId, Member};
use super::step_up::StepUp;
use crate::client::Client;
use crate::error::Error;
use crate::json::Body;
use crate::limits::{self, Bucket};
use crate::model::audit::{self, Action, Actor};
use crate::model::challenges::{self, Challenge};
use crate::model::factors;
use crate::state::State;

/// What clients are told when the database refuses.
const NOT_VERIFIED: &str = "Database error verifying factor";

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    challenge_id: Uuid,
    code: String,
}

/// Answers the session at the second level.
pub(super) async fn post(
    With(state): With<State>,
    member: Member,
    factor_id: FactorId,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Response, Error> {
    let factor = member.factor(&factor_id)?;
    let kind = Kind::parse(&factor.factor_type).ok_or(FACTOR_NOT_FOUND)?;
    kind.check_verify(&state.settings.mfa)?;
    if request.code.is_empty() {
        return Err(Error::validation("Code needs to be non-empty"));
    }
    limits::check_user(&state, Bucket::FactorVerify, member.user.id).await?;
    let failed = Error::database(NOT_VERIFIED);
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    factors::lock_user(&mut tx, member.user.id).await.map_err(&failed)?;
    let challenge = challenges::lock(&mut tx, request.challenge_id, factor.id).await.map_err(&failed)?;
    let challenge = challenge.ok_or(CHALLENGE_NOT_FOUND)?;
    if challenge.verified_at.is_some() || challenge.ip != challenges::address(client.ip) {
        return Err(OTHER_ADDRESS.into());
    }
    if is_expired(&state, &challenge) {
        challenges::delete(&mut tx, challenge.id).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        return Ok(Error::from(challenge_expired(challenge.id)).into_response());
    }
    check_code(&state, &mut tx, &challenge, &request.code).await?;
    let at = state.clock.now();
    challenges::set_verified(&mut tx, challenge.id, at).await.map_err(&failed)?;
    factors::set_verified(&mut tx, factor.id, at).await.map_err(&failed)?;
    factors::delete_unverified(&mut tx, member.user.id, kind.name()).await.map_err(&failed)?;
    let step_up = StepUp { state: &state, member: &member, method: kind.method(), factor_id: Some(factor.id) };
    let issued = step_up.write(&mut tx).await?;
    let traits = json!({"factor_id": factor.id, "challenge_id": challenge.id, "factor_type": kind.name()});
    let entry = audit::payload(&Actor::user(&member.user), Action::VerificationAttempted, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    issued.answer(&state)
}

fn is_expired(state: &State, challenge: &Challenge) -> bool {
    let lifetime = SignedDuration::try_from(state.settings.mfa.challenge_lifetime()).unwrap_or(SignedDuration::MAX);
    state.clock.now() > challenge.created_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX)
}

/// Whether it is the app's code of now, and one that has not been used: each counts once.
async fn check_code(state: &State, tx: &mut Transaction, challenge: &Challenge, code: &str) -> Result<(), Error> {
    let secret = challenge.secret.as_ref().map(|secret| Key::parse(secret.expose_secret()));
    let key = match secret {
        Some(Ok(key)) => key,
        Some(Err(error)) => return Err(Error::Internal(NOT_VERIFIED, error.to_string())),
        None => return Err(Error::Internal(NOT_VERIFIED, "the factor has no secret".to_owned())),
    };
    let step = key.step_of(code, state.clock.unix_seconds()).ok_or(WRONG_CODE)?;
    let step = i64::try_from(step).map_err(|_| WRONG_CODE)?;
    let is_new = factors::use_step(tx, challenge.factor_id, step).await.map_err(Error::database(NOT_VERIFIED))?;
    if is_new { Ok(()) } else { Err(WRONG_CODE.into()) }
}
