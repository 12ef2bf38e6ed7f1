//! `POST /resend`: the letter or message that has not arrived, once more.

use axum::extract::State as With;
use jiff::Timestamp;
use pg::Transaction;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::asked::{self, Asked};
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
use crate::refusal::Refusal;
use crate::sms::{self, TEST_ID, Texting};
use crate::state::State;
use crate::tokens::Proof;

/// What clients are told when the database fails.
const FAILED: &str = "Unable to process request";

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    #[serde(rename = "type")]
    kind: String,
    email: String,
    phone: String,
    code_challenge: String,
    code_challenge_method: String,
}

/// What is to be sent again.
#[derive(Clone, Copy)]
enum Kind {
    Signup,
    EmailChange,
    Sms,
    PhoneChange,
}

impl Kind {
    /// Its name, as who asks for it has it.
    fn name(self) -> &'static str {
        match self {
            Self::Signup => "signup",
            Self::EmailChange => "email_change",
            Self::Sms => "sms",
            Self::PhoneChange => "phone_change",
        }
    }

    /// What the frequencies are counted by.
    fn asked(self) -> asked::Kind {
        match self {
            Self::Signup | Self::Sms => asked::Kind::Confirmation,
            Self::EmailChange | Self::PhoneChange => asked::Kind::Change,
        }
    }

    /// When it was sent the last time.
    fn last(self, user: &User) -> Option<Timestamp> {
        match self {
            Self::Signup | Self::Sms => user.confirmation_sent_at,
            Self::EmailChange => user.email_change_sent_at,
            Self::PhoneChange => user.phone_change_sent_at,
        }
    }
}

/// Answers `{}` where there is nothing to be sent, so that nobody learns which accounts there are.
pub(crate) async fn post(
    With(state): With<State>,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Json<Value>, Error> {
    let (kind, contact) = check(&state, &request)?;
    let challenge = Challenge::read(&request.code_challenge_method, &request.code_challenge)?;
    let failed = Error::database(FAILED);
    let aud = client.audience(None, &state.settings);
    let at = state.clock.now();
    let asked = Asked::note(&state, &contact, (kind.asked(), at)).await?;
    let pace = Pace::begin(&state, Flow::Resend);
    let user = contact.find_user(&state.db, &aud).await.map_err(&failed)?.filter(|user| waits(kind, user));
    let resend =
        Resend { state: &state, client: &client, redirect_to: &redirect_to, challenge: challenge.as_ref(), kind, at };
    let (way, outcome) = match &user {
        Some(user) => {
            let sent = asked.send(kind.last(user), resend.send(&contact, user)).await;
            (Way::Account, sent.map(drop))
        }
        None => (Way::Nobody, asked.count_unsent().await),
    };
    pace.settle(way, asked.close(outcome).await).await?;
    // The id of a message that was really sent would tell that one was.
    let test_code = |phone| state.settings.sms.test_code(phone, state.clock.now());
    let is_test = matches!(kind, Kind::Sms) && contact.phone().and_then(test_code).is_some();
    Ok(Json(if is_test { json!({"message_id": TEST_ID}) } else { json!({}) }))
}

fn check(state: &State, request: &Request) -> Result<(Kind, Contact), Error> {
    let kind = match &*request.kind {
        "signup" => Kind::Signup,
        "email_change" => Kind::EmailChange,
        "sms" => Kind::Sms,
        "phone_change" => Kind::PhoneChange,
        _ => return Err(Error::validation("Missing one of these types: signup, email_change, sms, phone_change")),
    };
    let contact = match (kind, &*request.email, &*request.phone) {
        (Kind::Signup | Kind::EmailChange, "", _) => {
            return Err(Error::validation("Type provided requires an email address"));
        }
        (Kind::Sms | Kind::PhoneChange, _, "") => {
            return Err(Error::validation("Type provided requires a phone number"));
        }
        (Kind::Signup | Kind::EmailChange, email, "") => {
            if !state.settings.email_enabled {
                let text = "Email logins are disabled";
                return Err(Refusal::ResendDisabled { code: "email_provider_disabled", text }.into());
            }
            Contact::Email(letters::recipient(state, email)?)
        }
        (Kind::Sms | Kind::PhoneChange, "", phone) => {
            if !state.settings.phone_enabled {
                let text = "Phone logins are disabled";
                return Err(Refusal::ResendDisabled { code: "phone_provider_disabled", text }.into());
            }
            Contact::Phone(sms::check_number(phone)?)
        }
        _ => return Err(Error::validation("Only one of email or phone should be provided.")),
    };
    Ok((kind, contact))
}

/// Whether something is under way that could be sent again.
fn waits(kind: Kind, user: &User) -> bool {
    match kind {
        Kind::Signup => user.email_confirmed_at.is_none(),
        Kind::EmailChange => !user.new_email.is_empty(),
        Kind::Sms => user.phone_confirmed_at.is_none(),
        Kind::PhoneChange => !user.new_phone.is_empty(),
    }
}

/// What is sent again, and to whom it leads.
struct Resend<'a> {
    state: &'a State,
    client: &'a Client,
    redirect_to: &'a str,
    challenge: Option<&'a Challenge>,
    kind: Kind,
    /// When it was asked for.
    at: Timestamp,
}

