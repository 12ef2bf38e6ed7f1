//! Writing a new account.

use pg::Context;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::Error;
use crate::metadata::{self, Fields};
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, NewIdentity};
use crate::model::users::{self, NewUser, User};
use crate::state::State;
use crate::tokens::{Issued, Proof, Sign};

/// What clients are told when the database refuses a new user, as a trigger may.
pub(super) const NOT_SAVED: &str = "Database error saving new user";

/// A sign-up that is to be written.
pub(super) struct Signup<'a> {
    pub(super) state: &'a State,
    pub(super) client: &'a Client,
    pub(super) email: &'a str,
    pub(super) aud: &'a str,
    pub(super) data: &'a Fields,
    pub(super) hash: &'a str,
}

/// What a sign-up comes to.
pub(super) enum Outcome {
    Session(Box<Issued>),
    Unconfirmed(Box<User>),
}

impl Signup<'_> {
    /// Writes everything of a sign-up in one transaction: user, identity, audit entries and, where the address
    /// counts as confirmed, the session.
    pub(super) async fn create(&self) -> Result<Outcome, Error> {
        let Self { state, .. } = self;
        let failed = Error::database(NOT_SAVED);
        let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
        let mut user = self.insert(&mut tx).await?;
        if !state.settings.mailer_autoconfirm {
            tx.commit().await.map_err(&failed)?;
            return Ok(Outcome::Unconfirmed(Box::new(user)));
        }
        let at = state.clock.now();
        let traits = json!({"provider": "email"});
        let entry = audit::payload(&Actor::user(&user), Action::UserSignedUp, Some(traits));
        audit::insert(&mut tx, state, &entry, at).await.map_err(&failed)?;
        users::confirm_email(&mut tx, user.id, at).await.map_err(&failed)?;
        user.email_confirmed_at = Some(at);
        let sign = Sign::prepare(state, self.client, &user, Proof::Password, Some("email"));
        let issued = sign.open_in(&mut tx).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        Ok(Outcome::Session(Box::new(issued)))
    }

    /// Adds user and identity. The user is read again in between, since triggers may have changed the row, and
    /// then carries the identity's data as metadata.
    async fn insert(&self, tx: &mut pg::Transaction) -> Result<User, Error> {
        let Self { state, email, aud, data, hash, .. } = *self;
        let failed = Error::database(NOT_SAVED);
        let (id, at) = (state.random.uuid(), state.clock.now());
        let providers = metadata::of_providers(&["email".to_owned()]);
        let new = NewUser {
            id,
            aud,
            role: &state.settings.jwt_default_role,
            email: Some(email),
            phone: None,
            encrypted_password: hash,
            app_metadata: Value::Object(providers.clone()),
            user_metadata: Value::Object(data.clone()),
            at,
        };
        users::insert(tx, &new).await.map_err(&failed)?;
        let user = users::reload(tx, id).await.map_err(&failed)?;
        let mut user = user.ok_or_else(|| Error::Internal(NOT_SAVED, "a trigger removed the new user".to_owned()))?;
        let identity_data = identities::email_data(id, &user.email, false, data);
        let identity =
            NewIdentity { id: state.random.uuid(), user_id: id, provider: "email", data: identity_data.clone(), at };
        identities::insert(tx, &identity).await.map_err(&failed)?;
        user.app_metadata = metadata::merge(user.app_metadata, providers);
        user.user_metadata = metadata::without_nulls(identity_data);
        users::set_metadata(tx, &user, at).await.map_err(&failed)?;
        let user = users::reload(tx, id).await.map_err(&failed)?;
        user.ok_or_else(|| Error::Internal(NOT_SAVED, "a trigger removed the new user".to_owned()))
    }
}
