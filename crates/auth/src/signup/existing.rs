//! Signing up with an address that has an account already. Nothing that the account holds is changed or told:
//! who asks may be somebody else.

use axum::response::Response;
use pg::Context;
use secrecy::SecretString;
use serde_json::json;

use super::Request;
use super::create::NOT_SAVED;
use crate::client::Client;
use crate::error::Error;
use crate::model::audit::{self, Action, Actor};
use crate::model::users::{self, User};
use crate::state::State;
use crate::tokens::{Proof, Sign};

pub(super) async fn answer(state: &State, client: &Client, request: &Request, user: &User) -> Result<Response, Error> {
    if user.is_confirmed() { repeated(state, user).await } else { unconfirmed(state, client, request, user).await }
}

async fn repeated(state: &State, user: &User) -> Result<Response, Error> {
    let failed = Error::database("Database error finding user");
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    let entry = audit::payload(&Actor::user(user), Action::UserRepeatedSignUp, Some(json!({"provider": "email"})));
    audit::insert(&mut tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Err(Error::UserAlreadyExists)
}

/// Addresses are confirmed at once now, but were not when this account was made. Its own password opens it;
/// Supabase opens it with any, which gives away accounts that an administrator has prepared.
async fn unconfirmed(state: &State, client: &Client, request: &Request, user: &User) -> Result<Response, Error> {
    let failed = Error::database(NOT_SAVED);
    let password = SecretString::from(request.password.clone());
    let is_own = state.hasher.verify(password, user.encrypted_password.clone()).await?;
    if !is_own || user.is_banned(state.clock.now()) {
        return repeated(state, user).await;
    }
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    let entry = audit::payload(&Actor::user(user), Action::UserSignedUp, Some(json!({"provider": "email"})));
    let at = state.clock.now();
    audit::insert(&mut tx, state, &entry, at).await.map_err(&failed)?;
    users::confirm_email(&mut tx, user.id, at).await.map_err(&failed)?;
    let sign = Sign::prepare(state, client, user, Proof::Password, Some("email"));
    let issued = sign.open_in(&mut tx).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    issued.answer(state)
}
