//! `PUT /user`: the signed-in user changes metadata, password, email address, phone number.

use axum::extract::State as With;
use jiff::SignedDuration;
use pg::Transaction;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::bearer::Authenticated;
use crate::changes;
use crate::client::Client;
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::{Body, Json};
use crate::letters::{self, Letters, News};
use crate::limits::{self, Bucket};
use crate::login::is_same;
use crate::metadata::Fields;
use crate::model::audit::{self, Action, Actor};
use crate::model::users::{self, User};
use crate::pkce::Challenge;
use crate::reauthenticate;
use crate::redirect::RedirectTo;
use crate::sms::{self, Texting};
use crate::state::State;
use crate::tokens::Proof;
use crate::verify;

/// How long after signing in a password may be changed without proving again who one is.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// The body; what is absent stays.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    email: String,
    phone: String,
    channel: String,
    password: Option<String>,
    current_password: String,
    nonce: String,
    data: Option<Fields>,
    app_metadata: Option<Fields>,
    code_challenge: String,
    code_challenge_method: String,
}

/// A change that passed all checks.
struct Change {
    email: Option<String>,
    phone: Option<String>,
    password_hash: Option<SecretString>,
    data: Option<Fields>,
    app_metadata: Option<Fields>,
}

impl Request {
    /// Whether it names an address that is not the user's.
    fn changes_email(&self, user: &User) -> bool {
        !self.email.is_empty() && self.email != user.email
    }

    /// Whether it names a number that is not the user's.
    fn changes_phone(&self, user: &User) -> bool {
        !self.phone.is_empty() && self.phone != user.phone
    }

    /// Who may be asked to send something about it.
    fn asked(&self, user: &User) -> impl Iterator<Item = HookName> + use<> {
        let mail = self.changes_email(user).then_some(HookName::SendEmail);
        mail.into_iter().chain(self.changes_phone(user).then_some(HookName::SendSms))
    }
}

/// Changes what the body names.
pub(crate) async fn put(
    With(state): With<State>,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    caller: Authenticated,
    Body(mut request): Body<Request>,
) -> Result<Json<User>, Error> {
    check_form(&state, &mut request).await?;
    let challenge = Challenge::read(&request.code_challenge_method, &request.code_challenge)?;
    check_rights(&state, &caller, &request)?;
    check_taken(&state, &client, &caller, &request).await?;
    let password_hash = new_password(&state, &caller, &request).await?;
    if request.changes_email(&caller.user) && !state.settings.mailer_autoconfirm {
        letters::recipient(&state, &request.email)?;
    }
    let failed = Error::database("Error updating user");
    let (_turns, mut tx) = state.asking(request.asked(&caller.user)).change(caller.user.id).await.map_err(&failed)?;
    let caller = hold(&state, &mut tx, &caller, &request).await?;
    let user = &caller.user;
    let (changes_email, changes_phone) = (request.changes_email(user), request.changes_phone(user));
    let change = Change {
        email: changes_email.then_some(request.email),
        phone: changes_phone.then_some(request.phone),
        password_hash,
        data: request.data,
        app_metadata: request.app_metadata,
    };
    write(&state, &caller, &change, &mut tx).await.map_err(&failed)?;
    // Letters tell of the metadata that has been written. The times of the last letters are those from before: a new
    // password clears them.
    let written = match &change {
        Change { email: None, phone: None, .. } | Change { data: None, app_metadata: None, .. } => None,
        _ => users::reload(&mut tx, user.id).await.map_err(&failed)?,
    };
    let written =
        written.map(|User { user_metadata, app_metadata, .. }| User { user_metadata, app_metadata, ..user.clone() });
    let told = written.as_ref().unwrap_or(user);
    let letters = Letters { state: &state, client: &client, redirect_to: &redirect_to, is_pkce: challenge.is_some() };
    if change.password_hash.is_some() {
        letters.notify(&mut tx, user, News::PasswordSet).await?;
    }
    if let Some(email) = &change.email {
        change_email(&letters, &mut tx, told, email, challenge.as_ref()).await?;
    }
    if let Some(phone) = &change.phone {
        change_phone(&letters, &mut tx, told, (phone, &request.channel)).await?;
    }
    let changed = users::reload(&mut tx, user.id).await.map_err(&failed)?.ok_or(Error::TokenUserNotFound)?;
    let traits = json!({"changes": changes::between(user, &changed)});
    let entry = audit::payload(&Actor::user(user), Action::UserModified, Some(traits));
    audit::insert(&mut tx, &state, &entry, state.clock.now()).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(Json(changed))
}

