//! Signing in with an email address and a password.

use axum::response::Response;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client::Client;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks::{self, Decision, HookName};
use crate::model::users::{self, User};
use crate::pace::{Flow, Pace, Way};
use crate::refusal::Refusal;
use crate::secrets::Place;
use crate::state::State;
use crate::tokens::{Issued, Proof, Sign};

/// What clients are told when the database fails.
const NOT_GRANTED: &str = "Database error granting user";

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
    let contact = if email.is_empty() {
        Contact::Phone(authkit::address::normalise_phone(&phone))
    } else {
        Contact::Email(email.to_lowercase())
    };
    match contact {
        Contact::Email(_) if !state.settings.email_enabled => return Err(Error::EmailLoginDisabled),
        Contact::Phone(_) if !state.settings.phone_enabled => return Err(Error::PhoneLoginDisabled),
        Contact::Email(_) | Contact::Phone(_) => {}
    }
    let aud = client.audience(None, &state.settings);
    let pace = Pace::begin(state, Flow::Password);
    let user = contact.find_user(&state.db, &aud).await.map_err(Error::database("Database error querying schema"))?;
    let stored = user.as_ref().map(|user| state.password_hash(user)).transpose()?.flatten();
    let is_right = state.hasher.verify(password.clone(), stored).await?;
    // Who is deleted softly is nobody, whatever an administrator has given them since.
    let is_right = is_right && user.as_ref().is_none_or(|user| user.deleted_at.is_none());
    if let Some(user) = &user {
        tell(state, client, user, is_right).await?;
    }
    let way = if user.is_some() { Way::Account } else { Way::Nobody };
    let user = match user.filter(|_| is_right) {
        Some(user) => user,
        None => return pace.settle(way, Err(Error::InvalidCredentials)).await,
    };
    if user.is_banned(state.clock.now()) {
        return Err(Error::LoginBanned);
    }
    if !contact.is_confirmed_by(&user) {
        return Err(match contact {
            Contact::Email(_) => Error::EmailNotConfirmed,
            Contact::Phone(_) => Refusal::PhoneNotConfirmed.into(),
        });
    }
    let traits = json!({"provider": contact.provider()});
    let issued = match open(state, client, &user, traits.clone()).await? {
        Some(issued) => issued,
        None => {
            let user = unchanged(state, &user).await?.ok_or(Error::InvalidCredentials)?;
            match open(state, client, &user, traits).await? {
                Some(issued) => issued,
                None => return Err(not_opened(state, &user).await?),
            }
        }
    };
    state.renew(Place::Password, issued.user.id, issued.user.encrypted_password.as_ref()).await;
    issued.answer_with(state, Some(weakness(state, &password).await))
}

/// Opens the session, if the password that was verified is still the user's. A token that the hook makes comes with
/// it: without one, none is opened.
async fn open(state: &State, client: &Client, user: &User, traits: Value) -> Result<Option<Issued>, Error> {
    let failed = Error::database(NOT_GRANTED);
    let sign = Sign::prepare(state, client, user, Proof::Password, Some(traits));
    let sign = sign.verified(user.encrypted_password.as_ref());
    let hooks = &state.outside.hooks;
    if !hooks.has(HookName::CustomAccessToken) || hooks.is_far(HookName::CustomAccessToken) {
        let claims = sign.claims(user).await?;
        let _turn = state.turn(user.id).await;
        let opened = sign.open().await.map_err(failed)?;
        return Ok(opened.map(|issued| Issued { claims, ..issued }));
    }
    // A hook in the database is asked in the same transaction.
    let (_turns, mut tx) = state.change(user.id).await.map_err(&failed)?;
    let Some(issued) = sign.open_in(&mut tx).await.map_err(&failed)? else { return Ok(None) };
    let issued = issued.customise(state, client, &mut tx, Proof::Password.name()).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Some(issued))
}

/// The user as they are now, if the password is the same: another sign-in may have stored its hash with another key
/// meanwhile. An error for who has been banned meanwhile.
async fn unchanged(state: &State, verified: &User) -> Result<Option<User>, Error> {
    let user = users::find(&state.db, verified.id).await.map_err(Error::database(NOT_GRANTED))?;
    let Some(user) = user else { return Ok(None) };
    if user.deleted_at.is_some() || !is_same(&state.password_hash(&user)?, &state.password_hash(verified)?) {
        return Ok(None);
    }
    if user.is_banned(state.clock.now()) { Err(Error::LoginBanned) } else { Ok(Some(user)) }
}

/// Whether two hashes are of the same password, however they are stored.
pub(crate) fn is_same(one: &Option<SecretString>, other: &Option<SecretString>) -> bool {
    let is_same = |(one, other): (&SecretString, &SecretString)| one.expose_secret() == other.expose_secret();
    one.as_ref().zip(other.as_ref()).is_some_and(is_same)
}

/// Why no session was opened for a user whose password was right.
async fn not_opened(state: &State, user: &User) -> Result<Error, Error> {
    Ok(match unchanged(state, user).await? {
        Some(_) => Error::Internal(NOT_GRANTED, "a trigger of auth.users keeps the row as it is".to_owned()),
        None => Error::InvalidCredentials,
    })
}

/// Tells the hook of an attempt at an account's password; an error when it rejects it.
pub(crate) async fn tell(state: &State, client: &Client, user: &User, is_right: bool) -> Result<(), Error> {
    let input = json!({"user_id": user.id, "valid": is_right});
    let decision = hooks::decide(state, client, HookName::PasswordVerificationAttempt, input).await?;
    let Some(decision) = decision.filter(Decision::is_rejection) else { return Ok(()) };
    if decision.should_logout_user() {
        let ended = hooks::end_sessions(state, user, HookName::PasswordVerificationAttempt).await;
        ended.map_err(Error::database(NOT_GRANTED))?;
    }
    let message = decision.into_message();
    if message.is_empty() {
        return Err(Error::InvalidCredentials);
    }
    Err(Refusal::PasswordRejected(message).into())
}

/// What is weak about a password that is right all the same.
async fn weakness(state: &State, password: &SecretString) -> Value {
    match state.check_password(password.expose_secret()).await {
        Err(Error::WeakPassword(weakness)) => json!({"message": weakness.message, "reasons": weakness.reasons}),
        _ => Value::Null,
    }
}
