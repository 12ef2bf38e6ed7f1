//! `PUT /admin/users/{id}`. Address and number are set at once, whether they are confirmed or not.

use axum::extract::State as With;
use jiff::Timestamp;
use pg::Transaction;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::attributes::{self, Attributes, Ban};
use super::{Target, traits};
use crate::bearer::Admin;
use crate::changes;
use crate::error::Error;
use crate::json::{Body, Json};
use crate::metadata::Fields;
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, NewIdentity};
use crate::model::users::{self, User};
use crate::state::State;
use crate::verify;

/// What clients are told when the database refuses.
const NOT_UPDATED: &str = "Error updating user";

/// Changes what the body names.
pub(crate) async fn update(
    With(state): With<State>,
    admin: Admin,
    Target(user): Target,
    Body(attributes): Body<Attributes>,
) -> Result<Json<User>, Error> {
    let at = state.clock.now();
    let (email, phone) = (attributes.checked_email()?, attributes.checked_phone()?);
    let (role, ban) = (attributes.checked_role()?, attributes.ban(at)?);
    let password_hash = match &attributes.password {
        Some(password) => {
            state.check_password(password).await?;
            let hash = state.hasher.hash(password.clone().into()).await?;
            Some(state.seal(user.id, &hash))
        }
        None => None,
    };
    let failed = attributes::failed(NOT_UPDATED);
    let (_turns, mut tx) = state.change(user.id).await.map_err(&failed)?;
    let before = users::lock(&mut tx, user.id).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
    let update =
        Update { state: &state, user: &before, role, email, phone, password_hash, ban, at, attributes: &attributes };
    update.write(&mut tx).await.map_err(&failed)?;
    let user = users::reload(&mut tx, user.id).await.map_err(&failed)?.ok_or(Error::UserNotFound)?;
    let mut traits = traits(&user);
    traits["changes"] = changes::between(&before, &user);
    let entry = audit::payload(&Actor::admin(&admin), Action::UserModified, Some(traits));
    audit::insert(&mut tx, &state, &entry, at).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    Ok(Json(user))
}

/// A change to be written.
struct Update<'a> {
    state: &'a State,
    user: &'a User,
    role: Option<&'a str>,
    email: Option<String>,
    phone: Option<String>,
    password_hash: Option<SecretString>,
    ban: Ban,
    at: Timestamp,
    attributes: &'a Attributes,
}

impl Update<'_> {
    async fn write(&self, tx: &mut Transaction) -> Result<(), pg::Error> {
        let (id, at, attributes) = (self.user.id, self.at, self.attributes);
        if let Some(role) = self.role {
            users::set_role(tx, id, role, at).await?;
        }
        if attributes.email_confirm {
            users::confirm_email(tx, id, at).await?;
        }
        if attributes.phone_confirm {
            users::confirm_phone(tx, id, at).await?;
        }
        if let Some(hash) = &self.password_hash {
            users::set_password(tx, id, hash.expose_secret(), None, at).await?;
            if self.user.encrypted_password.is_none() {
                verify::after_first_password(self.state, tx, id).await?;
            }
        }
        if let Some(email) = &self.email {
            let new = identities::email_data(id, email, attributes.email_confirm, &Fields::new());
            let changes = json!({"email": email, "email_verified": attributes.email_confirm});
            self.put_identity(tx, "email", new, &changes).await?;
            users::set_email(tx, id, email, attributes.email_confirm, at).await?;
        }
        if let Some(phone) = &self.phone {
            let new = identities::phone_data(id, phone, attributes.phone_confirm);
            let changes = json!({"phone": phone, "phone_verified": attributes.phone_confirm});
            self.put_identity(tx, "phone", new, &changes).await?;
            users::set_phone(tx, id, phone, attributes.phone_confirm, at).await?;
        }
        if let Some(updates) = &attributes.app_metadata {
            users::merge_app_metadata(tx, id, updates, at).await?;
        }
        if let Some(updates) = &attributes.user_metadata {
            users::merge_user_metadata(tx, id, updates, at).await?;
        }
        match self.ban {
            Ban::Unchanged => Ok(()),
            Ban::Lifted => users::set_ban(tx, id, None, at).await,
            Ban::Until(until) => users::set_ban(tx, id, Some(until), at).await,
        }
    }

    /// Changes the identity of a provider, or adds it.
    async fn put_identity(
        &self,
        tx: &mut Transaction,
        provider: &str,
        new: Value,
        changes: &Value,
    ) -> Result<(), pg::Error> {
        let (user_id, at) = (self.user.id, self.at);
        if !identities::change(tx, user_id, provider, changes, at).await? {
            let id = self.state.random.uuid();
            identities::insert(tx, &NewIdentity { id, user_id, provider, data: new, at }).await?;
        }
        Ok(())
    }
}
