//! Who may have second factors: users with a session who are not anonymous.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::StatusCode;
use http::request::Parts;
use pg::Transaction;
use uuid::Uuid;

use super::denials::{FACTOR_NOT_FOUND, VERIFY_NEEDS_AAL2};
use crate::bearer::{self, Authenticated};
use crate::denial::Denial;
use crate::error::Error;
use crate::model::factors::Factor;
use crate::model::sessions::Session;
use crate::model::users::User;
use crate::state::State;

const ANONYMOUS: Denial =
    Denial::new(StatusCode::FORBIDDEN, "no_authorization", "Anonymous user not allowed to perform these actions");

/// A caller who may have second factors.
pub(super) struct Member {
    pub(super) user: User,
    pub(super) session: Session,
    /// Whether the token says that a second factor was proven; it may be older than the session's level.
    has_second_level_token: bool,
}

impl FromRequestParts<State> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let caller = Authenticated::from_request_parts(parts, state).await?;
        if caller.claims.claims.get("is_anonymous").and_then(serde_json::Value::as_bool) == Some(true) {
            return Err(ANONYMOUS.into());
        }
        let session = caller.session.ok_or(Error::TokenSessionNotFound)?;
        let has_second_level_token = caller.claims.text("aal") == Some("aal2");
        Ok(Self { user: caller.user, session, has_second_level_token })
    }
}

impl Member {
    /// The member as it is now, see [`bearer::hold`]: by it is decided what a factor may do.
    pub(super) async fn hold(&self, state: &State, tx: &mut Transaction) -> Result<Self, Error> {
        let (user, session) = bearer::hold(state, tx, self.user.id, Some(self.session.id)).await?;
        let session = session.ok_or(Error::TokenSessionNotFound)?;
        Ok(Self { user, session, has_second_level_token: self.has_second_level_token })
    }

    /// Whether the session is at the second level.
    pub(super) fn is_second_level(&self) -> bool {
        self.session.is_second_level()
    }

    /// Whether the session is at the second level and the token was issued there: one from before may be in other
    /// hands, and is not to be turned into something that lasts.
    pub(super) fn has_proven_second_level(&self) -> bool {
        self.is_second_level() && self.has_second_level_token
    }

    /// One of the user's factors.
    pub(super) fn factor(&self, FactorId(id): &FactorId) -> Result<&Factor, Error> {
        self.user.factors.iter().find(|factor| factor.id == *id).ok_or_else(|| FACTOR_NOT_FOUND.into())
    }

    /// One of the user's factors, to be proven. Where a factor counts already, another comes to count at the second
    /// level only: it may have been added by somebody who knew the password, before there was the first.
    pub(super) fn provable_factor(&self, id: &FactorId) -> Result<&Factor, Error> {
        let factor = self.factor(id)?;
        let is_open = factor.is_verified() || !self.user.has_verified_factor() || self.is_second_level();
        if is_open { Ok(factor) } else { Err(VERIFY_NEEDS_AAL2.into()) }
    }
}

/// The factor that a path names. To be asked for after [`Member`].
pub(crate) struct FactorId(pub(crate) Uuid);

impl FromRequestParts<State> for FactorId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        const NOT_A_UUID: Error = Error::PathNotFound("factor_id must be an UUID");
        let Path(names): Path<HashMap<String, String>> =
            Path::from_request_parts(parts, state).await.map_err(|_| NOT_A_UUID)?;
        names.get("factor_id").and_then(|id| Uuid::parse_str(id).ok()).map(Self).ok_or(NOT_A_UUID)
    }
}
