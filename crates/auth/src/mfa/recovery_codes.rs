//! `/factors/recovery-codes`: codes on paper for who has lost the second factor, each good for one step up.
//! Supabase has none; `docs/recovery-codes.md` describes these.

use axum::extract::State as With;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::denials::{CODES_NEED_AAL2, NO_VERIFIED_FACTOR, WRONG_RECOVERY_CODE};
use super::member::Member;
use super::step_up::StepUp;
use crate::client::Client;
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::{Body, Json};
use crate::limits::{self, Bucket};
use crate::model::audit::{self, Action, Actor};
use crate::model::recovery_codes;
use crate::state::State;

/// How many codes there are.
const CODES: usize = 10;

/// How many characters a code has, of nearly five bits each: 79 bits are too many to guess, even from the hash.
const LENGTH: usize = 16;

/// Digits and letters that are not taken for each other.
const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";

/// The name of the method in the `amr` claim.
const METHOD: &str = "mfa/recovery_code";

/// The answer to making codes, the only time that they are shown.
#[derive(Serialize)]
pub(super) struct Made {
    codes: Vec<String>,
    created_at: Timestamp,
}

/// What is left.
#[derive(Serialize)]
pub(super) struct Left {
    remaining: usize,
    created_at: Option<Timestamp>,
}

/// The body of a step up.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    code: String,
}

/// `GET`: how many codes are left.
pub(super) async fn get(With(state): With<State>, member: Member) -> Result<Json<Left>, Error> {
    let failed = Error::database("Database error finding recovery codes");
    let (remaining, created_at) = recovery_codes::count(&state.db, member.user.id).await.map_err(failed)?;
    Ok(Json(Left { remaining, created_at }))
}

/// `POST`: new codes in place of all old ones.
pub(super) async fn create(With(state): With<State>, member: Member, client: Client) -> Result<Json<Made>, Error> {
    let failed = Error::database("Database error creating recovery codes");
    let codes: Vec<String> = (0..CODES).map(|_| grouped(&state.random.text(LENGTH, ALPHABET))).collect();
    let hashes = codes.iter().map(|code| hash(code)).collect();
    let created_at = state.clock.now();
    let (_turns, mut tx) = state.change(member.user.id).await.map_err(&failed)?;
    let member = member.hold(&state, &mut tx).await?;
    check(&member)?;
    recovery_codes::replace(&mut tx, member.user.id, hashes, created_at).await.map_err(&failed)?;
    let entry = audit::payload(&Actor::user(&member.user), Action::RecoveryCodesCreated, None);
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(Json(Made { codes, created_at }))
}

/// `DELETE`: no codes any more.
pub(super) async fn delete(With(state): With<State>, member: Member, client: Client) -> Result<StatusCode, Error> {
    let failed = Error::database("Database error deleting recovery codes");
    let (_turns, mut tx) = state.change(member.user.id).await.map_err(&failed)?;
    let member = member.hold(&state, &mut tx).await?;
    check(&member)?;
    recovery_codes::replace(&mut tx, member.user.id, Vec::new(), state.clock.now()).await.map_err(&failed)?;
    let entry = audit::payload(&Actor::user(&member.user), Action::RecoveryCodesDeleted, None);
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST …/verify`: the session at the second level; the code is used up.
pub(super) async fn verify(
    With(state): With<State>,
    member: Member,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Response, Error> {
    if request.code.is_empty() {
        return Err(Error::validation("Code needs to be non-empty"));
    }
    limits::check_user(&state, Bucket::FactorVerify, member.user.id).await?;
    let failed = Error::database("Database error verifying factor");
    let (_turns, mut tx) = state.asking([HookName::CustomAccessToken]).change(member.user.id).await.map_err(&failed)?;
    let member = member.hold(&state, &mut tx).await?;
    if !member.user.has_verified_factor() {
        return Err(NO_VERIFIED_FACTOR.into());
    }
    if !recovery_codes::take(&mut tx, member.user.id, &hash(&request.code)).await.map_err(&failed)? {
        return Err(WRONG_RECOVERY_CODE.into());
    }
    let step_up = StepUp { state: &state, member: &member, method: METHOD, factor_id: None };
    let issued = step_up.write(&mut tx).await?;
    let traits = json!({"factor_type": "recovery_code"});
    let entry = audit::payload(&Actor::user(&member.user), Action::VerificationAttempted, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(&failed)?;
    let issued = issued.customise(&state, &client, &mut tx, METHOD).await?;
    tx.commit().await.map_err(&failed)?;
    issued.answer(&state)
}

fn check(member: &Member) -> Result<(), Error> {
    if !member.user.has_verified_factor() {
        return Err(NO_VERIFIED_FACTOR.into());
    }
    if member.has_proven_second_level() { Ok(()) } else { Err(CODES_NEED_AAL2.into()) }
}

/// A code in groups of four.
fn grouped(code: &str) -> String {
    let groups: Vec<_> = code.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group)).collect();
    groups.join("-")
}

/// The hash of a code; case and what is not a letter or digit do not count.
fn hash(code: &str) -> Vec<u8> {
    let plain: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    Sha256::digest(plain.to_ascii_lowercase()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_compared_without_case_and_hyphens() {
        assert_eq!(grouped("abcdefghjkmnpqrs"), "abcd-efgh-jkmn-pqrs");
        assert_eq!(hash("abcd-efgh-jkmn-pqrs"), hash(" ABCDEFGHJKMNPQRS"));
        assert_ne!(hash("abcd-efgh-jkmn-pqrs"), hash("abcd-efgh-jkmn-pqrt"));
    }
}
