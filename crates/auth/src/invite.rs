//! `POST /invite`: an administrator invites somebody by mail.

use axum::extract::State as With;
use axum::response::IntoResponse;
use axum::response::Response;
use pg::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bearer::Admin;
use crate::changes;
use crate::client::Client;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks::{self, HookName};
use crate::json::{Body, Json};
use crate::letters::{self, Letters};
use crate::metadata::{self, Fields};
use crate::model::audit::{self, Action, Actor};
use crate::model::identities;
use crate::model::users::{self, User};
use crate::redirect::RedirectTo;
use crate::signup::create::{self, NOT_SAVED};
use crate::signup::{Start, is_taken};
use crate::state::State;

/// What clients are told when the database fails.
const FAILED: &str = "Database error inviting user";

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    email: String,
    data: Fields,
}

/// Answers the user. Who has not confirmed the address yet may be invited again.
pub(crate) async fn post(
    With(state): With<State>,
    admin: Admin,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Response, Error> {
    let contact = Contact::Email(letters::recipient(&state, &request.email)?);
    let start = Start {
        state: &state,
        client: &client,
        id: state.random.uuid(),
        contact: &contact,
        aud: &client.audience(Some(&admin.claims), &state.settings),
        data: &request.data,
        challenge: None,
        redirect_to: &redirect_to,
        channel: "",
        at: state.clock.now(),
    };
    let (user, is_new) = match invite(&start, &admin).await {
        // The account has just been deleted, or somebody else has just made it, or it is one of another audience.
        Err(error) if is_taken(&error) || matches!(error, Error::UserNotFound) => match invite(&start, &admin).await {
            Err(error) if is_taken(&error) => return Err(Error::EmailExists),
            outcome => outcome?,
        },
        outcome => outcome?,
    };
    if is_new {
        hooks::after_user_created(&state, &client, &user).await?;
    }
    Ok(Json(user).into_response())
}

async fn invite(start: &Start<'_>, admin: &Admin) -> Result<(User, bool), Error> {
    let failed = Error::database(FAILED);
    let (state, client, redirect_to) = (start.state, start.client, start.redirect_to);
    let existing = start.contact.find_user(&state.db, start.aud).await;
    let existing = existing.map_err(Error::database("Database error finding user"))?;
    let is_new = existing.is_none();
    if existing.as_ref().is_some_and(User::is_confirmed) {
        return Err(Error::EmailExists);
    }
    if is_new {
        start.ask_hook().await?;
    }
    let (_turns, mut tx) = state
        .asking([HookName::SendEmail])
        .change(existing.as_ref().map(|found| found.id))
        .await
        .map_err(Error::database(NOT_SAVED))?;
    let user = match existing {
        Some(found) => {
            let user = start.contact.lock_user(&mut tx, &found).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
            if user.is_confirmed() {
                return Err(Error::EmailExists);
            }
            user
        }
        None => create::insert_asked(start, "", &mut tx).await?,
    };
    let user = record(start, &mut tx, user, admin).await.map_err(&failed)?;
    let letters = Letters { state, client, redirect_to, is_pkce: false };
    letters.invite(&mut tx, &user).await?;
    let user = users::reload(&mut tx, user.id).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
    tx.commit().await.map_err(&failed)?;
    Ok((user, is_new))
}

/// Notes that a user is invited, and who did it; returns the user as they are invited. The user is locked, or new.
pub(crate) async fn record(
    start: &Start<'_>,
    tx: &mut Transaction,
    user: User,
    admin: &Admin,
) -> Result<User, pg::Error> {
    let at = start.state.clock.now();
    let mut traits = json!({"user_id": user.id, "user_email": user.email});
    let invited = if is_from_outside(&user) { start_anew(start, tx, &user).await? } else { user.clone() };
    changes::note_in(&mut traits, &user, &invited);
    let entry = audit::payload(&Actor::admin(admin), Action::UserInvited, Some(traits));
    audit::insert(tx, start.state, &entry, at).await?;
    users::invite(tx, invited.id, at).await?;
    Ok(invited)
}

/// Whether an account may have been made by a stranger: nothing is confirmed, and whoever made it signed up. That
/// writes `sub` into the metadata, which what administrators make is without.
fn is_from_outside(user: &User) -> bool {
    user.is_nobodys() && user.user_metadata["sub"].is_string()
}

/// Takes from an account what a stranger may have left there for when its owner comes: password, metadata and other
/// ways to sign in. It is then like one that the invitation makes.
async fn start_anew(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<User, pg::Error> {
    let at = start.state.clock.now();
    users::set_password(tx, user.id, "", None, at).await?;
    identities::delete_all(tx, user.id).await?;
    create::add_identity(start, tx, user, &Fields::new()).await?;
    let providers = metadata::of_providers(&[start.contact.provider().to_owned()]);
    let anew = User {
        app_metadata: metadata::merge(user.app_metadata.clone(), providers),
        user_metadata: Value::Object(start.data.clone()),
        ..user.clone()
    };
    users::set_metadata(tx, &anew, at).await?;
    Ok(users::reload(tx, user.id).await?.unwrap_or(anew))
}
