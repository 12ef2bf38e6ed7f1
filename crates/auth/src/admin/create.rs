//! `POST /admin/users`. Whether users may sign up themselves, and how strong their passwords must be, does not
//! count here.

use authkit::StoredHash;
use axum::extract::State as With;
use jiff::Timestamp;
use pg::{Context, Transaction};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use super::attributes::{self, Attributes, Ban};
use super::traits;
use crate::bearer::Admin;
use crate::client::Client;
use crate::error::Error;
use crate::json::{Body, Json};
use crate::metadata::{self, Fields};
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, NewIdentity};
use crate::model::users::{self, NewUser, User};
use crate::state::State;

/// What clients are told when the database refuses.
const NOT_CREATED: &str = "Database error creating new user";

/// How long a hash of another program may be; those of the kinds that are known have some hundred characters.
const LONGEST_HASH: usize = 1024;

/// Creates a user; answers it with status 200.
pub(crate) async fn create(
    With(state): With<State>,
    admin: Admin,
    client: Client,
    Body(attributes): Body<Attributes>,
) -> Result<Json<User>, Error> {
    if attributes.email.is_empty() && attributes.phone.is_empty() {
        return Err(Error::validation("Cannot create a user without either an email or phone"));
    }
    attributes.checked_role()?;
    let aud = Some(attributes.aud.clone())
        .filter(|aud| !aud.is_empty())
        .unwrap_or_else(|| client.audience(Some(&admin.claims), &state.settings));
    let (email, phone) = free_address(&state, &attributes, &aud).await?;
    let encrypted_password = password_hash(&state, &attributes).await?;
    let at = state.clock.now();
    let id = id(&state, &attributes)?;
    let creation = Creation {
        state: &state,
        id,
        aud,
        email,
        phone,
        encrypted_password: state.seal(id, &encrypted_password),
        ban: attributes.ban(at)?,
        at,
        attributes,
    };
    let failed = attributes::failed(NOT_CREATED);
    let mut tx = state.db.write(&Context::service()).await.map_err(&failed)?;
    creation.write(&admin, &mut tx).await.map_err(&failed)?;
    let user = users::reload(&mut tx, creation.id).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    user.map(Json).ok_or_else(|| Error::Internal(NOT_CREATED, "a trigger removed the new user".to_owned()))
}

/// Address and number in the form in which they are stored, after a look whether they are taken.
async fn free_address(
    state: &State,
    attributes: &Attributes,
    aud: &str,
) -> Result<(Option<String>, Option<String>), Error> {
    let email = attributes.checked_email()?;
    if let Some(email) = &email {
        let duplicate = users::find_duplicate(&state.db, email, aud, None).await;
        if duplicate.map_err(Error::database("Database error checking email"))?.is_some() {
            return Err(Error::EmailExists);
        }
    }
    let phone = attributes.checked_phone()?;
    if let Some(phone) = &phone {
        let is_taken = users::has_phone(&state.db, phone, aud).await;
        if is_taken.map_err(Error::database("Database error checking phone"))? {
            return Err(Error::PhoneExists("Phone number already registered by another user"));
        }
    }
    Ok((email, phone))
}

/// The hash that is given, or that of the password, or that of a random one.
async fn password_hash(state: &State, attributes: &Attributes) -> Result<String, Error> {
    let hash = &attributes.password_hash;
    match &attributes.password {
        Some(_) if !hash.is_empty() => Err(Error::validation("Only a password or a password hash should be provided")),
        _ if hash.len() > LONGEST_HASH => {
            Err(Error::validation(format!("password hash cannot be longer than {LONGEST_HASH} characters")))
        }
        _ if !hash.is_empty() => {
            StoredHash::parse(hash)?;
            Ok(hash.clone())
        }
        Some(password) if !password.is_empty() => Ok(state.hasher.hash(password.clone().into()).await?),
        _ => Ok(state.hasher.hash(state.random_password().into()).await?),
    }
}

fn id(state: &State, attributes: &Attributes) -> Result<Uuid, Error> {
    if attributes.id.is_empty() {
        return Ok(state.random.uuid());
    }
    let id = Uuid::parse_str(&attributes.id).map_err(|_| Error::validation("ID must conform to the uuid v4 format"))?;
    if id.is_nil() { Err(Error::validation("ID cannot be a nil uuid")) } else { Ok(id) }
}

/// A user to be written.
struct Creation<'a> {
    state: &'a State,
    id: Uuid,
    aud: String,
    email: Option<String>,
    phone: Option<String>,
    encrypted_password: SecretString,
    ban: Ban,
    at: Timestamp,
    attributes: Attributes,
}

impl Creation<'_> {
    async fn write(&self, admin: &Admin, tx: &mut Transaction) -> Result<(), pg::Error> {
        let Self { id, at, attributes, .. } = self;
        self.insert(tx).await?;
        self.insert_identities(tx).await?;
        if attributes.email_confirm {
            users::confirm_email(tx, *id, *at).await?;
        }
        if attributes.phone_confirm {
            users::confirm_phone(tx, *id, *at).await?;
        }
        if let Ban::Until(until) = self.ban {
            users::set_ban(tx, *id, Some(until), *at).await?;
        }
        let Some(user) = users::reload(tx, *id).await? else { return Ok(()) };
        let mut traits = traits(&user);
        traits["provider"] = json!(self.providers()[0]);
        let entry = audit::payload(&Actor::admin(admin), Action::UserSignedUp, Some(traits));
        audit::insert(tx, self.state, &entry, *at).await
    }

    fn providers(&self) -> Vec<String> {
        let email = self.email.as_ref().map(|_| "email".to_owned());
        email.into_iter().chain(self.phone.as_ref().map(|_| "phone".to_owned())).collect()
    }

    async fn insert(&self, tx: &mut Transaction) -> Result<(), pg::Error> {
        let attributes = &self.attributes;
        let providers = metadata::of_providers(&self.providers());
        let app_metadata =
            metadata::merge(Value::Object(providers), attributes.app_metadata.clone().unwrap_or_default());
        let role = match attributes.role.trim() {
            "" => &self.state.settings.jwt_default_role,
            role => role,
        };
        let new = NewUser {
            id: self.id,
            aud: &self.aud,
            role,
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            encrypted_password: self.encrypted_password.expose_secret(),
            app_metadata,
            user_metadata: Value::Object(attributes.user_metadata.clone().unwrap_or_default()),
            is_anonymous: false,
            at: self.at,
        };
        users::insert(tx, &new).await
    }

    /// Identities are not verified, even where the address is confirmed: that is how clients know them.
    async fn insert_identities(&self, tx: &mut Transaction) -> Result<(), pg::Error> {
        let data = [
            self.email.as_ref().map(|email| ("email", identities::email_data(self.id, email, false, &Fields::new()))),
            self.phone.as_ref().map(|phone| ("phone", identities::phone_data(self.id, phone, false))),
        ];
        for (provider, data) in data.into_iter().flatten() {
            let id = self.state.random.uuid();
            let identity = NewIdentity { id, user_id: self.id, provider, data, at: self.at };
            identities::insert(tx, &identity).await?;
        }
        Ok(())
    }
}
