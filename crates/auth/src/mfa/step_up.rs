//! What a verified factor does to sessions: this one is raised and gets a new refresh token, those below end.

use uuid::Uuid;

use super::member::Member;
use crate::error::Error;
use crate::model::audit::{self, Action, Actor};
use crate::model::refresh_tokens;
use crate::model::sessions::{self, Raise};
use crate::state::State;
use crate::tokens::Issued;

/// A session to be raised to the second level.
pub(super) struct StepUp<'a> {
    pub(super) state: &'a State,
    pub(super) member: &'a Member,
    /// The method for the `amr` claim.
    pub(super) method: &'a str,
    pub(super) factor_id: Option<Uuid>,
}

/// By how much the counter goes up, so that the token from before is not the last but one, which may be exchanged.
const COUNTER_STEP: u64 = 2;

impl StepUp<'_> {
    /// Raises the session. The refresh tokens from before are not good for it any more.
    pub(super) async fn write(&self, tx: &mut pg::Transaction) -> Result<Issued, Error> {
        let failed = Error::database("Database error verifying factor");
        let (state, session_id) = (self.state, self.member.session.id);
        let locked = sessions::lock_with_user(tx, session_id).await.map_err(&failed)?;
        let (_, session) = locked.ok_or(Error::TokenSessionNotFound)?;
        let raise = Raise {
            session_id,
            user_id: session.user_id,
            claim_id: state.random.uuid(),
            method: self.method,
            factor_id: self.factor_id,
            at: state.clock.now(),
        };
        raise.write(tx).await.map_err(&failed)?;
        let refresh_token = match session.key(state)? {
            Some(key) => {
                let counter = session.counter() + COUNTER_STEP;
                sessions::lift_counter(tx, session_id, i64::try_from(counter).unwrap_or(i64::MAX))
                    .await
                    .map_err(&failed)?;
                key.token(session_id, counter)
            }
            None => {
                let token = refresh_tokens::generate(&state.random);
                let at = state.clock.now();
                refresh_tokens::replace_all(tx, &session, &token, at).await.map_err(&failed)?;
                let entry = audit::payload(&Actor::user(&self.member.user), Action::TokenRevoked, None);
                audit::insert(tx, state, &entry, at).await.map_err(&failed)?;
                token
            }
        };
        let raised = sessions::lock_with_user(tx, session_id).await.map_err(&failed)?;
        let (user, session) = raised.ok_or(Error::TokenSessionNotFound)?;
        Ok(Issued { user, session, refresh_token, claims: None })
    }
}
