//! `POST /otp` and `POST /magiclink`: signing in, and up, with a link or code. Accounts that are made this way
//! have no password.

use axum::extract::State as With;
use pg::{Context, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::asked::{self, Asked};
use crate::client::Client;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks;
use crate::json::{Body, Json};
use crate::letters::{self, Letters};
use crate::metadata::Fields;
use crate::model::audit::{self, Action, Actor};
use crate::model::users::User;
use crate::pace::{Flow, Pace, Way};
use crate::pkce::Challenge;
use crate::redirect::RedirectTo;
use crate::refusal::Refusal;
use crate::signup::create::{self, NOT_SAVED};
use crate::signup::{Start, existing, is_taken};
use crate::sms::{self, Texting};
use crate::state::State;
use crate::tokens::Proof;

/// What clients are told when the database fails.
const FAILED: &str = "Unable to process request";

/// The body of `/otp`.
#[derive(Deserialize)]
#[serde(default)]
pub(crate) struct Request {
    email: String,
    phone: String,
    channel: String,
    create_user: bool,
    data: Fields,
    code_challenge: String,
    code_challenge_method: String,
}

impl Default for Request {
    fn default() -> Self {
        let text = String::new;
        Self {
            email: text(),
            phone: text(),
            channel: text(),
            create_user: true,
            data: Fields::new(),
            code_challenge: text(),
            code_challenge_method: text(),
        }
    }
}

/// `POST /otp`.
pub(crate) async fn post(
    With(state): With<State>,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Json<Value>, Error> {
    if !request.email.is_empty() && !request.phone.is_empty() {
        return Err(Error::validation("Only an email address or phone number should be provided"));
    }
    if !request.email.is_empty() && !request.channel.is_empty() {
        return Err(Error::validation("Channel should only be specified with Phone OTP"));
    }
    if request.email.is_empty() && request.phone.is_empty() {
        return Err(Error::validation("One of email or phone must be set"));
    }
    answer(&state, &client, &redirect_to, &request).await
}

/// `POST /magiclink`, which is for addresses and always makes a user.
pub(crate) async fn magic_link(
    With(state): With<State>,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Json<Value>, Error> {
    if request.email.is_empty() {
        return Err(Refusal::MagicLinkNeedsEmail.into());
    }
    let request = Request { phone: String::new(), channel: String::new(), create_user: true, ..request };
    answer(&state, &client, &redirect_to, &request).await
}

/// Sends a link or code; answers the same whether there is an account or one is made.
async fn answer(state: &State, client: &Client, redirect_to: &str, request: &Request) -> Result<Json<Value>, Error> {
    let challenge = Challenge::read(&request.code_challenge_method, &request.code_challenge)?;
    let aud = client.audience(None, &state.settings);
    let contact = contact(state, request);
    if !request.create_user {
        // Deliberately told: the app asks for it.
        let start = contact.as_ref().map_err(|_| Refusal::OtpDisabled)?;
        if find(state, start, &aud).await?.is_none() {
            return Err(Refusal::OtpDisabled.into());
        }
    }
    check_enabled(state, request)?;
    let contact = contact?;
    let start = Start {
        state,
        client,
        id: state.random.uuid(),
        contact: &contact,
        aud: &aud,
        data: &request.data,
        challenge: challenge.as_ref(),
        redirect_to,
        channel: &request.channel,
        at: state.clock.now(),
    };
    let asked = Asked::note(state, &contact, (asked::Kind::SignIn, start.at)).await?;
    let pace = Pace::begin(state, Flow::Otp);
    let (way, outcome) = match send(&start, &asked).await {
        // Somebody else has just made the account, or it is one of another audience.
        (_, Err(error)) if is_taken(&error) => overtaken(&start, &asked).await,
        outcome => outcome,
    };
    let message_id = pace.settle(way, asked.close(outcome).await).await?;
    // Where unknown numbers get no message, or known ones of another audience do not, its id would tell which are known.
    let message_id = message_id.filter(|_| !state.settings.disable_signup && aud == state.settings.jwt_aud);
    Ok(Json(message_id.map_or_else(|| json!({}), |id| json!({"message_id": id}))))
}

fn contact(state: &State, request: &Request) -> Result<Contact, Error> {
    if request.email.is_empty() {
        sms::check_number(&request.phone).map(Contact::Phone)
    } else {
        Ok(Contact::Email(letters::recipient(state, &request.email)?))
    }
}

async fn find(state: &State, contact: &Contact, aud: &str) -> Result<Option<User>, Error> {
    contact.find_user(&state.db, aud).await.map_err(Error::database(FAILED))
}

fn check_enabled(state: &State, request: &Request) -> Result<(), Error> {
    let settings = &state.settings;
    if request.email.is_empty() {
        if !settings.phone_enabled {
            return Err(Refusal::PhoneUnsupported.into());
        }
        return sms::check_channel(state, &request.channel);
    }
    match (settings.email_enabled, settings.magic_link_enabled) {
        (false, _) => Err(Error::EmailLoginDisabled),
        (true, false) => Err(Refusal::MagicLinkDisabled.into()),
        (true, true) => Ok(()),
    }
}

/// Sends what the account is ready for; returns the message's id where there is one.
async fn send(start: &Start<'_>, asked: &Asked<'_>) -> (Way, Result<Option<String>, Error>) {
    let user = match find(start.state, start.contact, start.aud).await {
        Err(error) => return (Way::Nobody, Err(error)),
        // Who may not sign up is told so by `/signup`; here it would tell who has an account.
        Ok(None) if start.state.settings.disable_signup => return (Way::Nobody, unsent(asked).await),
        Ok(None) => return (Way::Nobody, make(start).await),
        Ok(Some(user)) => user,
    };
    let (way, outcome) = if start.contact.is_confirmed_by(&user) || start.is_open() {
        (Way::Account, asked.send(user.recovery_sent_at, sign_in_again(start, &user)).await)
    } else {
        (Way::Unconfirmed, asked.send(user.confirmation_sent_at, existing::ask_again(start, &user)).await)
    };
    (way, outcome.map(Option::flatten))
}

/// The address or number was taken when the account was to be made. One of an account that is out of sight is
/// answered as any other, and nothing is sent.
async fn overtaken(start: &Start<'_>, asked: &Asked<'_>) -> (Way, Result<Option<String>, Error>) {
    match send(start, asked).await {
        (way, Err(error)) if is_taken(&error) => (way, unsent(asked).await),
        outcome => outcome,
    }
}

async fn unsent(asked: &Asked<'_>) -> Result<Option<String>, Error> {
    asked.count_unsent().await.map(|()| None)
}

/// Sends a link or code again; `None` where nobody is reached there any more, else the message's id where there is one.
async fn sign_in_again(start: &Start<'_>, found: &User) -> Result<Option<Option<String>>, Error> {
    let failed = Error::database(FAILED);
    let (_turns, mut tx) = start.state.asking([start.contact.sender()]).change(found.id).await.map_err(&failed)?;
    let Some(user) = start.contact.lock_user(&mut tx, found).await.map_err(&failed)? else { return Ok(None) };
    let message_id = sign_in(start, &mut tx, &user).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Some(message_id))
}

/// Makes the account and sends what confirms it, or, where it counts as confirmed, what signs in.
async fn make(start: &Start<'_>) -> Result<Option<String>, Error> {
    start.ask_hook().await?;
    let state = start.state;
    let failed = Error::database(NOT_SAVED);
    let mut tx = state.asking([start.contact.sender()]).write(&Context::service()).await.map_err(&failed)?;
    let user = create::insert(start, "", &mut tx).await?;
    let (user, message_id) = if start.is_open() {
        create::confirm(start, &mut tx, &user).await.map_err(&failed)?;
        let message_id = sign_in(start, &mut tx, &user).await?;
        (user, message_id)
    } else {
        let message_id = create::ask(start, &mut tx, &user).await?;
        (create::reload(&mut tx, &user).await?, message_id)
    };
    tx.commit().await.map_err(&failed)?;
    hooks::after_user_created(state, start.client, &user).await?;
    Ok(message_id)
}

/// Sends a link or code to sign in with.
async fn sign_in(start: &Start<'_>, tx: &mut Transaction, user: &User) -> Result<Option<String>, Error> {
    let failed = Error::database(FAILED);
    let Start { state, client, redirect_to, channel, .. } = *start;
    let is_pkce = start.challenge.is_some();
    let traits = start.contact.phone().map(|_| json!({"channel": if channel.is_empty() { "sms" } else { channel }}));
    if let Some(challenge) = start.challenge.filter(|_| start.contact.email().is_some()) {
        challenge.start(state, tx, user.id, "magiclink", Proof::MagicLink).await.map_err(&failed)?;
    }
    let entry = audit::payload(&Actor::user(user), Action::UserRecoveryRequested, traits);
    audit::insert(tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
    match start.contact {
        Contact::Email(_) => {
            Letters { state, client, redirect_to, is_pkce }.magic_link(tx, user, start.at).await?;
            Ok(None)
        }
        Contact::Phone(_) => Texting { state, client, channel }.confirmation(tx, user).await,
    }
}
