//! What a link or code does to the account.

use pg::Transaction;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use uuid::Uuid;

use super::take::Kind;
use crate::changes;
use crate::error::Error;
use crate::letters::{Letters, News};
use crate::metadata;
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, NewIdentity};
use crate::model::one_time_tokens::Purpose;
use crate::model::users::{self, EMAIL_KEY, PHONE_KEY, User};
use crate::state::State;

/// What a link or code has done, for the audit log.
pub(super) struct Effect {
    action: Action,
    traits: Value,
}

impl Effect {
    const MODIFIED: Self = Self { action: Action::UserModified, traits: Value::Null };

    fn signed_up(provider: &str) -> Self {
        Self { action: Action::UserSignedUp, traits: json!({"provider": provider}) }
    }

    /// Adds the entry, which tells what has become different.
    pub(super) async fn record(
        self,
        state: &State,
        tx: &mut Transaction,
        (before, after): (&User, &User),
    ) -> Result<(), pg::Error> {
        let Self { action, mut traits } = self;
        changes::note_in(&mut traits, before, after);
        let entry = audit::payload(&Actor::user(before), action, Some(traits).filter(|traits| !traits.is_null()));
        audit::insert(tx, state, &entry, state.clock.now()).await
    }
}

/// Does it. `None` when it is done only in half, which is noted: another address has still to agree.
pub(super) async fn apply(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    (kind, purpose): (Kind, Purpose),
) -> Result<Option<Effect>, Error> {
    let failed = Error::database("Database error updating user");
    let state = letters.state;
    let effect = match purpose {
        Purpose::Confirmation if kind == Kind::Sms => confirm_phone(state, tx, user).await.map_err(failed)?,
        Purpose::PhoneChange => {
            change_phone(letters, tx, user, &user.new_phone).await?;
            Effect::MODIFIED
        }
        // Such a code is good for a change of the password only.
        Purpose::Reauthentication => return Err(Error::OtpExpired("Token has expired or is invalid")),
        Purpose::Confirmation => confirm(state, tx, user).await?,
        Purpose::Recovery => recover(state, tx, user).await.map_err(failed)?,
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => {
            let settings = &state.settings;
            let needs_both = !settings.mailer_autoconfirm && settings.mailer_secure_email_change;
            if needs_both && user.email_change_confirm_status == 0 && !user.email.is_empty() {
                let is_new = purpose == Purpose::EmailChangeNew;
                users::agree_to_email_change(tx, user.id, is_new, state.clock.now()).await.map_err(&failed)?;
                modified(state, tx, user, &json!({"email_change_confirm_status": {"from": 0, "to": 1}}))
                    .await
                    .map_err(failed)?;
                return Ok(None);
            }
            change_email(letters, tx, user, &user.new_email).await?;
            Effect::MODIFIED
        }
    };
    Ok(Some(effect))
}

/// Notes a change of a user.
pub(crate) async fn modified(
    state: &State,
    tx: &mut Transaction,
    user: &User,
    changes: &Value,
) -> Result<(), pg::Error> {
    let entry = audit::payload(&Actor::user(user), Action::UserModified, Some(json!({"changes": changes})));
    audit::insert(tx, state, &entry, state.clock.now()).await
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
    let Some(mut user) = users::reload(tx, id).await? else { return Ok(None) };
    let mut providers: Vec<String> = Vec::new();
    for identity in user.identities.iter().flatten() {
        if !providers.contains(&identity.provider) {
            providers.push(identity.provider.clone());
        }
    }
    let providers = metadata::of_providers(&providers);
    users::merge_app_metadata(tx, id, &providers, state.clock.now()).await?;
    user.app_metadata = metadata::merge(user.app_metadata, providers);
    Ok(Some(user))
}

async fn confirm_phone(state: &State, tx: &mut Transaction, user: &User) -> Result<Effect, pg::Error> {
    let at = state.clock.now();
    users::confirm_phone(tx, user.id, at).await?;
    if user.is_anonymous {
        users::make_permanent(tx, user.id, at).await?;
    }
    Ok(Effect::signed_up("phone"))
}

/// Sets a new number that is confirmed, with its identity; makes an anonymous user a permanent one.
pub(crate) async fn change_phone(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    new: &str,
) -> Result<(), Error> {
    let failed = |error: pg::Error| match error.constraint_in("auth") {
        Some(PHONE_KEY) => Error::PhoneExists("A user with this phone number has already been registered"),
        _ => Error::Database("Error confirming user", error),
    };
    let (state, at) = (letters.state, letters.state.clock.now());
    let changes = json!({"phone": new, "phone_verified": true});
    let is_linked = !identities::change(tx, user.id, "phone", &changes, at).await.map_err(failed)?;
    if is_linked {
        let data = identities::phone_data(user.id, new, true);
        let id = state.random.uuid();
        let identity = NewIdentity { id, user_id: user.id, provider: "phone", data, at };
        identities::insert(tx, &identity).await.map_err(failed)?;
    }
    users::change_phone(tx, user.id, new, at).await.map_err(failed)?;
    let changed = User { phone: new.to_owned(), new_phone: String::new(), ..user.clone() };
    if !user.phone.is_empty() && user.phone != new {
        letters.notify(tx, &changed, News::NewPhone { old: &user.phone }).await?;
    }
    if is_linked {
        letters.notify(tx, &changed, News::IdentityLinked { provider: "phone" }).await?;
    }
    Ok(())
}

async fn confirm(state: &State, tx: &mut Transaction, user: &User) -> Result<Effect, Error> {
    let failed = Error::database("Error confirming user");
    let at = state.clock.now();
    if user.invited_at.is_some() && user.encrypted_password.is_none() {
        // An invited user has still to choose a password; until then nobody knows it.
        let hash = state.hasher.hash(state.random_password().into()).await?;
        let hash = state.seal(user.id, &hash);
        users::set_password(tx, user.id, hash.expose_secret(), None, at).await.map_err(&failed)?;
    }
    users::confirm_email(tx, user.id, at).await.map_err(&failed)?;
    identities::verify_email(tx, user.id, at).await.map_err(&failed)?;
    Ok(Effect::signed_up("email"))
}

async fn recover(state: &State, tx: &mut Transaction, user: &User) -> Result<Effect, pg::Error> {
    let at = state.clock.now();
    users::recover(tx, user.id, at).await?;
    if user.is_confirmed() {
        return Ok(Effect { action: Action::Login, traits: Value::Null });
    }
    users::confirm_email(tx, user.id, at).await?;
    Ok(Effect::signed_up("email"))
}

/// Sets a new address that is confirmed, with its identity; makes an anonymous user a permanent one.
pub(crate) async fn change_email(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    new: &str,
) -> Result<(), Error> {
    let failed = |error: pg::Error| match error.constraint_in("auth") {
        Some(EMAIL_KEY) => Error::EmailExists,
        _ => Error::Database("Error confirm email", error),
    };
    let (state, at) = (letters.state, letters.state.clock.now());
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
    let changed = User { email: new.to_owned(), new_email: String::new(), ..user.clone() };
    letters.notify(tx, &changed, News::NewEmail { old: &user.email }).await
}
