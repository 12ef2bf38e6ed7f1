//! `POST /recover`: a mail to who has forgotten the password.

use axum::extract::State as With;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::asked::{Asked, Kind};
use crate::client::Client;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks::HookName;
use crate::json::{Body, Json};
use crate::letters::{self, Letters};
use crate::model::audit::{self, Action, Actor};
use crate::model::users::User;
use crate::pace::{Flow, Pace, Way};
use crate::pkce::Challenge;
use crate::redirect::RedirectTo;
use crate::state::State;
use crate::tokens::Proof;

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    email: String,
    code_challenge: String,
    code_challenge_method: String,
}

/// Answers `{}`, whether there is an account or not.
pub(crate) async fn post(
    With(state): With<State>,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Json<Value>, Error> {
    if !state.settings.email_enabled {
        return Err(Error::EmailRecoveryDisabled);
    }
    if request.email.is_empty() {
        return Err(Error::validation("Password recovery requires an email"));
    }
    let contact = Contact::Email(letters::recipient(&state, &request.email)?);
    let challenge = Challenge::read(&request.code_challenge_method, &request.code_challenge)?;
    let failed = Error::database("Unable to process request");
    let aud = client.audience(None, &state.settings);
    let at = state.clock.now();
    let asked = Asked::note(&state, &contact, (Kind::Recovery, at)).await?;
    let pace = Pace::begin(&state, Flow::Recover);
    let user = contact.find_user(&state.db, &aud).await.map_err(&failed)?;
    let recovery =
        Recovery { state: &state, client: &client, redirect_to: &redirect_to, challenge: challenge.as_ref(), at };
    let (way, outcome) = match &user {
        Some(user) => {
            let sent = asked.send(user.recovery_sent_at, recovery.send(&contact, user)).await;
            (Way::Account, sent.map(drop))
        }
        None => (Way::Nobody, asked.count_unsent().await),
    };
    pace.settle(way, asked.close(outcome).await).await?;
    Ok(Json(json!({})))
}

/// What the letter is made of.
struct Recovery<'a> {
    state: &'a State,
    client: &'a Client,
    redirect_to: &'a str,
    challenge: Option<&'a Challenge>,
    /// When it was asked for.
    at: Timestamp,
}

impl Recovery<'_> {
    /// Sends the letter; `None` where nobody is reached there any more.
    async fn send(&self, contact: &Contact, found: &User) -> Result<Option<()>, Error> {
        let failed = Error::database("Unable to process request");
        let Self { state, client, redirect_to, challenge, at } = *self;
        let (_turns, mut tx) = state.asking([HookName::SendEmail]).change(found.id).await.map_err(&failed)?;
        let Some(user) = contact.lock_user(&mut tx, found).await.map_err(&failed)? else { return Ok(None) };
        if let Some(challenge) = challenge {
            challenge.start(state, &mut tx, user.id, "recovery", Proof::Recovery).await.map_err(&failed)?;
        }
        let entry = audit::payload(&Actor::user(&user), Action::UserRecoveryRequested, None);
        audit::insert(&mut tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
        let letters = Letters { state, client, redirect_to, is_pkce: challenge.is_some() };
        letters.recovery(&mut tx, &user, at).await?;
        tx.commit().await.map_err(&failed)?;
        Ok(Some(()))
    }
}