impl Resend<'_> {
    /// Sends what is under way; `None` where nothing is any more.
    async fn send(&self, contact: &Contact, found: &User) -> Result<Option<()>, Error> {
        let failed = Error::database(FAILED);
        let (_turns, mut tx) = self.state.asking([self.sender()]).change(found.id).await.map_err(&failed)?;
        let user = contact.lock_user(&mut tx, found).await.map_err(&failed)?;
        let Some(user) = user.filter(|user| waits(self.kind, user)) else { return Ok(None) };
        self.send_in(&mut tx, &user).await?;
        tx.commit().await.map_err(failed)?;
        Ok(Some(()))
    }

    fn sender(&self) -> HookName {
        match self.kind {
            Kind::Signup | Kind::EmailChange => HookName::SendEmail,
            Kind::Sms | Kind::PhoneChange => HookName::SendSms,
        }
    }

    async fn send_in(&self, tx: &mut Transaction, user: &User) -> Result<(), Error> {
        let Self { state, client, redirect_to, challenge, kind, at } = *self;
        let letters = Letters { state, client, redirect_to, is_pkce: challenge.is_some() };
        let texting = Texting { state, client, channel: "sms" };
        match kind {
            Kind::Signup => {
                self.record(tx, user, Action::UserConfirmationRequested, None).await?;
                self.begin(tx, user, Proof::EmailSignup).await?;
                letters.confirmation(tx, user, at).await
            }
            Kind::EmailChange => {
                self.record_change(tx, user).await?;
                self.begin(tx, user, Proof::EmailChange).await?;
                letters.email_change_again(tx, user, (&user.new_email, at)).await
            }
            Kind::Sms => {
                self.record(tx, user, Action::UserRecoveryRequested, None).await?;
                texting.confirmation(tx, user).await.map(drop)
            }
            Kind::PhoneChange => {
                self.record_change(tx, user).await?;
                texting.change_again(tx, user, &user.new_phone).await.map(drop)
            }
        }
    }

    /// Supabase notes no letter or message about a change.
    async fn record_change(&self, tx: &mut Transaction, user: &User) -> Result<(), Error> {
        let traits = json!({"type": self.kind.name()});
        self.record(tx, user, Action::UserConfirmationRequested, Some(traits)).await
    }

    async fn record(
        &self,
        tx: &mut Transaction,
        user: &User,
        action: Action,
        traits: Option<Value>,
    ) -> Result<(), Error> {
        let entry = audit::payload(&Actor::user(user), action, traits);
        audit::insert(tx, self.state, &entry, self.state.clock.now()).await.map_err(Error::database(FAILED))
    }

    /// Starts a flow whose provider is named like its method, as in Supabase.
    async fn begin(&self, tx: &mut Transaction, user: &User, proof: Proof) -> Result<(), Error> {
        let Some(challenge) = self.challenge else { return Ok(()) };
        challenge.start(self.state, tx, user.id, proof.name(), proof).await.map_err(Error::database(FAILED))
    }
}
