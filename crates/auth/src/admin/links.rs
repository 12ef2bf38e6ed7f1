//! `POST /admin/generate_link`: the link and code of a letter without the letter.

use authkit::template::Kind;
use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use pg::Transaction;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bearer::Admin;
use crate::changes;
use crate::client::Client;
use crate::contact::Contact;
use crate::error::Error;
use crate::hooks;
use crate::invite;
use crate::json::{Body, Json};
use crate::letters::{Letters, action};
use crate::metadata::Fields;
use crate::model::audit::{self, Action, Actor};
use crate::model::users::{self, User};
use crate::one_time::Code;
use crate::redirect::RedirectTo;
use crate::signup::Start;
use crate::signup::create::{self, NOT_SAVED};
use crate::state::State;

/// What clients are told when the database fails.
const FAILED: &str = "Database error generating link";

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Request {
    #[serde(rename = "type")]
    kind: String,
    email: String,
    new_email: String,
    password: String,
    data: Fields,
    redirect_to: String,
}

/// What the link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LinkKind {
    Signup,
    Invite,
    MagicLink,
    Recovery,
    EmailChangeCurrent,
    EmailChangeNew,
}

impl LinkKind {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "signup" => Self::Signup,
            "invite" => Self::Invite,
            "magiclink" => Self::MagicLink,
            "recovery" => Self::Recovery,
            "email_change_current" => Self::EmailChangeCurrent,
            "email_change_new" => Self::EmailChangeNew,
            _ => return None,
        })
    }

    /// The letter that would have carried the link.
    fn letter(self) -> Kind {
        match self {
            Self::Signup => Kind::Confirmation,
            Self::Invite => Kind::Invite,
            Self::MagicLink => Kind::MagicLink,
            Self::Recovery => Kind::Recovery,
            Self::EmailChangeCurrent | Self::EmailChangeNew => Kind::EmailChange,
        }
    }

    /// Whether it confirms somebody who is not confirmed yet.
    fn confirms(self) -> bool {
        matches!(self, Self::Signup | Self::Invite)
    }

    fn name(self) -> &'static str {
        match self {
            Self::EmailChangeCurrent => "email_change_current",
            Self::EmailChangeNew => "email_change_new",
            other => action(other.letter()),
        }
    }
}

/// Answers the user with the link's parts. Nothing is sent, and nothing is too soon.
pub(crate) async fn generate_link(
    With(state): With<State>,
    admin: Admin,
    client: Client,
    RedirectTo(redirect_to): RedirectTo,
    Body(request): Body<Request>,
) -> Result<Response, Error> {
    let kind = LinkKind::parse(&request.kind);
    let kind =
        kind.ok_or_else(|| Error::validation(format!("Invalid email action link type requested: {}", request.kind)))?;
    let contact = Contact::Email(authkit::address::email(&request.email)?);
    let redirect_to = match state.allow_list.allows(&request.redirect_to) {
        true => request.redirect_to.clone(),
        false => redirect_to,
    };
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
    let link = Link { start, admin: &admin, request: &request };
    let (user, made, is_new) = link.make(kind).await?;
    if is_new {
        hooks::after_user_created(&state, &client, &user).await?;
    }
    let letters = Letters { state: &state, client: &client, redirect_to: &redirect_to, is_pkce: false };
    let mut answer = json!(user);
    answer["action_link"] = json!(letters.link(made.kind.letter(), &made.code.hash));
    answer["email_otp"] = json!(made.code.digits);
    answer["hashed_token"] = json!(made.code.hash);
    answer["verification_type"] = json!(made.kind.name());
    answer["redirect_to"] = json!(redirect_to);
    Ok(Json::<Value>(answer).into_response())
}

/// A code that was made, and what it is for in the end.
struct Made {
    kind: LinkKind,
    code: Code,
}

/// A link to be made.
struct Link<'a> {
    start: Start<'a>,
    admin: &'a Admin,
    request: &'a Request,
}

