//! Signing up with an address that has an account already. Nothing that the account holds is changed or told:
//! who asks may be somebody else.

use axum::response::{IntoResponse, Response};
use pg::Context;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Start;
use super::create::{self, NOT_SAVED};
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::Json;
use crate::metadata;
use crate::model::audit::{self, Action, Actor};
use crate::model::identities;
use crate::model::users::User;
use crate::unsent;

pub(super) async fn answer(start: &Start<'_>, user: &User, password: &str) -> Result<Response, Error> {
    match (start.contact.is_confirmed_by(user), start.is_open()) {
        (true, true) => {
            record(start, user).await?;
            Err(Error::UserAlreadyExists)
        }
        (true, false) => {
            unsent::note(start.state, start.contact, "confirmation").await?;
            record(start, user).await?;
            // Hashing is what a new account would have taken the time for.
            start.state.hasher.hash(SecretString::from(password)).await?;
            Ok(Json(fabricated(start)).into_response())
        }
        (false, true) => open(start, user, password).await,
        (false, false) => Ok(Json(ask_again(start, user).await?).into_response()),
    }
}

/// Answers as for a confirmed account where the account is out of sight.
pub(super) fn answer_blindly(start: &Start<'_>) -> Result<Response, Error> {
    if start.is_open() {
        return Err(Error::UserAlreadyExists);
    }
    Ok(Json(fabricated(start)).into_response())
}

async fn record(start: &Start<'_>, user: &User) -> Result<(), Error> {
    let failed = Error::database("Database error finding user");
    let state = start.state;
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    let traits = json!({"provider": start.contact.provider()});
    let entry = audit::payload(&Actor::user(user), Action::UserRepeatedSignUp, Some(traits));
    audit::insert(&mut tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

/// What a new user that waits for confirmation looks like, made of the request alone. Apps tell it by its empty
/// `identities`, which is how Supabase lets them.
fn fabricated(start: &Start<'_>) -> Value {
    let now = start.state.clock.now();
    json!({
        "id": start.id,
        "aud": start.aud,
        "role": "",
        "email": start.contact.email().unwrap_or_default(),
        "phone": start.contact.phone().unwrap_or_default(),
        "confirmation_sent_at": now,
        "app_metadata": metadata::of_providers(&[start.contact.provider().to_owned()]),
        "user_metadata": start.data,
        "identities": [],
        "created_at": now,
        "updated_at": now,
        "is_anonymous": false,
    })
}

/// Addresses are confirmed at once now, but were not when this account was made. Its own password opens it;
/// Supabase opens it with any, which gives away accounts that an administrator has prepared.
async fn open(start: &Start<'_>, user: &User, password: &str) -> Result<Response, Error> {
    let failed = Error::database(NOT_SAVED);
    let state = start.state;
    let is_own = state.hasher.verify(SecretString::from(password), state.password_hash(user)?).await?;
    if !is_own || user.is_banned(state.clock.now()) {
        record(start, user).await?;
        return Err(Error::UserAlreadyExists);
    }
    let mut tx = state.asking([HookName::CustomAccessToken]).write(&Context::service()).await.map_err(&failed)?;
    let issued = create::sign_in(start, &mut tx, user).await?.ok_or(Error::UserAlreadyExists)?;
    tx.commit().await.map_err(&failed)?;
    issued.answer(state)
}

/// Sends the letter or message again. An account of which nothing is confirmed and that has no identity for it gets
/// one in place of the others; what somebody has confirmed is not a stranger's to replace. Who was invited and not yet confirmed is told of nothing that the invitation holds.
pub(crate) async fn ask_again(start: &Start<'_>, user: &User) -> Result<User, Error> {
    let failed = Error::database(NOT_SAVED);
    let mut tx = start.state.asking([start.contact.sender()]).write(&Context::service()).await.map_err(&failed)?;
    let is_nobodys = user.email_confirmed_at.is_none() && user.phone_confirmed_at.is_none();
    if is_nobodys && user.identity(start.contact.provider()).is_none() {
        let (_, id) = create::add_identity(start, &mut tx, user, start.data).await.map_err(&failed)?;
        identities::delete_others(&mut tx, user.id, id).await.map_err(&failed)?;
    }
    let mut asked = create::ask(start, &mut tx, user).await?;
    tx.commit().await.map_err(&failed)?;
    if asked.invited_at.is_some() {
        asked.user_metadata = json!({});
        asked.identities = Some(Vec::new());
    }
    Ok(asked)
}
