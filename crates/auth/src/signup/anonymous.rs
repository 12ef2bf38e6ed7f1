//! Signing up with neither address nor number. The account becomes permanent when it gets one that is confirmed.

use axum::response::Response;
use pg::{Context, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;

use super::create::NOT_SAVED;
use crate::client::Client;
use crate::error::Error;
use crate::hooks::{self, HookName};
use crate::metadata::Fields;
use crate::model::audit::{self, Action, Actor};
use crate::model::users::{self, NewUser, User};
use crate::state::State;
use crate::tokens::{Proof, Sign};

/// Answers a session of a new user, without identity.
pub(super) async fn answer(state: &State, client: &Client, data: &Fields) -> Result<Response, Error> {
    if !state.settings.anonymous_enabled {
        return Err(Error::AnonymousDisabled);
    }
    if state.settings.disable_signup {
        return Err(Error::SignupDisabled);
    }
    let failed = Error::database("Database error creating anonymous user");
    let (id, aud) = (state.random.uuid(), client.audience(None, &state.settings));
    hooks::before_user_created(state, client, || unsaved(state, id, &aud, data)).await?;
    let mut tx = state.asking([HookName::CustomAccessToken]).write(&Context::service()).await.map_err(&failed)?;
    let user = insert(state, &mut tx, (id, &aud), data).await.map_err(&failed)?;
    let removed = || Error::Internal(NOT_SAVED, "a trigger removed the new user".to_owned());
    let user = user.ok_or_else(removed)?;
    let traits = json!({"provider": "anonymous"});
    let entry = audit::payload(&Actor::user(&user), Action::UserSignedUp, Some(traits));
    audit::insert(&mut tx, state, &entry, state.clock.now()).await.map_err(&failed)?;
    let sign = Sign::prepare(state, client, &user, Proof::Anonymous, None);
    let issued = sign.open_in(&mut tx).await.map_err(&failed)?.ok_or_else(removed)?;
    let issued = issued.customise(state, client, &mut tx, Proof::Anonymous.name()).await?;
    tx.commit().await.map_err(&failed)?;
    hooks::after_user_created(state, client, &issued.user).await?;
    issued.answer(state)
}

async fn insert(
    state: &State,
    tx: &mut Transaction,
    (id, aud): (Uuid, &str),
    data: &Fields,
) -> Result<Option<User>, pg::Error> {
    let new = NewUser {
        id,
        aud,
        role: &state.settings.jwt_default_role,
        email: None,
        phone: None,
        encrypted_password: "",
        app_metadata: json!({}),
        user_metadata: Value::Object(data.clone()),
        is_anonymous: true,
        at: state.clock.now(),
    };
    users::insert(tx, &new).await?;
    users::reload(tx, id).await
}

fn unsaved(state: &State, id: Uuid, aud: &str, data: &Fields) -> Value {
    let now = state.clock.now();
    json!({
        "id": id, "aud": aud, "role": state.settings.jwt_default_role, "email": "", "phone": "", "app_metadata": {},
        "user_metadata": data, "identities": [], "created_at": now, "updated_at": now, "is_anonymous": true,
    })
}
