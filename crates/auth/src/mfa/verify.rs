//! `POST /factors/{id}/verify`: the answer to a challenge, which raises the session to the second level.

use axum::extract::State as With;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Kind;
use super::check::{NOT_VERIFIED, Verdict, check};
use super::denials::{CHALLENGE_NOT_FOUND, FACTOR_NOT_FOUND, OTHER_ADDRESS, WRONG_CODE, challenge_expired, rejected};
use super::member::{FactorId, Member};
use super::step_up::StepUp;
use crate::client::Client;
use crate::error::Error;
use crate::hooks::{self, Decision, HookName};
use crate::json::Body;
use crate::letters::{Letters, News};
use crate::limits::{self, Bucket};
use crate::model::audit::{self, Action, Actor};
use crate::model::challenges::{self, Challenge};
use crate::model::factors::{self, Factor};
use crate::secrets::Place;
use crate::state::State;

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
    let factor = member.provable_factor(&factor_id)?;
    let kind = Kind::parse(&factor.factor_type).ok_or(FACTOR_NOT_FOUND)?;
    if request.code.is_empty() && kind != Kind::Webauthn {
        return Err(Error::validation("Code needs to be non-empty"));
    }
    kind.check_verify(&state.settings.mfa)?;
    limits::check_user(&state, Bucket::FactorVerify, member.user.id).await?;
    let challenge = find(&state, &client, request.challenge_id, factor.id).await?;
    let verdict = check(&state, kind, &challenge, &request.code).await?;
    tell(&state, &client, &member, factor, &verdict).await?;
    let step = match verdict {
        Verdict::Right(step) => step,
        Verdict::Wrong(denial) => return Err(denial.into()),
    };
    let failed = Error::database(NOT_VERIFIED);
    let (number, at) = (factor.phone.clone(), state.clock.now());
    let (_turns, mut tx) = state.asking([HookName::CustomAccessToken]).change(member.user.id).await.map_err(&failed)?;
    let member = member.hold(&state, &mut tx).await?;
    let factor = member.provable_factor(&factor_id)?;
    if factor.phone != number {
        return Err(WRONG_CODE.into());
    }
    if !challenges::set_verified(&mut tx, &challenge, at).await.map_err(&failed)? {
        return Err(OTHER_ADDRESS.into());
    }
    if let Some(step) = step
        && !factors::use_step(&mut tx, factor.id, step).await.map_err(&failed)?
    {
        return Err(WRONG_CODE.into());
    }
    let is_first = factors::set_verified(&mut tx, factor.id, at).await.map_err(&failed)?;
    factors::delete_unverified(&mut tx, member.user.id, kind.name()).await.map_err(&failed)?;
    let step_up = StepUp { state: &state, member: &member, method: kind.method(), factor_id: Some(factor.id) };
    let issued = step_up.write(&mut tx).await?;
    let mut traits = json!({"factor_id": factor.id, "challenge_id": challenge.id, "factor_type": kind.name()});
    if is_first {
        traits["changes"] = json!({"status": {"from": factor.status, "to": "verified"}});
    }
    let entry = audit::payload(&Actor::user(&member.user), Action::VerificationAttempted, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    let issued = issued.customise(&state, &client, &mut tx, kind.method()).await?;
    if is_first {
        let letters = Letters { state: &state, client: &client, redirect_to: "", is_pkce: false };
        letters.notify(&mut tx, &issued.user, News::FactorEnrolled { kind: kind.name() }).await?;
    }
    tx.commit().await.map_err(&failed)?;
    state.renew(Place::Totp, factor.id, challenge.secret.as_ref()).await;
    issued.answer(&state)
}

/// The challenge, if it can still be answered from here. One that is too old goes away.
async fn find(state: &State, client: &Client, id: Uuid, factor_id: Uuid) -> Result<Challenge, Error> {
    let failed = Error::database(NOT_VERIFIED);
    let challenge = challenges::find(&state.db, id, factor_id).await.map_err(&failed)?.ok_or(CHALLENGE_NOT_FOUND)?;
    if challenge.verified_at.is_some() || challenge.ip != challenges::address(client.ip) {
        return Err(OTHER_ADDRESS.into());
    }
    let lifetime = SignedDuration::try_from(state.settings.mfa.challenge_lifetime()).unwrap_or(SignedDuration::MAX);
    if state.clock.now() > challenge.created_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX) {
        challenges::delete(&state.db, challenge.id).await.map_err(&failed)?;
        return Err(challenge_expired(challenge.id).into());
    }
    Ok(challenge)
}

/// Tells the hook of an attempt, right or wrong. When it rejects it, all sessions of the user end.
async fn tell(
    state: &State,
    client: &Client,
    member: &Member,
    factor: &Factor,
    verdict: &Verdict,
) -> Result<(), Error> {
    let user_id = member.user.id;
    let (factor_id, factor_type) = (factor.id, &factor.factor_type);
    let input =
        json!({"user_id": user_id, "factor_id": factor_id, "factor_type": factor_type, "valid": verdict.is_right()});
    let decision = hooks::decide(state, client, HookName::MfaVerificationAttempt, input).await?;
    let Some(decision) = decision.filter(Decision::is_rejection) else { return Ok(()) };
    let ended = hooks::end_sessions(state, &member.user, HookName::MfaVerificationAttempt).await;
    ended.map_err(Error::database(NOT_VERIFIED))?;
    Err(rejected(decision.into_message()).into())
}
