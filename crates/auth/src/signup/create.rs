//! Writing a new account.

use pg::{Context, Transaction};
use serde_json::{Value, json};

use super::Start;
use crate::error::Error;
use crate::letters::Letters;
use crate::metadata;
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, NewIdentity};
use crate::model::users::{self, NewUser, User};
use crate::state::State;
use crate::tokens::{Issued, Proof, Sign};

/// What clients are told when the database refuses a new user, as a trigger may.
pub(super) const NOT_SAVED: &str = "Database error saving new user";

/// What a sign-up comes to.
pub(super) enum Outcome {
    Session(Box<Issued>),
    /// The address has still to be confirmed.
    Unconfirmed(Box<User>),
}

/// Writes everything of a sign-up in one transaction: user, identity, audit entries and, where addresses count
/// as confirmed, the session, else the mail.
pub(super) async fn create(start: &Start<'_>, hash: &str) -> Result<Outcome, Error> {
    let failed = Error::database(NOT_SAVED);
    let mut tx = start.state.db.write(&Context::service()).await.map_err(&failed)?;
    let user = insert(start, hash, &mut tx).await?;
    if start.state.settings.mailer_autoconfirm {
        let issued = sign_in(start, &mut tx, &user).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        return Ok(Outcome::Session(Box::new(issued)));
    }
    let user = ask(start, &mut tx, &user).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Outcome::Unconfirmed(Box::new(user)))
}

/// Confirms the address and opens the session.
pub(super) async fn sign_in(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<Issued, pg::Error> {
    let (state, traits) = (start.state, json!({"provider": "email"}));
    let entry = audit::payload(&Actor::user(user), Action::UserSignedUp, Some(traits.clone()));
    let at = state.clock.now();
    audit::insert(tx, state, &entry, at).await?;
    users::confirm_email(tx, user.id, at).await?;
    Sign::prepare(state, start.client, user, Proof::Password, Some(traits)).open_in(tx).await
}

/// Asks for a confirmation of the address by mail; returns the user as it is then.
pub(super) async fn ask(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<User, Error> {
    let failed = Error::database(NOT_SAVED);
    let state = start.state;
    let traits = json!({"provider": "email"});
    let entry = audit::payload(&Actor::user(user), Action::UserConfirmationRequested, Some(traits));
    audit::insert(tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
    if let Some(challenge) = start.challenge {
        challenge.start(state, tx, user.id, "email", Proof::EmailSignup).await.map_err(&failed)?;
    }
    let letters = Letters { state, redirect_to: start.redirect_to, is_pkce: start.challenge.is_some() };
    letters.confirmation(tx, user).await?;
    reload(tx, user).await
}

/// Adds user and identity. The user is read again in between, since triggers may have changed the row, and then
/// carries the identity's data as metadata.
async fn insert(start: &Start<'_>, hash: &str, tx: &mut Transaction) -> Result<User, Error> {
    let failed = Error::database(NOT_SAVED);
    let state = start.state;
    let (id, at) = (state.random.uuid(), state.clock.now());
    let providers = metadata::of_providers(&["email".to_owned()]);
    let new = NewUser {
        id,
        aud: start.aud,
        role: &state.settings.jwt_default_role,
        email: Some(start.email),
        phone: None,
        encrypted_password: hash,
        app_metadata: Value::Object(providers.clone()),
        user_metadata: Value::Object(start.data.clone()),
        at,
    };
    users::insert(tx, &new).await.map_err(&failed)?;
    let user = users::reload(tx, id).await.map_err(&failed)?;
    let mut user = user.ok_or_else(removed)?;
    let data = add_identity(start, tx, &user).await.map_err(&failed)?.0;
    user.app_metadata = metadata::merge(user.app_metadata, providers);
    user.user_metadata = metadata::without_nulls(data);
    users::set_metadata(tx, &user, at).await.map_err(&failed)?;
    reload(tx, &user).await
}

/// Adds the email identity of a user; returns its data and id.
pub(super) async fn add_identity(
    start: &Start<'_>,
    tx: &mut Transaction,
    user: &User,
) -> Result<(Value, uuid::Uuid), pg::Error> {
    let state: &State = start.state;
    let data = identities::email_data(user.id, &user.email, false, start.data);
    let id = state.random.uuid();
    let at = state.clock.now();
    let identity = NewIdentity { id, user_id: user.id, provider: "email", data: data.clone(), at };
    identities::insert(tx, &identity).await?;
    Ok((data, id))
}

async fn reload(tx: &mut Transaction, user: &User) -> Result<User, Error> {
    users::reload(tx, user.id).await.map_err(Error::database(NOT_SAVED))?.ok_or_else(removed)
}

fn removed() -> Error {
    Error::Internal(NOT_SAVED, "a trigger removed the new user".to_owned())
}