/// Locks the caller's user and makes sure that what was judged before is so still. The code that a password is changed
/// with is used up.
async fn hold(
    state: &State,
    tx: &mut Transaction,
    caller: &Authenticated,
    request: &Request,
) -> Result<Authenticated, Error> {
    let now = caller.hold(state, tx).await?;
    check_rights(state, &now, request)?;
    if request.password.is_some() {
        let is_checked = asks_for_current_password(state, &now);
        if is_checked && !is_same(&state.password_hash(&caller.user)?, &state.password_hash(&now.user)?) {
            return Err(Error::CurrentPasswordInvalid);
        }
        if needs_nonce(state, &now) {
            reauthenticate::consume(state, tx, &now.user, &request.nonce).await?;
        }
    }
    Ok(now)
}

/// The form of what is given; address and number are brought into the form in which they are compared.
async fn check_form(state: &State, request: &mut Request) -> Result<(), Error> {
    if !request.email.is_empty() {
        request.email = authkit::address::email(&request.email)?;
    }
    if !request.phone.is_empty() {
        request.phone = sms::check_number(&request.phone)?;
        sms::check_channel(state, &request.channel)?;
    }
    if let Some(password) = &request.password {
        state.check_password(password).await?;
    }
    Ok(())
}

/// Whether this caller may change this, in the order of the reference.
fn check_rights(state: &State, caller: &Authenticated, request: &Request) -> Result<(), Error> {
    let (user, settings) = (&caller.user, &state.settings);
    let is_admin = user.aud == settings.jwt_aud && user.role == settings.jwt_admin_group;
    if request.app_metadata.is_some() && !is_admin {
        return Err(Error::NotAdmin("Updating app_metadata requires admin privileges"));
    }
    let has_password = request.password.is_some();
    let changes_login = has_password || request.changes_email(user) || request.changes_phone(user);
    if caller.lacks_second_level() && changes_login {
        return Err(Error::InsufficientAal);
    }
    if user.is_anonymous && has_password && request.email.is_empty() && request.phone.is_empty() {
        return Err(Error::AnonymousPassword);
    }
    if user.is_sso_user && (changes_login || !request.nonce.is_empty()) {
        return Err(Error::SsoManaged);
    }
    Ok(())
}

/// Whether the new address or number is somebody else's.
async fn check_taken(state: &State, client: &Client, caller: &Authenticated, request: &Request) -> Result<(), Error> {
    let user = &caller.user;
    let aud = client.audience(Some(&caller.claims), &state.settings);
    if request.changes_email(user) {
        let duplicate = users::find_duplicate(&state.db, &request.email, &aud, Some(user.id)).await;
        if duplicate.map_err(Error::database("Database error checking email"))?.is_some() {
            return Err(Error::EmailExists);
        }
    }
    if request.changes_phone(user) {
        let is_taken = users::has_phone(&state.db, &request.phone, &aud).await;
        if is_taken.map_err(Error::database("Database error checking phone"))? {
            return Err(Error::PhoneExists("A user with this phone number has already been registered"));
        }
        if !state.settings.phone_enabled {
            return Err(Error::PhoneChangeDisabled);
        }
    }
    Ok(())
}

