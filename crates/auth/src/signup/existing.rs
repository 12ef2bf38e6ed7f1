//! Signing up with an address that has an account already. Nothing that the account holds is changed or told:
//! who asks may be somebody else.

use axum::response::{IntoResponse, Response};
use pg::Context;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Start;
use super::create::{self, NOT_SAVED};
use crate::error::Error;
use crate::json::Json;
use crate::metadata;
use crate::model::audit::{self, Action, Actor};
use crate::model::identities;
use crate::model::users::User;

pub(super) async fn answer(start: &Start<'_>, user: &User) -> Result<Response, Error> {
    let is_open = start.state.settings.mailer_autoconfirm;
    match (user.is_confirmed(), is_open) {
        (true, true) => {
            record(start, user).await?;
            Err(Error::UserAlreadyExists)
        }
        (true, false) => {
            record(start, user).await?;
            // Hashing is what a new account would have taken the time for.
            start.state.hasher.hash(SecretString::from(start.password)).await?;
            Ok(Json(fabricated(start)).into_response())
        }
        (false, true) => open(start, user).await,
        (false, false) => ask_again(start, user).await,
    }
}

/// Answers as for a confirmed account where the account is out of sight.
pub(super) fn answer_blindly(start: &Start<'_>) -> Result<Response, Error> {
    if start.state.settings.mailer_autoconfirm {
        return Err(Error::UserAlreadyExists);
    }
    Ok(Json(fabricated(start)).into_response())
}

async fn record(start: &Start<'_>, user: &User) -> Result<(), Error> {
    let failed = Error::database("Database error finding user");
    let state = start.state;
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    let entry = audit::payload(&Actor::user(user), Action::UserRepeatedSignUp, Some(json!({"provider": "email"})));
    audit::insert(&mut tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

/// What a new user that waits for confirmation looks like, made of the request alone. Apps tell it by its empty
/// `identities`, which is how Supabase lets them.
fn fabricated(start: &Start<'_>) -> Value {
    let now = start.state.clock.now();
    json!({
        "id": start.state.random.uuid(),
        "aud": start.aud,
        "role": "",
        "email": start.email,
        "phone": "",
        "confirmation_sent_at": now,
        "app_metadata": metadata::of_providers(&["email".to_owned()]),
        "user_metadata": start.data,
        "identities": [],
        "created_at": now,
        "updated_at": now,
        "is_anonymous": false,
    })
}

/// Addresses are confirmed at once now, but were not when this account was made. Its own password opens it;
/// Supabase opens it with any, which gives away accounts that an administrator has prepared.
async fn open(start: &Start<'_>, user: &User) -> Result<Response, Error> {
    let failed = Error::database(NOT_SAVED);
    let state = start.state;
    let is_own = state.hasher.verify(SecretString::from(start.password), user.encrypted_password.clone()).await?;
    if !is_own || user.is_banned(state.clock.now()) {
        record(start, user).await?;
        return Err(Error::UserAlreadyExists);
    }
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    let issued = create::sign_in(start, &mut tx, user).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    issued.answer(state)
}

/// Sends the mail again. An account without an email identity gets one, in place of those that nobody has
/// confirmed.
async fn ask_again(start: &Start<'_>, user: &User) -> Result<Response, Error> {
    let failed = Error::database(NOT_SAVED);
    let mut tx = start.state.db.write(&Context::service()).await.map_err(&failed)?;
    if user.identity("email").is_none() {
        let (_, id) = create::add_identity(start, &mut tx, user).await.map_err(&failed)?;
        identities::delete_others(&mut tx, user.id, id).await.map_err(&failed)?;
    }
    let mut asked = create::ask(start, &mut tx, user).await?;
    tx.commit().await.map_err(&failed)?;
    if asked.invited_at.is_some() {
        asked.user_metadata = json!({});
        asked.identities = Some(Vec::new());
    }
    Ok(Json(asked).into_response())
}
