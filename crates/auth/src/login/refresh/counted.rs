//! Tokens of the second kind: a counter and a key per session, no rows.

use authkit::refresh::RefreshToken;
use http::{HeaderMap, HeaderName, HeaderValue};
use pg::Transaction;

use super::{Exchanged, Outcome, Refresh, header, lock_failed};
use crate::error::Error;
use crate::model::audit::Action;
use crate::model::sessions::{self, Session};
use crate::model::users::User;

impl Refresh<'_> {
    /// Exchanges a token that carries a counter.
    pub(super) async fn counted(&self, tx: &mut Transaction, token: &RefreshToken) -> Result<Outcome, Error> {
        let found = sessions::lock_with_user(tx, token.session).await.map_err(lock_failed)?;
        let (user, mut session) = found.ok_or(Error::RefreshTokenNotFound)?;
        let key =
            session.key(self.state)?.filter(|key| token.is_signed_with(key)).ok_or(Error::RefreshTokenNotFound)?;
        if user.is_banned(self.now) {
            return Err(Error::RefreshBanned);
        }
        self.check(tx, &user, &session, None).await?;
        let counter = session.counter();
        let Some(age) = counter.checked_sub(token.counter) else { return Err(Error::RefreshTokenMalformed) };
        let is_early_reuse = age > 0 && session.refreshed_at.is_some_and(|at| self.is_within_interval(at));
        let headers = if age == 0 {
            session.refresh_token_counter = Some(i64::try_from(counter + 1).unwrap_or(i64::MAX));
            header("sb-auth-refresh-token-reuse", "false")
        } else {
            // One from before a second factor was proven is void, whoever has it: a client that refreshes meanwhile.
            let failed = Error::database("Database error granting user");
            if token.counter < sessions::floor(tx, session.id).await.map_err(failed)? {
                return Err(Error::RefreshTokenNotFound);
            }
            match self.reuse_causes(age, &session) {
                Some(causes) => HeaderMap::from_iter([(
                    HeaderName::from_static("sb-auth-refresh-token-reuse-cause"),
                    HeaderValue::from_str(&causes).expect("the causes' names are visible ASCII"),
                )]),
                None => return self.refuse(tx, &user, &session).await,
            }
        };
        let refresh_token = key.token(session.id, session.counter());
        let actions = &[Action::TokenRefreshed];
        Ok(Outcome::Exchanged(Box::new(Exchanged { user, session, refresh_token, is_early_reuse, headers, actions })))
    }

    /// Why a token that was exchanged `age` exchanges ago may be used again; `None` when it must not be.
    fn reuse_causes(&self, age: u64, session: &Session) -> Option<String> {
        let causes = [
            (session.refreshed_at.is_some_and(|at| self.is_within_interval(at)), "concurrent-refresh"),
            (age == 1, "fail-to-save"),
            (self.state.settings.refresh_token_allow_reuse, "always-allow"),
        ];
        let causes: Vec<_> = causes.into_iter().filter_map(|(holds, name)| holds.then_some(name)).collect();
        (!causes.is_empty()).then(|| causes.join(","))
    }

    /// A token that was stolen or is very old ends the session.
    async fn refuse(&self, tx: &mut Transaction, user: &User, session: &Session) -> Result<Outcome, Error> {
        if !self.state.settings.refresh_token_rotation {
            return Err(Error::RefreshTokenAlreadyUsed);
        }
        let failed = Error::database("Database error granting user");
        sessions::delete(tx, session.user_id, session.id).await.map_err(&failed)?;
        self.note_reuse(tx, user, session).await.map_err(failed)?;
        Ok(Outcome::Refused(Error::RefreshTokenAlreadyUsed, header("sb-auth-refresh-token-rotated", "true")))
    }
}