/// Hashes the new password, if one is given and may be set.
async fn new_password(state: &State, caller: &Authenticated, request: &Request) -> Result<Option<SecretString>, Error> {
    let Some(password) = request.password.clone().map(SecretString::from) else { return Ok(None) };
    if needs_nonce(state, caller) {
        if request.nonce.is_empty() {
            return Err(Error::ReauthenticationNeeded);
        }
        limits::check_user(state, Bucket::Code, caller.user.id).await?;
        reauthenticate::check(state, &caller.user, &request.nonce).await?;
    }
    if let Some(stored) = &state.password_hash(&caller.user)? {
        if asks_for_current_password(state, caller) {
            if request.current_password.is_empty() {
                return Err(Error::CurrentPasswordRequired);
            }
            let current = SecretString::from(request.current_password.clone());
            if !state.hasher.verify(current, Some(stored.clone())).await? {
                return Err(Error::CurrentPasswordInvalid);
            }
        }
        if state.hasher.verify(password.clone(), Some(stored.clone())).await? {
            return Err(Error::SamePassword);
        }
    }
    let hash = state.hasher.hash(password).await?;
    Ok(Some(state.seal(caller.user.id, &hash)))
}

/// Whether a change of the password needs the one that there is: where that is asked for, but of who has come by a code.
fn asks_for_current_password(state: &State, caller: &Authenticated) -> bool {
    let by_code = caller.session.as_ref().is_some_and(|session| session.was_opened_by_code());
    state.settings.update_password_require_current_password && !by_code
}

/// Whether a change of the password needs a code: where that is asked for and the session is not fresh.
fn needs_nonce(state: &State, caller: &Authenticated) -> bool {
    let is_fresh = caller
        .session
        .as_ref()
        .is_some_and(|session| session.created_at.checked_add(FRESH).is_ok_and(|end| state.clock.now() <= end));
    state.settings.update_password_require_reauthentication && !is_fresh
}

/// A number is changed at once where numbers count as confirmed; else a code is sent to it.
async fn change_phone(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    (phone, channel): (&str, &str),
) -> Result<(), Error> {
    let Letters { state, client, .. } = *letters;
    if state.settings.sms.autoconfirm {
        let changes = json!({"phone": {"from": user.phone, "to": phone}});
        verify::modified(state, tx, user, &changes).await.map_err(Error::database("Error confirming user"))?;
        return verify::change_phone(letters, tx, user, phone).await;
    }
    Texting { state, client, channel }.change(tx, user, phone).await.map(drop)
}

/// An anonymous user gets an address at once where addresses need no confirmation; everybody else has to
/// confirm a new one.
async fn change_email(
    letters: &Letters<'_>,
    tx: &mut Transaction,
    user: &User,
    email: &str,
    challenge: Option<&Challenge>,
) -> Result<(), Error> {
    let state = letters.state;
    if user.is_anonymous && state.settings.mailer_autoconfirm {
        let changes = json!({"email": {"from": user.email, "to": email}});
        verify::modified(state, tx, user, &changes).await.map_err(Error::database("Error confirm email"))?;
        return verify::change_email(letters, tx, user, email).await;
    }
    if let Some(challenge) = challenge {
        let failed = Error::database("Error sending email change email");
        challenge.start(state, tx, user.id, "email_change", Proof::EmailChange).await.map_err(failed)?;
    }
    letters.email_change(tx, user, email).await
}

async fn write(state: &State, caller: &Authenticated, change: &Change, tx: &mut Transaction) -> Result<(), pg::Error> {
    let (user, at) = (&caller.user, state.clock.now());
    if let Some(hash) = &change.password_hash {
        let keep = caller.session.as_ref().map(|session| session.id);
        users::set_password(tx, user.id, hash.expose_secret(), keep, at).await?;
        let entry = audit::payload(&Actor::user(user), Action::UserUpdatedPassword, None);
        audit::insert(tx, state, &entry, at).await?;
        if user.encrypted_password.is_none() {
            verify::after_first_password(state, tx, user.id).await?;
        }
    }
    if let Some(data) = &change.data {
        users::merge_user_metadata(tx, user.id, data, at).await?;
    }
    if let Some(data) = &change.app_metadata {
        users::merge_app_metadata(tx, user.id, data, at).await?;
    }
    Ok(())
}
