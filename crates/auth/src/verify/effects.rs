//! What a link or code does to the account.

use pg::Transaction;
use secrecy::ExposeSecret;
use serde_json::json;
use uuid::Uuid;

use super::take::Kind;
use crate::error::Error;
use crate::letters::{Letters, News};
use crate::metadata;
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, NewIdentity};
use crate::model::one_time_tokens::Purpose;
use crate::model::users::{self, EMAIL_KEY, PHONE_KEY, User};
use crate::state::State;

/// Does it. False when it is done only in half: another address has still to agree.
pub(super) async fn apply(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    (kind, purpose): (Kind, Purpose),
) -> Result<bool, Error> {
    let failed = Error::database("Database error updating user");
    let state = letters.state;
    match purpose {
        Purpose::Confirmation if kind == Kind::Sms => confirm_phone(state, tx, user).await.map_err(failed)?,
        Purpose::PhoneChange => change_phone(letters, tx, user, &user.new_phone).await?,
        // Such a code is good for a change of the password only.
        Purpose::Reauthentication => return Err(Error::OtpExpired("Token has expired or is invalid")),
        Purpose::Confirmation => confirm(state, tx, user).await?,
        Purpose::Recovery => recover(state, tx, user).await.map_err(failed)?,
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => {
            let settings = &state.settings;
            let needs_both = !settings.mailer_autoconfirm && settings.mailer_secure_email_change;
            if needs_both && user.email_change_confirm_status == 0 && !user.email.is_empty() {
                let is_new = purpose == Purpose::EmailChangeNew;
                users::agree_to_email_change(tx, user.id, is_new, state.clock.now()).await.map_err(failed)?;
                return Ok(false);
            }
            change_email(letters, tx, user, &user.new_email).await?;
        }
    }
    Ok(true)
}

/// After a user got the first password: with it the confirmed address is a way to sign in, which is noted where the
/// settings want that.
pub(crate) async fn after_first_password(state: &State, tx: &mut Transaction, id: Uuid) -> Result<(), pg::Error> {
    let (identity, at) = (state.random.uuid(), state.clock.now());
    if state.settings.create_email_identity_on_password_set && identities::insert_email(tx, identity, id, at).await? {
        with_providers(state, tx, id).await?;
    }
    Ok(())
}

/// The user with `app_metadata` telling the providers of all identities.
pub(crate) async fn with_providers(state: &State, tx: &mut Transaction, id: Uuid) -> Result<Option<User>, pg::Error> {
    let Some(user) = users::reload(tx, id).await? else { return Ok(None) };
    let mut providers: Vec<String> = Vec::new();
    for identity in user.identities.iter().flatten() {
        if !providers.contains(&identity.provider) {
            providers.push(identity.provider.clone());
        }
    }
    users::merge_app_metadata(tx, id, &metadata::of_providers(&providers), state.clock.now()).await?;
    Ok(Some(user))
}

async fn confirm_phone(state: &State, tx: &mut Transaction, user: &User) -> Result<(), pg::Error> {
    let at = state.clock.now();
    let entry = audit::payload(&Actor::user(user), Action::UserSignedUp, Some(json!({"provider": "phone"})));
    audit::insert(tx, state, &entry, at).await?;
    users::confirm_phone(tx, user.id, at).await?;
    if user.is_anonymous { users::make_permanent(tx, user.id, at).await } else { Ok(()) }
}

/// Sets a new number that is confirmed, with its identity; makes an anonymous user a permanent one.
pub(crate) async fn change_phone(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    new: &str,
) -> Result<(), Error> {
    let failed = |error: pg::Error| match error.constraint() {
        Some(PHONE_KEY) => Error::PhoneExists("A user with this phone number has already been registered"),
        _ => Error::Database("Error confirming user", error),
    };
    let (state, at) = (letters.state, letters.state.clock.now());
    let traits = json!({"changes": {"phone": {"from": user.phone, "to": new}}});
    let entry = audit::payload(&Actor::user(user), Action::UserModified, Some(traits));
    audit::insert(tx, state, &entry, at).await.map_err(failed)?;
    let changes = json!({"phone": new, "phone_verified": true});
    if !identities::change(tx, user.id, "phone", &changes, at).await.map_err(failed)? {
        let data = identities::phone_data(user.id, new, true);
        let id = state.random.uuid();
        let identity = NewIdentity { id, user_id: user.id, provider: "phone", data, at };
        identities::insert(tx, &identity).await.map_err(failed)?;
    }
    users::change_phone(tx, user.id, new, at).await.map_err(failed)?;
    let changed = User { phone: new.to_owned(), ..user.clone() };
    letters.notify(tx, &changed, News::NewPhone { old: &user.phone }).await
}

async fn confirm(state: &State, tx: &mut Transaction, user: &User) -> Result<(), Error> {
    let failed = Error::database("Error confirming user");
    let at = state.clock.now();
    if user.invited_at.is_some() && user.encrypted_password.is_none() {
        // An invited user has still to choose a password; until then nobody knows it.
        let hash = state.hasher.hash(state.random_password().into()).await?;
        let hash = state.seal(user.id, &hash);
        users::set_password(tx, user.id, hash.expose_secret(), None, at).await.map_err(&failed)?;
    }
    signed_up(state, tx, user).await.map_err(&failed)?;
    identities::verify_email(tx, user.id, at).await.map_err(&failed)
}

async fn signed_up(state: &State, tx: &mut Transaction, user: &User) -> Result<(), pg::Error> {
    let at = state.clock.now();
    let entry = audit::payload(&Actor::user(user), Action::UserSignedUp, Some(json!({"provider": "email"})));
    audit::insert(tx, state, &entry, at).await?;
    users::confirm_email(tx, user.id, at).await
}

async fn recover(state: &State, tx: &mut Transaction, user: &User) -> Result<(), pg::Error> {
    let at = state.clock.now();
    users::recover(tx, user.id, at).await?;
    if !user.is_confirmed() {
        return signed_up(state, tx, user).await;
    }
    audit::insert(tx, state, &audit::payload(&Actor::user(user), Action::Login, None), at).await
}

/// Sets a new address that is confirmed, with its identity; makes an anonymous user a permanent one.
pub(crate) async fn change_email(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    new: &str,
) -> Result<(), Error> {
    let failed = |error: pg::Error| match error.constraint() {
        Some(EMAIL_KEY) => Error::EmailExists,
        _ => Error::Database("Error confirm email", error),
    };
    let (state, at) = (letters.state, letters.state.clock.now());
    let traits = json!({"changes": {"email": {"from": user.email, "to": new}}});
    let entry = audit::payload(&Actor::user(user), Action::UserModified, Some(traits));
    audit::insert(tx, state, &entry, at).await.map_err(failed)?;
    let changes = json!({"email": new, "email_verified": true});
    if !identities::change(tx, user.id, "email", &changes, at).await.map_err(failed)? {
        let data = identities::email_data(user.id, new, true, &metadata::Fields::new());
        let id = state.random.uuid();
        let identity = NewIdentity { id, user_id: user.id, provider: "email", data, at };
        identities::insert(tx, &identity).await.map_err(failed)?;
    }
    users::change_email(tx, user.id, new, at).await.map_err(failed)?;
    if !user.is_confirmed() {
        users::confirm_email(tx, user.id, at).await.map_err(failed)?;
    }
    let changed = User { email: new.to_owned(), ..user.clone() };
    letters.notify(tx, &changed, News::NewEmail { old: &user.email }).await
}
