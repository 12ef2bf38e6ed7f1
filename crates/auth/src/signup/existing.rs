//! Signing up with an address that has an account already. Who asks may be somebody else: nothing that the account holds
//! is told, and nothing that somebody has proven is changed.

use axum::response::{IntoResponse, Response};
use pg::Context;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Start;
use super::create::{self, NOT_SAVED};
use crate::asked::Asked;
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::Json;
use crate::login;
use crate::metadata;
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, Identity};
use crate::model::users::User;

/// `asked` is there where addresses have to be confirmed.
pub(super) async fn answer(
    start: &Start<'_>,
    asked: Option<&Asked<'_>>,
    user: &User,
    password: &str,
) -> Result<Response, Error> {
    match (start.contact.is_confirmed_by(user), start.is_open()) {
        (true, true) => {
            record(start, user).await?;
            Err(Error::UserAlreadyExists)
        }
        (true, false) => {
            count_unsent(asked).await?;
            record(start, user).await?;
            spend_time(start, password).await?;
            Ok(Json(fabricated(start)).into_response())
        }
        (false, true) => open(start, user, password).await,
        (false, false) => {
            spend_time(start, password).await?;
            let sending = ask_again(start, user);
            match asked {
                Some(asked) => asked.send(user.confirmation_sent_at, sending).await?,
                None => sending.await?,
            };
            Ok(Json(as_new(start).await?).into_response())
        }
    }
}

/// Answers where the account is out of sight, being one of another audience. It gets no letter.
pub(super) async fn answer_blindly(start: &Start<'_>, asked: Option<&Asked<'_>>) -> Result<Response, Error> {
    if start.is_open() {
        return Err(Error::UserAlreadyExists);
    }
    count_unsent(asked).await?;
    let is_confirmed = start.contact.is_confirmed_anywhere(&start.state.db).await;
    if is_confirmed.map_err(Error::database("Database error finding user"))? {
        return Ok(Json(fabricated(start)).into_response());
    }
    Ok(Json(as_new(start).await?).into_response())
}

async fn count_unsent(asked: Option<&Asked<'_>>) -> Result<(), Error> {
    match asked {
        Some(asked) => asked.count_unsent().await,
        None => Ok(()),
    }
}

/// Hashing is what a new account would have taken the time for.
async fn spend_time(start: &Start<'_>, password: &str) -> Result<(), Error> {
    start.state.hasher.hash(SecretString::from(password)).await.map(drop).map_err(Error::from)
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

/// A new user that waits for confirmation, made of the request alone: whoever asks may be a stranger, and cannot tell
/// it from one that was really made.
async fn as_new(start: &Start<'_>) -> Result<User, Error> {
    let Start { state, id, contact, at: now, .. } = *start;
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let (email, phone) = (text(contact.email()), text(contact.phone()));
    let data = create::identity_data(start, id, &email, start.data);
    let data = identities::as_stored(&state.db, &data).await.map_err(Error::database(NOT_SAVED))?;
    let identity = Identity {
        id: state.random.uuid(),
        provider_id: id.to_string(),
        user_id: id,
        identity_data: data.clone(),
        provider: contact.provider().to_owned(),
        last_sign_in_at: Some(now),
        created_at: now,
        updated_at: now,
        email: email.clone(),
    };
    let providers = metadata::of_providers(&[contact.provider().to_owned()]);
    Ok(User {
        aud: start.aud.to_owned(),
        role: state.settings.jwt_default_role.clone(),
        email,
        phone,
        confirmation_sent_at: Some(now),
        app_metadata: Value::Object(providers),
        user_metadata: metadata::without_nulls(data),
        identities: Some(vec![identity]),
        ..User::blank(id, now)
    })
}

/// What a sign-up with a confirmed address is answered, made of the request alone. Apps tell it by its empty
/// `identities`, which is how Supabase lets them.
fn fabricated(start: &Start<'_>) -> Value {
    let now = start.at;
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
    login::tell(state, start.client, user, is_own).await?;
    if !is_own || user.is_banned(state.clock.now()) {
        record(start, user).await?;
        return Err(Error::UserAlreadyExists);
    }
    let (turns, mut tx) = state.asking([HookName::CustomAccessToken]).change(user.id).await.map_err(&failed)?;
    // Whoever has it may have changed, and so may the password, since that was compared.
    let is_as_found = |now: &User| {
        !start.contact.is_confirmed_by(now) && login::is_same(&now.encrypted_password, &user.encrypted_password)
    };
    let now = start.contact.lock_user(&mut tx, user).await.map_err(&failed)?;
    let issued = match now.filter(is_as_found) {
        Some(now) => create::sign_in(start, &mut tx, &now).await?,
        None => None,
    };
    let Some(issued) = issued else {
        drop((tx, turns));
        record(start, user).await?;
        return Err(Error::UserAlreadyExists);
    };
    tx.commit().await.map_err(&failed)?;
    issued.answer(state)
}

/// Sends the letter or message again; `None` where there is nothing left to confirm, else the message's id where there
/// is one. An account of which nothing is confirmed and that has no identity for it gets one in place of the others;
/// what somebody has confirmed is not a stranger's to replace.
pub(crate) async fn ask_again(start: &Start<'_>, found: &User) -> Result<Option<Option<String>>, Error> {
    let failed = Error::database(NOT_SAVED);
    let (_turns, mut tx) = start.state.asking([start.contact.sender()]).change(found.id).await.map_err(&failed)?;
    // It may have been confirmed since it was found, or another request may have given it the identity.
    let user = start.contact.lock_user(&mut tx, found).await.map_err(&failed)?;
    let Some(user) = user.filter(|user| !start.contact.is_confirmed_by(user)) else { return Ok(None) };
    if user.is_nobodys() && user.identity(start.contact.provider()).is_none() {
        let (_, id) = create::add_identity(start, &mut tx, &user, start.data).await.map_err(&failed)?;
        identities::delete_others(&mut tx, user.id, id).await.map_err(&failed)?;
    }
    let message_id = create::ask(start, &mut tx, &user).await?;
    tx.commit().await.map_err(failed)?;
    Ok(Some(message_id))
}
