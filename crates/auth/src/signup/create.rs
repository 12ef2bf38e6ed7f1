//! Writing a new account.

use pg::{Context, Transaction};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::Start;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks::HookName;
use crate::letters::Letters;
use crate::metadata::{self, Fields};
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, NewIdentity};
use crate::model::users::{self, NewUser, User};
use crate::sms::Texting;
use crate::tokens::{Issued, Proof, Sign};

/// What clients are told when the database refuses a new user, as a trigger may.
pub(crate) const NOT_SAVED: &str = "Database error saving new user";

/// What a sign-up comes to.
pub(crate) enum Outcome {
    Session(Box<Issued>),
    /// The address has still to be confirmed.
    Unconfirmed(Box<User>),
}

/// Writes everything of a sign-up in one transaction: user, identity, audit entries and, where addresses count
/// as confirmed, the session, else the mail.
pub(crate) async fn create(start: &Start<'_>, hash: &str) -> Result<Outcome, Error> {
    let failed = Error::database(NOT_SAVED);
    let asked = if start.is_open() { HookName::CustomAccessToken } else { start.contact.sender() };
    let mut tx = start.state.asking([asked]).write(&Context::service()).await.map_err(&failed)?;
    let user = insert(start, hash, &mut tx).await?;
    if start.is_open() {
        let issued = sign_in(start, &mut tx, &user).await?.ok_or_else(removed)?;
        tx.commit().await.map_err(&failed)?;
        return Ok(Outcome::Session(Box::new(issued)));
    }
    ask(start, &mut tx, &user).await?;
    let user = reload(&mut tx, &user).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Outcome::Unconfirmed(Box::new(user)))
}

/// Confirms the address or number and opens the session; `None` when the password is another one by now.
pub(crate) async fn sign_in(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<Option<Issued>, Error> {
    let failed = Error::database(NOT_SAVED);
    confirm(start, tx, user).await.map_err(&failed)?;
    let traits = json!({"provider": start.contact.provider()});
    let sign = Sign::prepare(start.state, start.client, user, Proof::Password, Some(traits));
    let sign = sign.verified(user.encrypted_password.as_ref());
    let Some(issued) = sign.open_in(tx).await.map_err(failed)? else { return Ok(None) };
    issued.customise(start.state, start.client, tx, Proof::Password.name()).await.map(Some)
}

/// Confirms the address or number.
pub(crate) async fn confirm(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<(), pg::Error> {
    let (state, at) = (start.state, start.state.clock.now());
    let entry = audit::payload(&Actor::user(user), Action::UserSignedUp, Some(traits(start)));
    audit::insert(tx, state, &entry, at).await?;
    match start.contact {
        Contact::Email(_) => users::confirm_email(tx, user.id, at).await,
        Contact::Phone(_) => users::confirm_phone(tx, user.id, at).await,
    }
}

fn traits(start: &Start<'_>) -> Value {
    let mut traits = json!({"provider": start.contact.provider()});
    if start.contact.phone().is_some() {
        traits["channel"] = json!(if start.channel.is_empty() { "sms" } else { start.channel });
    }
    traits
}

/// Asks for a confirmation of the address or number; returns the message's id where there is one.
pub(crate) async fn ask(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<Option<String>, Error> {
    let failed = Error::database(NOT_SAVED);
    let Start { state, client, redirect_to, channel, .. } = *start;
    let entry = audit::payload(&Actor::user(user), Action::UserConfirmationRequested, Some(traits(start)));
    audit::insert(tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
    if let Some(challenge) = start.challenge {
        challenge.start(state, tx, user.id, "email", Proof::EmailSignup).await.map_err(&failed)?;
    }
    match start.contact {
        Contact::Email(_) => {
            let letters = Letters { state, client, redirect_to, is_pkce: start.challenge.is_some() };
            letters.confirmation(tx, user, start.at).await?;
            Ok(None)
        }
        Contact::Phone(_) => Texting { state, client, channel }.confirmation(tx, user).await,
    }
}

/// Adds user and identity of who signs up. The user then carries the identity's data as metadata.
pub(crate) async fn insert(start: &Start<'_>, hash: &str, tx: &mut Transaction) -> Result<User, Error> {
    let (mut user, data) = write(start, hash, start.data, tx).await?;
    user.user_metadata = metadata::without_nulls(data);
    set_metadata(start, tx, &user).await
}

/// Adds user and identity of who is asked in by an administrator: the metadata is what the administrator gives and
/// nothing else, and the identity knows none of it.
pub(crate) async fn insert_asked(start: &Start<'_>, hash: &str, tx: &mut Transaction) -> Result<User, Error> {
    let (user, _) = write(start, hash, &Fields::new(), tx).await?;
    set_metadata(start, tx, &user).await
}

async fn set_metadata(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<User, Error> {
    users::set_metadata(tx, user, start.state.clock.now()).await.map_err(Error::database(NOT_SAVED))?;
    reload(tx, user).await
}

/// Adds user and identity, which carries `more`; returns the identity's data. The user is read again in between,
/// since triggers may have changed the row.
async fn write(start: &Start<'_>, hash: &str, more: &Fields, tx: &mut Transaction) -> Result<(User, Value), Error> {
    let failed = Error::database(NOT_SAVED);
    let state = start.state;
    let (id, at) = (start.id, start.at);
    let providers = metadata::of_providers(&[start.contact.provider().to_owned()]);
    let hash = if hash.is_empty() { SecretString::default() } else { state.seal(id, hash) };
    let new = NewUser {
        id,
        aud: start.aud,
        role: &state.settings.jwt_default_role,
        email: start.contact.email(),
        phone: start.contact.phone(),
        encrypted_password: hash.expose_secret(),
        app_metadata: Value::Object(providers.clone()),
        user_metadata: Value::Object(start.data.clone()),
        is_anonymous: false,
        at,
    };
    users::insert(tx, &new).await.map_err(&failed)?;
    let user = users::reload(tx, id).await.map_err(&failed)?;
    let mut user = user.ok_or_else(removed)?;
    let data = add_identity(start, tx, &user, more).await.map_err(&failed)?.0;
    user.app_metadata = metadata::merge(user.app_metadata, providers);
    Ok((user, data))
}

/// The data of the identity of who signs up. That of a number does not name it, as in Supabase.
pub(super) fn identity_data(start: &Start<'_>, user_id: uuid::Uuid, email: &str, more: &Fields) -> Value {
    let mut data = identities::email_data(user_id, email, false, more);
    if start.contact.email().is_none()
        && let Some(fields) = data.as_object_mut()
    {
        fields.remove("email");
    }
    data
}

/// Adds the identity of a user with `more` data; returns its data and id.
pub(crate) async fn add_identity(
    start: &Start<'_>,
    tx: &mut Transaction,
    user: &User,
    more: &Fields,
) -> Result<(Value, uuid::Uuid), pg::Error> {
    let state = start.state;
    let data = identity_data(start, user.id, &user.email, more);
    let (id, at) = (state.random.uuid(), start.at);
    let provider = start.contact.provider();
    let identity = NewIdentity { id, user_id: user.id, provider, data: data.clone(), at };
    identities::insert(tx, &identity).await?;
    Ok((data, id))
}

pub(crate) async fn reload(tx: &mut Transaction, user: &User) -> Result<User, Error> {
    users::reload(tx, user.id).await.map_err(Error::database(NOT_SAVED))?.ok_or_else(removed)
}

fn removed() -> Error {
    Error::Internal(NOT_SAVED, "a trigger removed the new user".to_owned())
}
