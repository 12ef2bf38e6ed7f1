//! Tokens of the first kind: a row each.

use authkit::refresh::Key;
use http::HeaderMap;
use pg::Transaction;
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Exchanged, Outcome, Refresh, header, lock_failed};
use crate::error::Error;
use crate::model::audit::Action;
use crate::model::refresh_tokens::{self, Found};
use crate::model::sessions::{self, Session};
use crate::model::users::User;

/// What a token is exchanged for.
enum Exchange {
    /// The client gets this token, which is there already.
    Existing(String),
    /// The client gets a new token.
    New,
}

impl Refresh<'_> {
    /// Exchanges a token of twelve characters.
    pub(super) async fn plain(&self, tx: &mut Transaction, token: &str) -> Result<Outcome, Error> {
        let failed = Error::database("Database error granting user");
        let found = refresh_tokens::lock(tx, token).await.map_err(lock_failed)?;
        let mut found = found.ok_or(Error::RefreshTokenNotFound)?;
        if found.user.is_banned(self.now) {
            return Err(Error::RefreshBanned);
        }
        let Some(session) = found.session.take() else {
            refresh_tokens::delete(tx, found.id).await.map_err(&failed)?;
            return Ok(Outcome::Refused(Error::RefreshSessionNotFound, HeaderMap::new()));
        };
        self.check(tx, &found.user, &session, Some(found.updated_at)).await?;
        // A row from before a second factor was proven, in a session that counts its tokens by now.
        if session.refresh_token_hmac_key.is_some() && sessions::floor(tx, session.id).await.map_err(&failed)? > 0 {
            return Err(Error::RefreshTokenNotFound);
        }
        let Some(exchange) = self.exchange(&found, &session)? else {
            return self.refuse_reuse(tx, &found.user, &session).await.map_err(failed);
        };
        match exchange {
            Exchange::Existing(token) => Ok(exchanged(found, session, token, false)),
            Exchange::New if self.is_to_be_upgraded(session.id) => {
                self.upgrade(tx, found, session).await.map_err(failed)
            }
            Exchange::New => {
                let token = refresh_tokens::generate(&self.state.random);
                refresh_tokens::swap(tx, &found, &token, &session, self.now).await.map_err(failed)?;
                Ok(exchanged(found, session, token, true))
            }
        }
    }

    /// What a token is exchanged for; `None` when it has been used before and must not be any more.
    fn exchange(&self, found: &Found, session: &Session) -> Result<Option<Exchange>, Error> {
        if let Some(key) = session.key(self.state)? {
            // The session has tokens of the second kind by now; the client has lost the answer that carried the first
            // of them, or others asked at the same time.
            let is_last = found.last_parent.as_ref() == Some(&found.token);
            let counter = session.counter();
            let is_allowed = (is_last && counter == 0) || self.is_within_interval(found.updated_at);
            return Ok(is_allowed.then(|| Exchange::Existing(key.token(session.id, counter))));
        }
        if !found.is_revoked {
            return Ok(Some(Exchange::New));
        }
        // A session always has an active token, unless reuse has ended them all: then none is good any more, however
        // short ago that was.
        let Some(active) = &found.active else { return Ok(None) };
        // The parent of the active token: the client has lost the answer that carried it.
        if active.parent == found.token {
            return Ok(Some(Exchange::Existing(active.token.clone())));
        }
        Ok(self.is_within_interval(found.updated_at).then_some(Exchange::New))
    }

    /// A token that was stolen or is very old: ends the session's tokens.
    async fn refuse_reuse(&self, tx: &mut Transaction, user: &User, session: &Session) -> Result<Outcome, pg::Error> {
        if self.state.settings.refresh_token_rotation {
            let has_ended = if session.refresh_token_hmac_key.is_some() {
                sessions::delete(tx, session.user_id, session.id).await?
            } else {
                refresh_tokens::revoke_all(tx, session.id, self.now).await? > 0
            };
            // Not once more for each further time that the token is presented.
            if has_ended {
                self.note_reuse(tx, user, session).await?;
            }
        }
        Ok(Outcome::Refused(Error::RefreshTokenAlreadyUsed, HeaderMap::new()))
    }

    /// Whether a session is of those that get tokens of the second kind: always the same ones for a percentage.
    fn is_to_be_upgraded(&self, session: Uuid) -> bool {
        let digest = Sha256::digest(session.as_bytes());
        let share = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % 100;
        let settings = &self.state.settings;
        settings.refresh_token_algorithm_version == 2 && share < u32::from(settings.refresh_token_upgrade_percentage)
    }

    /// Gives the session tokens of the second kind. A last one of the first kind, revoked, marks the place.
    async fn upgrade(&self, tx: &mut Transaction, found: Found, mut session: Session) -> Result<Outcome, pg::Error> {
        let random = &self.state.random;
        let key = Key::generate(random);
        let last = refresh_tokens::generate(random);
        refresh_tokens::swap(tx, &found, &last, &session, self.now).await?;
        refresh_tokens::revoke_all(tx, session.id, self.now).await?;
        let stored = self.state.seal(session.id, key.stored().expose_secret());
        sessions::set_key(tx, session.id, stored.expose_secret()).await?;
        let token = key.token(session.id, 0);
        session.refresh_token_hmac_key = Some(stored);
        session.refresh_token_counter = Some(0);
        Ok(exchanged(found, session, token, true))
    }
}

fn exchanged(found: Found, session: Session, refresh_token: String, is_new: bool) -> Outcome {
    let (actions, headers): (&[Action], _) = if is_new {
        (&[Action::TokenRefreshed, Action::TokenRevoked], header("sb-auth-refresh-token-reuse", "false"))
    } else {
        (&[Action::TokenRefreshed], HeaderMap::new())
    };
    Outcome::Exchanged(Box::new(Exchanged {
        user: found.user,
        session,
        refresh_token,
        is_early_reuse: false,
        headers,
        actions,
    }))
}
