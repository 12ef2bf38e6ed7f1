//! `DELETE /user/identities/{id}`: one way to sign in less.

use axum::extract::{Path, State as With};
use http::StatusCode;
use pg::Transaction;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bearer::Authenticated;
use crate::changes;
use crate::client::{Client, first_audience};
use crate::denial::Denial;
use crate::error::Error;
use crate::json::Json;
use crate::letters::{Letters, News};
use crate::model::audit::{self, Action, Actor};
use crate::model::identities::{self, Identity};
use crate::model::users::{self, EMAIL_KEY, PromotedEmail, User};
use crate::state::State;
use crate::verify;

pub(crate) const DISABLED: Denial =
    Denial::new(StatusCode::NOT_FOUND, "manual_linking_disabled", "Manual linking is disabled");
const OTHER_AUDIENCE: Denial =
    Denial::new(StatusCode::FORBIDDEN, "unexpected_audience", "Token audience doesn't match request audience");
const LAST: Denial = Denial::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "single_identity_not_deletable",
    "User must have at least 1 identity after unlinking",
);
const NOT_FOUND: Denial = Denial::new(StatusCode::UNPROCESSABLE_ENTITY, "identity_not_found", "Identity doesn't exist");
const NEEDS_AAL2: Denial =
    Denial::new(StatusCode::UNAUTHORIZED, "insufficient_aal", "AAL2 session is required to unlink an identity");
const CONFLICT: Denial = Denial::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "email_conflict_identity_not_deletable",
    "Unable to unlink identity due to email conflict",
);

/// Removes an identity of the user; answers `{}`.
pub(crate) async fn delete(
    With(state): With<State>,
    caller: Authenticated,
    client: Client,
    Path(id): Path<String>,
) -> Result<Json<Value>, Error> {
    if !state.settings.manual_linking_enabled {
        return Err(DISABLED.into());
    }
    let id = Uuid::parse_str(&id).map_err(|_| Error::PathNotFound("identity_id must be an UUID"))?;
    let aud = client.audience(Some(&caller.claims), &state.settings);
    if first_audience(&caller.claims) != Some(&aud) {
        return Err(OTHER_AUDIENCE.into());
    }
    let failed = |error: pg::Error| match error.constraint_in("auth") {
        Some(EMAIL_KEY) => CONFLICT.into(),
        _ => Error::Database("Database error deleting identity", error),
    };
    let (_turns, mut tx) = state.change(caller.user.id).await.map_err(failed)?;
    let caller = caller.hold(&state, &mut tx).await?;
    // Address or number go or change with the identity, as they do in `PUT /user`.
    if caller.lacks_second_level() {
        return Err(NEEDS_AAL2.into());
    }
    let user = &caller.user;
    let all = user.identities.as_deref().unwrap_or_default();
    if all.len() <= 1 {
        return Err(LAST.into());
    }
    let identity = all.iter().find(|identity| identity.id == id).ok_or(NOT_FOUND)?;
    identities::delete(&mut tx, id).await.map_err(failed)?;
    if identity.provider == "phone" {
        users::unlink_phone(&mut tx, user.id, state.clock.now()).await.map_err(failed)?;
    } else {
        promote(&state, &mut tx, user, &aud, id).await?;
    }
    let changed = verify::with_providers(&state, &mut tx, user.id).await.map_err(failed)?;
    let mut traits =
        json!({"identity_id": identity.id, "provider": identity.provider, "provider_id": identity.provider_id});
    changes::note_in(&mut traits, user, &changed.ok_or(Error::TokenUserNotFound)?);
    let entry = audit::payload(&Actor::user(user), Action::IdentityUnlinked, Some(traits));
    audit::insert_from(&mut tx, &state, &client, &entry).await.map_err(failed)?;
    // The address is the one from before.
    let letters = Letters { state: &state, client: &client, redirect_to: "", is_pkce: false };
    letters.notify(&mut tx, user, News::IdentityUnlinked { provider: &identity.provider }).await?;
    tx.commit().await.map_err(failed)?;
    Ok(Json(json!({})))
}

/// Gives the user the address of another identity, where no identity has the user's own any more: a confirmed one
/// rather than another, that rather than none, the oldest first, and none that is somebody else's.
async fn promote(state: &State, tx: &mut Transaction, user: &User, aud: &str, gone: Uuid) -> Result<(), Error> {
    let mut left: Vec<_> = user.identities.iter().flatten().filter(|identity| identity.id != gone).collect();
    if left.iter().any(|identity| identity.email == user.email) {
        return Ok(());
    }
    left.sort_by_key(|identity| (identity.email.is_empty(), !is_verified(identity)));
    for identity in left {
        let failed = Error::database("Database error checking email");
        let is_taken =
            !identity.email.is_empty() && users::is_taken(tx, &identity.email, aud, user.id).await.map_err(failed)?;
        if is_taken {
            continue;
        }
        let promoted = PromotedEmail {
            email: Some(&*identity.email).filter(|email| !email.is_empty()),
            is_confirmed: is_verified(identity) || state.settings.mailer_autoconfirm,
            at: state.clock.now(),
        };
        return users::promote_email(tx, user.id, &promoted).await.map_err(|error| match error.constraint_in("auth") {
            Some(EMAIL_KEY) => CONFLICT.into(),
            _ => Error::Database("Database error updating user", error),
        });
    }
    Err(CONFLICT.into())
}

fn is_verified(identity: &Identity) -> bool {
    identity.identity_data["email_verified"] == json!(true)
}
