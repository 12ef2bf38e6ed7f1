//! Whether a code is the answer to a challenge.

use authkit::totp::Key;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Kind;
use super::denials::{WRONG_CODE, WRONG_PHONE_CODE, WRONG_PROVIDER_CODE};
use crate::denial::Denial;
use crate::error::Error;
use crate::model::challenges::Challenge;
use crate::model::factors;
use crate::sms;
use crate::state::State;

/// What clients are told when the database refuses.
pub(super) const NOT_VERIFIED: &str = "Database error verifying factor";

/// What a code is.
pub(super) enum Verdict {
    /// The right one; with the step of an authenticator app's, which is still to be used up.
    Right(Option<i64>),
    /// A wrong one, and how that is told.
    Wrong(Denial),
}

impl Verdict {
    pub(super) fn is_right(&self) -> bool {
        matches!(self, Self::Right(_))
    }
}

/// Looks at a code. Nothing is written, and no transaction is open while a provider is asked.
pub(super) async fn check(state: &State, kind: Kind, challenge: &Challenge, code: &str) -> Result<Verdict, Error> {
    match kind {
        Kind::Phone => check_phone(state, challenge, code).await,
        Kind::Totp | Kind::Webauthn => check_app(state, challenge, code).await,
    }
}

/// The hash of a code that is sent for a challenge to a number, for which alone it is good.
pub(super) fn code_hash(state: &State, challenge_id: Uuid, number: &str, digits: &str) -> String {
    state.code_key.hash(&format!("{challenge_id} {number} "), digits)
}

async fn check_phone(state: &State, challenge: &Challenge, code: &str) -> Result<Verdict, Error> {
    if let Some(provider) = sms::maker_of_codes(state) {
        let is_right = sms::check_made_code(&**provider, &challenge.phone, code).await?;
        return Ok(if is_right { Verdict::Right(None) } else { Verdict::Wrong(WRONG_PROVIDER_CODE) });
    }
    let hash = code_hash(state, challenge.id, &challenge.phone, code);
    let stored = challenge.code_hash.as_ref().map(|stored| state.open(challenge.id, &stored.as_str().into()));
    let right = stored.transpose()?;
    let is_right = right.is_some_and(|right| right.expose_secret().as_bytes().ct_eq(hash.as_bytes()).into());
    Ok(if is_right { Verdict::Right(None) } else { Verdict::Wrong(WRONG_PHONE_CODE) })
}

/// Whether it is the app's code of now, and one that has not been used: each counts once.
async fn check_app(state: &State, challenge: &Challenge, code: &str) -> Result<Verdict, Error> {
    let secret = challenge.secret.as_ref().map(|stored| state.open(challenge.factor_id, stored)).transpose()?;
    let secret = secret.map(|secret| Key::parse(secret.expose_secret()));
    let key = match secret {
        Some(Ok(key)) => key,
        Some(Err(error)) => return Err(Error::Internal(NOT_VERIFIED, error.to_string())),
        None => return Err(Error::Internal(NOT_VERIFIED, "the factor has no secret".to_owned())),
    };
    let step = key.step_of(code, state.clock.unix_seconds()).and_then(|step| i64::try_from(step).ok());
    let Some(step) = step else { return Ok(Verdict::Wrong(WRONG_CODE)) };
    let last = factors::last_step(&state.db, challenge.factor_id).await.map_err(Error::database(NOT_VERIFIED))?;
    let is_new = last.is_none_or(|last| last < step);
    Ok(if is_new { Verdict::Right(Some(step)) } else { Verdict::Wrong(WRONG_CODE) })
}
