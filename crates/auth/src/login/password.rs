//! Signing in with an email address and a password.

use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::model::users;
use crate::state::State;
use crate::tokens::{Proof, Sign};

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    email: String,
    phone: String,
    password: SecretText,
}

/// A text that does not print.
#[derive(Deserialize)]
#[serde(transparent)]
struct SecretText(SecretString);

impl Default for SecretText {
    fn default() -> Self {
        Self(String::new().into())
    }
}

/// Answers a session. Who is not there, has no password, gives a wrong one or is banned learns nothing else,
/// and not by time either.
pub(super) async fn grant(state: &State, client: &Client, request: Request) -> Result<Response, Error> {
    let Request { email, phone, password: SecretText(password) } = request;
    if !email.is_empty() && !phone.is_empty() {
        return Err(Error::validation("Only an email address or phone number should be provided on login."));
    }
    if email.is_empty() && phone.is_empty() {
        return Err(Error::validation("missing email or phone"));
    }
    if email.is_empty() {
        return Err(Error::PhoneLoginDisabled);
    }
    if !state.settings.email_enabled {
        return Err(Error::EmailLoginDisabled);
    }
    let aud = client.audience(None, &state.settings);
    let user = users::find_by_email(&state.db, &email.to_lowercase(), &aud)
        .await
        .map_err(Error::database("Database error querying schema"))?;
    let stored = user.as_ref().and_then(|user| user.encrypted_password.clone());
    let is_right = state.hasher.verify(password.clone(), stored).await?;
    let user = user.filter(|_| is_right).ok_or(Error::InvalidCredentials)?;
    if user.is_banned(state.clock.now()) {
        return Err(Error::LoginBanned);
    }
    if !user.is_confirmed() {
        return Err(Error::EmailNotConfirmed);
    }
    let issued = Sign::prepare(state, client, &user, Proof::Password, Some(json!({"provider": "email"})))
        .open()
        .await
        .map_err(Error::database("Database error granting user"))?
        .ok_or(Error::InvalidCredentials)?;
    issued.answer_with(state, Some(weakness(state, &password).await))
}

/// What is weak about a password that is right all the same.
async fn weakness(state: &State, password: &SecretString) -> Value {
    match state.check_password(password.expose_secret()).await {
        Err(Error::WeakPassword(weakness)) => json!({"message": weakness.message, "reasons": weakness.reasons}),
        _ => Value::Null,
    }
}
