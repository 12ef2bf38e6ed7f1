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
use crate::pkce::Challenge;
use crate::redirect::RedirectTo;
use crate::state::State;
use create::{NOT_SAVED, Outcome};

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

/// A sign-up that passed all checks.
struct Start<'a> {
    state: &'a State,
    client: &'a Client,
    /// The address in the form in which it is stored.
    email: &'a str,
    password: &'a str,
    aud: &'a str,
    data: &'a Fields,
    challenge: Option<&'a Challenge>,
    redirect_to: &'a str,
}

/// Answers a session where addresses are confirmed at once, else the new user.
pub(crate) async fn post(
    With(state): With<State>,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Response, Error> {
    if request.email.is_empty() && request.phone.is_empty() {
        return Err(Error::AnonymousDisabled);
    }
    let (email, challenge) = check(&state, &request).await?;
    let start = Start {
        state: &state,
        client: &client,
        email: &email,
        password: &request.password,
        aud: &client.audience(None, &state.settings),
        data: &request.data,
        challenge: challenge.as_ref(),
        redirect_to: &redirect_to,
    };
    let existing = users::find_duplicate(&state.db, &email, start.aud, None)
        .await
        .map_err(Error::database("Database error finding user"))?;
    if let Some(user) = existing {
        return existing::answer(&start, &user).await;
    }
    let hash = state.hasher.hash(SecretString::from(start.password)).await?;
    match create::create(&start, &hash).await {
        Ok(Outcome::Session(issued)) => issued.answer(&state),
        Ok(Outcome::Unconfirmed(user)) => Ok(Json(user).into_response()),
        Err(Error::Database(_, error)) if error.constraint() == Some(EMAIL_KEY) => overtaken(&start, error).await,
        Err(error) => Err(error),
    }
}

/// The address is taken after all: somebody else was faster, or it is one of another audience.
async fn overtaken(start: &Start<'_>, error: pg::Error) -> Result<Response, Error> {
    match users::find_duplicate(&start.state.db, start.email, start.aud, None).await {
        Ok(Some(user)) => existing::answer(start, &user).await,
        Ok(None) => existing::answer_blindly(start),
        Err(_) => Err(Error::Database(NOT_SAVED, error)),
    }
}

/// Checks in the order of the reference; returns the address in the form in which it is stored.
async fn check(state: &State, request: &Request) -> Result<(String, Option<Challenge>), Error> {
    if state.settings.disable_signup {
        return Err(Error::SignupDisabled);
    }
    if request.password.is_empty() {
        return Err(Error::validation("Signup requires a valid password"));
    }
    state.check_password(&request.password).await?;
    if !request.email.is_empty() && !request.phone.is_empty() {
        return Err(Error::validation("Only an email address or phone number should be provided on signup."));
    }
    if !request.phone.is_empty() && !request.code_challenge.is_empty() {
        return Err(Error::validation("PKCE not supported for phone signups"));
    }
    let challenge = Challenge::read(&request.code_challenge_method, &request.code_challenge)?;
    if request.email.is_empty() {
        return Err(Error::PhoneSignupDisabled);
    }
    if !state.settings.email_enabled {
        return Err(Error::EmailSignupDisabled);
    }
    Ok((authkit::address::email(&request.email)?, challenge))
}
