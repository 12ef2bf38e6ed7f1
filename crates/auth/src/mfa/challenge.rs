//! `POST /factors/{id}/challenge`: asks for a code, and sends it where the factor is a phone.

use axum::extract::State as With;
use jiff::SignedDuration;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Kind;
use super::check::code_hash;
use super::denials::FACTOR_NOT_FOUND;
use super::member::{FactorId, Member};
use crate::client::Client;
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::{Json, OptionalBody};
use crate::letters::seconds_left;
use crate::model::audit::{self, Action, Actor};
use crate::model::challenges::{self, NewChallenge};
use crate::model::factors::Factor;
use crate::refusal::Refusal;
use crate::sms::{self, Texting};
use crate::state::State;

/// What clients are told when the database refuses.
const NOT_CREATED: &str = "Database error creating challenge";

/// The body, which is looked at where a code is sent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    channel: String,
}

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
    body: Result<OptionalBody<Request>, Error>,
) -> Result<Json<Challenged>, Error> {
    let factor = member.provable_factor(&factor_id)?;
    let kind = Kind::parse(&factor.factor_type).ok_or(FACTOR_NOT_FOUND)?;
    kind.check_verify(&state.settings.mfa)?;
    let request = match kind {
        Kind::Phone => body?.0.unwrap_or_default(),
        Kind::Totp | Kind::Webauthn => Request::default(),
    };
    if kind == Kind::Phone {
        sms::check_channel(&state, &request.channel)?;
    }
    let failed = Error::database(NOT_CREATED);
    let at = state.clock.now();
    let ip = challenges::address(client.ip);
    let mut challenge = NewChallenge { id: state.random.uuid(), factor_id: factor.id, ip, code_hash: None, at };
    let (_turns, mut tx) = state
        .asking((kind == Kind::Phone).then_some(HookName::SendSms))
        .change(member.user.id)
        .await
        .map_err(&failed)?;
    // Locked, so that the factor stays, and no second code is made meanwhile.
    let member = member.hold(&state, &mut tx).await?;
    let factor = member.provable_factor(&factor_id)?;
    let code = match kind {
        Kind::Phone => Some(PhoneCode::make(&state, factor)?),
        Kind::Totp | Kind::Webauthn => None,
    };
    if sms::maker_of_codes(&state).is_none() {
        let hash = |code: &PhoneCode| code_hash(&state, challenge.id, &code.number, &code.digits);
        let hash = code.as_ref().map(hash);
        challenge.code_hash = hash.map(|hash| state.seal(challenge.id, &hash).expose_secret().to_owned());
    }
    challenges::insert(&mut tx, &challenge).await.map_err(&failed)?;
    let traits = json!({"factor_id": factor.id, "factor_status": factor.status});
    let entry = audit::payload(&Actor::user(&member.user), Action::ChallengeCreated, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    if let Some(PhoneCode { number, digits }) = &code {
        let texting = Texting { state: &state, client: &client, channel: &request.channel };
        texting.second_factor(&mut tx, &member.user, number, digits).await?;
    }
    tx.commit().await.map_err(&failed)?;
    let lifetime = SignedDuration::try_from(state.settings.mfa.challenge_lifetime()).unwrap_or(SignedDuration::MAX);
    let expires_at = at.saturating_add(lifetime).unwrap_or(jiff::Timestamp::MAX).as_second();
    Ok(Json(Challenged { id: challenge.id, r#type: kind.name(), expires_at }))
}

/// A code and the number that it goes to.
struct PhoneCode {
    number: String,
    digits: String,
}

impl PhoneCode {
    /// A new one, unless the last is too recent.
    fn make(state: &State, factor: &Factor) -> Result<Self, Error> {
        let (settings, last) = (&state.settings.mfa, factor.last_challenged_at);
        if let Some(seconds) = last.and_then(|last| seconds_left(last, settings.phone_max_frequency, state.clock.now()))
        {
            return Err(Refusal::SmsTooSoon(seconds).into());
        }
        let digits = authkit::otp::code(&state.random, settings.phone_otp_length);
        Ok(Self { number: factor.phone.clone(), digits })
    }
}
