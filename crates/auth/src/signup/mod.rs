//! `POST /signup`: with an address or number that is new ([`create`]) or has an account ([`existing`]), or with
//! neither ([`anonymous`]).

mod anonymous;
pub(crate) mod create;
pub(crate) mod existing;

use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::asked::{self, Asked};
use crate::client::Client;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks;
use crate::json::{Body, Json};
use crate::letters;
use crate::metadata::{self, Fields};
use crate::model::users::{self, EMAIL_KEY, PHONE_KEY, User};
use crate::pace::{Flow, Pace, Way};
use crate::pkce::Challenge;
use crate::redirect::RedirectTo;
use crate::sms;
use crate::state::State;
use create::{NOT_SAVED, Outcome};

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    email: String,
    phone: String,
    channel: String,
    password: String,
    data: Fields,
    code_challenge: String,
    code_challenge_method: String,
}

/// A sign-up that passed all checks.
pub(crate) struct Start<'a> {
    pub(crate) state: &'a State,
    pub(crate) client: &'a Client,
    /// The id that the user will have.
    pub(crate) id: Uuid,
    pub(crate) contact: &'a Contact,
    pub(crate) aud: &'a str,
    pub(crate) data: &'a Fields,
    pub(crate) challenge: Option<&'a Challenge>,
    pub(crate) redirect_to: &'a str,
    /// How a number is reached.
    pub(crate) channel: &'a str,
    /// When it was asked for.
    pub(crate) at: Timestamp,
}

impl Start<'_> {
    /// Whether addresses or numbers, as this is one, count as confirmed at once.
    pub(crate) fn is_open(&self) -> bool {
        match self.contact {
            Contact::Email(_) => self.state.settings.mailer_autoconfirm,
            Contact::Phone(_) => self.state.settings.sms.autoconfirm,
        }
    }

    /// The account that the address or number belongs to.
    pub(crate) async fn existing(&self) -> Result<Option<User>, pg::Error> {
        match self.contact {
            Contact::Email(email) => users::find_duplicate(&self.state.db, email, self.aud, None).await,
            Contact::Phone(phone) => users::find_by_phone(&self.state.db, phone, self.aud).await,
        }
    }

    /// Asks the hook whether the user may be made.
    pub(crate) async fn ask_hook(&self) -> Result<(), Error> {
        hooks::before_user_created(self.state, self.client, || self.unsaved()).await
    }

    /// The user as it will be.
    fn unsaved(&self) -> Value {
        let now = self.state.clock.now();
        json!({
            "id": self.id,
            "aud": self.aud,
            "role": self.state.settings.jwt_default_role,
            "email": self.contact.email().unwrap_or_default(),
            "phone": self.contact.phone().unwrap_or_default(),
            "app_metadata": metadata::of_providers(&[self.contact.provider().to_owned()]),
            "user_metadata": self.data,
            "identities": [],
            "created_at": now,
            "updated_at": now,
            "is_anonymous": false,
        })
    }
}

/// Whether an error says that the address or number is taken after all.
pub(crate) fn is_taken(error: &Error) -> bool {
    let Error::Database(_, error) = error else { return false };
    matches!(error.constraint_in("auth"), Some(EMAIL_KEY | PHONE_KEY))
}

/// Answers a session where addresses or numbers are confirmed at once, else the new user.
pub(crate) async fn post(
    With(state): With<State>,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Response, Error> {
    if request.email.is_empty() && request.phone.is_empty() {
        return anonymous::answer(&state, &client, &request.data).await;
    }
    let (contact, challenge) = check(&state, &request).await?;
    let start = Start {
        state: &state,
        client: &client,
        id: state.random.uuid(),
        contact: &contact,
        aud: &client.audience(None, &state.settings),
        data: &request.data,
        challenge: challenge.as_ref(),
        redirect_to: &redirect_to,
        channel: &request.channel,
        at: state.clock.now(),
    };
    if start.is_open() {
        // Nothing is sent, and the answer itself tells.
        return answer(&start, None, &request.password).await.1;
    }
    let asked = Asked::note(&state, &contact, (asked::Kind::Confirmation, start.at)).await?;
    let pace = Pace::begin(&state, Flow::SignUp);
    let (way, outcome) = answer(&start, Some(&asked), &request.password).await;
    pace.settle(way, asked.close(outcome).await).await
}

async fn answer(start: &Start<'_>, asked: Option<&Asked<'_>>, password: &str) -> (Way, Result<Response, Error>) {
    match start.existing().await.map_err(Error::database("Database error finding user")) {
        Err(error) => (Way::Nobody, Err(error)),
        Ok(None) => (Way::Nobody, create(start, asked, password).await),
        Ok(Some(user)) => {
            let way = if start.contact.is_confirmed_by(&user) { Way::Account } else { Way::Unconfirmed };
            (way, existing::answer(start, asked, &user, password).await)
        }
    }
}

/// Makes the account.
async fn create(start: &Start<'_>, asked: Option<&Asked<'_>>, password: &str) -> Result<Response, Error> {
    start.ask_hook().await?;
    let Start { state, client, .. } = *start;
    let hash = state.hasher.hash(SecretString::from(password)).await?;
    let outcome = match create::create(start, &hash).await {
        Err(error) if is_taken(&error) => return overtaken(start, asked, password, error).await,
        outcome => outcome?,
    };
    match outcome {
        Outcome::Session(issued) => {
            hooks::after_user_created(state, client, &issued.user).await?;
            issued.answer(state)
        }
        Outcome::Unconfirmed(user) => {
            hooks::after_user_created(state, client, &user).await?;
            Ok(Json(user.at_once()).into_response())
        }
    }
}

/// The address is taken after all: somebody else was faster, or it is one of another audience.
async fn overtaken(
    start: &Start<'_>,
    asked: Option<&Asked<'_>>,
    password: &str,
    error: Error,
) -> Result<Response, Error> {
    match start.existing().await {
        Ok(Some(user)) => existing::answer(start, asked, &user, password).await,
        Ok(None) => existing::answer_blindly(start, asked).await,
        Err(_) => match error {
            Error::Database(_, error) => Err(Error::Database(NOT_SAVED, error)),
            other => Err(other),
        },
    }
}

/// Checks in the order of the reference; returns address or number in the form in which it is stored.
async fn check(state: &State, request: &Request) -> Result<(Contact, Option<Challenge>), Error> {
    if state.settings.disable_signup {
        return Err(Error::SignupDisabled);
    }
    if request.password.is_empty() {
        return Err(Error::validation("Signup requires a valid password"));
    }
    state.check_password(&request.password).await?;
    if !request.email.is_empty() && !request.phone.is_empty() {
        return Err(Error::validation("Only an email address or phone number should be provided on signup."));
    }
    let is_phone = !request.phone.is_empty();
    if is_phone {
        sms::check_channel(state, &request.channel)?;
        if !request.code_challenge.is_empty() {
            return Err(Error::validation("PKCE not supported for phone signups"));
        }
    }
    let challenge = Challenge::read(&request.code_challenge_method, &request.code_challenge)?;
    if is_phone {
        if !state.settings.phone_enabled {
            return Err(Error::PhoneSignupDisabled);
        }
        return Ok((Contact::Phone(sms::check_number(&request.phone)?), challenge));
    }
    if !state.settings.email_enabled {
        return Err(Error::EmailSignupDisabled);
    }
    let email = match state.settings.mailer_autoconfirm {
        true => authkit::address::email(&request.email)?,
        false => letters::recipient(state, &request.email)?,
    };
    Ok((Contact::Email(email), challenge))
}
