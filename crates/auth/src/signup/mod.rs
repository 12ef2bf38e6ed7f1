//! `POST /signup`: with an address that is new ([`create`]) or has an account ([`existing`]).

mod create;
mod existing;

use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Deserialize;

use crate::client::Client;
use crate::error::Error;
use crate::json::{Body, Json};
use crate::metadata::Fields;
use crate::model::users::{self, EMAIL_KEY};
use crate::pkce;
use crate::state::State;
use create::{NOT_SAVED, Outcome, Signup};

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    email: String,
    phone: String,
    password: String,
    data: Fields,
    code_challenge: String,
    code_challenge_method: String,
}

/// Answers a session where addresses are confirmed at once, else the new user.
pub(crate) async fn post(
    With(state): With<State>,
    client: Client,
    Body(request): Body<Request>,
) -> Result<Response, Error> {
    if request.email.is_empty() && request.phone.is_empty() {
        return Err(Error::AnonymousDisabled);
    }
    let email = check(&state, &request)?;
    let aud = client.audience(None, &state.settings);
    let existing = users::find_duplicate(&state.db, &email, &aud, None)
        .await
        .map_err(Error::database("Database error finding user"))?;
    if let Some(user) = existing {
        return existing::answer(&state, &client, &request, &user).await;
    }
    let hash = state.hasher.hash(SecretString::from(request.password.clone())).await?;
    let signup = Signup { state: &state, client: &client, email: &email, aud: &aud, data: &request.data, hash: &hash };
    match signup.create().await {
        Ok(Outcome::Session(issued)) => issued.answer(&state),
        Ok(Outcome::Unconfirmed(user)) => Ok(Json(user).into_response()),
        // Somebody else was faster with the same address.
        Err(Error::Database(_, error)) if error.constraint() == Some(EMAIL_KEY) => {
            match users::find_duplicate(&state.db, &email, &aud, None).await {
                Ok(Some(user)) => existing::answer(&state, &client, &request, &user).await,
                _ => Err(Error::Database(NOT_SAVED, error)),
            }
        }
        Err(error) => Err(error),
    }
}

/// Checks in the order of the reference; returns the address in the form in which it is stored.
fn check(state: &State, request: &Request) -> Result<String, Error> {
    if state.settings.disable_signup {
        return Err(Error::SignupDisabled);
    }
    if request.password.is_empty() {
        return Err(Error::validation("Signup requires a valid password"));
    }
    state.settings.password.check(&request.password)?;
    if !request.email.is_empty() && !request.phone.is_empty() {
        return Err(Error::validation("Only an email address or phone number should be provided on signup."));
    }
    if !request.phone.is_empty() && !request.code_challenge.is_empty() {
        return Err(Error::validation("PKCE not supported for phone signups"));
    }
    pkce::check(&request.code_challenge_method, &request.code_challenge)?;
    if request.email.is_empty() {
        return Err(Error::PhoneSignupDisabled);
    }
    if !state.settings.email_enabled {
        return Err(Error::EmailSignupDisabled);
    }
    Ok(authkit::address::email(&request.email)?)
}