impl Link<'_> {
    async fn make(&self, kind: LinkKind) -> Result<(User, Made, bool), Error> {
        let failed = Error::database(FAILED);
        let Start { state, contact, aud, .. } = self.start;
        let existing = contact.find_user(&state.db, aud).await;
        let existing = existing.map_err(Error::database("Database error finding user"))?;
        let is_new = existing.is_none();
        let kind = match (kind, &existing) {
            (kind, Some(user)) if kind.confirms() && user.is_confirmed() => return Err(Error::EmailExists),
            (LinkKind::MagicLink, None) => LinkKind::Signup,
            (LinkKind::Signup | LinkKind::Invite, _) | (_, Some(_)) => kind,
            (LinkKind::Recovery | LinkKind::EmailChangeCurrent | LinkKind::EmailChangeNew, None) => {
                return Err(Error::UserNotFound);
            }
        };
        let new_email = self.new_email(kind, existing.as_ref()).await?;
        let hash = self.password_hash(kind, is_new).await?;
        if is_new {
            self.start.ask_hook().await?;
        }
        let (_turns, mut tx) = state.change(existing.as_ref().map(|found| found.id)).await.map_err(&failed)?;
        let user = match existing {
            // Locked, so that the audit entry tells what was there just before.
            Some(found) => {
                let user = contact.lock_user(&mut tx, &found).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
                if kind.confirms() && user.is_confirmed() {
                    return Err(Error::EmailExists);
                }
                user
            }
            None => create::insert_asked(&self.start, &hash, &mut tx).await.map_err(|error| match error {
                error if crate::signup::is_taken(&error) => Error::EmailExists,
                error => error,
            })?,
        };
        let code = self.write(&mut tx, kind, &user, &new_email, is_new).await?;
        let changed = users::reload(&mut tx, user.id).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
        if let Some(entry) = self.entry(kind, (!is_new).then_some(&user), &changed) {
            audit::insert(&mut tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
        }
        tx.commit().await.map_err(&failed)?;
        Ok((changed, Made { kind, code }, is_new))
    }

    /// The audit entry: who made the link, for whom, and what is different now. Invitations have one already.
    fn entry(&self, kind: LinkKind, before: Option<&User>, user: &User) -> Option<Value> {
        let action = match kind {
            LinkKind::Invite => return None,
            LinkKind::Signup if before.is_none() => Action::UserSignedUp,
            LinkKind::Signup => Action::UserConfirmationRequested,
            LinkKind::MagicLink | LinkKind::Recovery => Action::UserRecoveryRequested,
            LinkKind::EmailChangeCurrent | LinkKind::EmailChangeNew => Action::UserModified,
        };
        let mut traits = super::traits(user);
        traits["link"] = json!(kind.name());
        match before {
            Some(before) => changes::note_in(&mut traits, before, user),
            None => traits["provider"] = json!(self.start.contact.provider()),
        }
        Some(audit::payload(&Actor::admin(self.admin), action, Some(traits)))
    }

    /// The new address of a change, checked; empty where it is none.
    async fn new_email(&self, kind: LinkKind, user: Option<&User>) -> Result<String, Error> {
        if !matches!(kind, LinkKind::EmailChangeCurrent | LinkKind::EmailChangeNew) {
            return Ok(String::new());
        }
        if kind == LinkKind::EmailChangeCurrent && !self.start.state.settings.mailer_secure_email_change {
            return Err(Error::validation("Enable secure email change to generate link for current email"));
        }
        let email = authkit::address::email(&self.request.new_email)?;
        if user.is_some_and(|user| user.email.to_lowercase() == email) {
            return Err(Error::EmailExists);
        }
        let besides = user.map(|user| user.id);
        let duplicate = users::find_duplicate(&self.start.state.db, &email, self.start.aud, besides).await;
        match duplicate.map_err(Error::database("Database error checking email"))? {
            Some(_) => Err(Error::EmailExists),
            None => Ok(email),
        }
    }

    /// The hash of the password of a new user; empty for none.
    async fn password_hash(&self, kind: LinkKind, is_new: bool) -> Result<String, Error> {
        let state = self.start.state;
        if !is_new || kind != LinkKind::Signup {
            return Ok(String::new());
        }
        // An unknown address for a link to sign in with needs no password.
        if self.request.kind == "magiclink" {
            return Ok(String::new());
        }
        if self.request.password.is_empty() {
            return Err(Error::validation("Signup requires a valid password"));
        }
        state.check_password(&self.request.password).await?;
        Ok(state.hasher.hash(SecretString::from(&*self.request.password)).await?)
    }

    async fn write(
        &self,
        tx: &mut Transaction,
        kind: LinkKind,
        user: &User,
        new_email: &str,
        is_new: bool,
    ) -> Result<Code, Error> {
        let failed = Error::database(FAILED);
        let Start { state, client, redirect_to, .. } = self.start;
        let letters = Letters { state, client, redirect_to, is_pkce: false };
        match kind {
            LinkKind::Signup => {
                if !is_new {
                    users::merge_user_metadata(tx, user.id, self.start.data, state.clock.now())
                        .await
                        .map_err(Error::database(NOT_SAVED))?;
                }
            }
            LinkKind::Invite => {
                invite::record(&self.start, tx, user.clone(), self.admin).await.map_err(&failed)?;
            }
            LinkKind::MagicLink | LinkKind::Recovery => {}
            LinkKind::EmailChangeCurrent | LinkKind::EmailChangeNew => {
                let is_new_side = kind == LinkKind::EmailChangeNew;
                return letters.keep_email_change(tx, user, new_email, is_new_side).await.map_err(failed);
            }
        }
        let code = letters.code(&user.email);
        letters.keep(tx, user, (kind.letter(), state.clock.now()), &code).await.map_err(failed)?;
        Ok(code)
    }
}
