//! Who may have second factors: users with a session who are not anonymous.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use http::StatusCode;
use http::request::Parts;
use uuid::Uuid;

use super::denials::FACTOR_NOT_FOUND;
use crate::bearer::Authenticated;
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
}

impl FromRequestParts<State> for Member {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Error> {
        let caller = Authenticated::from_request_parts(parts, state).await?;
        if caller.claims.claims.get("is_anonymous").and_then(serde_json::Value::as_bool) == Some(true) {
            return Err(ANONYMOUS.into());
        }
        let session = caller.session.ok_or(Error::TokenSessionNotFound)?;
        Ok(Self { user: caller.user, session })
    }
}

impl Member {
    /// Whether the session is at the second level.
    pub(super) fn is_second_level(&self) -> bool {
        self.session.aal.as_deref().is_some_and(|level| level != "aal1")
    }

    /// One of the user's factors.
    pub(super) fn factor(&self, FactorId(id): &FactorId) -> Result<&Factor, Error> {
        self.user.factors.iter().find(|factor| factor.id == *id).ok_or_else(|| FACTOR_NOT_FOUND.into())
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
