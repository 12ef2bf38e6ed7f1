//! Exchanging a refresh token.
//!
//! All refreshes of one session wait for each other on the session's row. So of many that send the same token
//! at once the first one exchanges it, and the others find it exchanged and get what the first one got. Where a hook
//! that is far away is asked under that lock, they wait in a line before.

mod counted;
mod plain;
mod single;

use std::time::Duration;

use authkit::refresh::RefreshToken;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use pg::{Context, Transaction};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::validity::{self, Over};
use crate::client::Client;
use crate::error::Error;
use crate::hooks::HookName;
use crate::lines::Turn;
use crate::model::audit::{self, Action, Actor};
use crate::model::refresh_tokens::{self, LENGTH, Refreshed};
use crate::model::sessions::Session;
use crate::model::users::User;
use crate::secrets::Place;
use crate::state::State;
use crate::tokens::Issued;
use crate::waiting;

/// How long one waits for others that refresh the same session.
const WAIT: Duration = Duration::from_secs(5);

/// The least time that a lock is waited for, whoever came before: the rows that are written need some too, and none at
/// all would mean without end.
const LEAST_WAIT: Duration = Duration::from_millis(500);

/// PostgreSQL's code for a lock that was not got in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    refresh_token: String,
}

/// What a token was exchanged for.
struct Exchanged {
    user: User,
    session: Session,
    refresh_token: String,
    /// See [`Refreshed::is_early_reuse`].
    is_early_reuse: bool,
    headers: HeaderMap,
    actions: &'static [Action],
}

/// What became of a token that was presented.
enum Outcome {
    Exchanged(Box<Exchanged>),
    /// Refused, which lasts although it is an error.
    Refused(Error, HeaderMap),
}

/// What a refresh works with.
struct Refresh<'a> {
    state: &'a State,
    now: Timestamp,
}

/// Answers the session with a new access token.
pub(super) async fn grant(state: &State, client: &Client, request: Request) -> Result<Response, Error> {
    let token = &request.refresh_token;
    let failed = Error::database("Database error granting user");
    let counted = if token.len() > LENGTH {
        Some(RefreshToken::parse(token).map_err(|_| Error::RefreshTokenMalformed)?)
    } else if is_plain(token) {
        None
    } else {
        return Err(Error::RefreshTokenMalformed);
    };
    let began = Instant::now();
    let _turn = queue(state, token, counted.as_ref()).await?;
    let left = WAIT.saturating_sub(began.elapsed()).max(LEAST_WAIT);
    let context = Context::service().set("lock_timeout", format!("{}ms", left.as_millis()));
    let mut tx = state.asking([HookName::CustomAccessToken]).write(&context).await.map_err(&failed)?;
    let refresh = Refresh { state, now: state.clock.now() };
    let outcome = match &counted {
        Some(token) => refresh.counted(&mut tx, token).await?,
        None => refresh.plain(&mut tx, token).await?,
    };
    let exchanged = match outcome {
        Outcome::Exchanged(exchanged) => *exchanged,
        Outcome::Refused(error, headers) => {
            tx.commit().await.map_err(&failed)?;
            return Ok((headers, error).into_response());
        }
    };
    let Exchanged { user, session, refresh_token, is_early_reuse, headers, actions } = exchanged;
    let issued = Issued { user, session, refresh_token, claims: None };
    let issued = issued.customise(state, client, &mut tx, "token_refresh").await?;
    record(state, client, &mut tx, (&issued, is_early_reuse, actions)).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)?;
    let session = &issued.session;
    state.renew(Place::RefreshKey, session.id, session.refresh_token_hmac_key.as_ref()).await;
    let mut response = issued.answer(state)?;
    response.headers_mut().extend(headers);
    Ok(response)
}

/// Waits for others that refresh the session of a token, where a hook that is far away makes the claims.
async fn queue(state: &State, token: &str, counted: Option<&RefreshToken>) -> Result<Option<Turn>, Error> {
    if !state.outside.is_far(HookName::CustomAccessToken) {
        return Ok(None);
    }
    let session = match counted {
        Some(token) => Some(token.session),
        None => {
            let found = refresh_tokens::session_of(&state.db, token).await;
            found.map_err(Error::database("Database error granting user"))?
        }
    };
    // Without one it is refused.
    let Some(session) = session else { return Ok(None) };
    let turn = tokio::time::timeout(WAIT, state.refreshing.turn(session));
    let turn = waiting::on("others that refresh the same session", turn).await;
    turn.map(Some).map_err(|_| Error::RefreshConflict)
}

/// Whether a text can be a refresh token of the first kind.
fn is_plain(token: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    token.len() == LENGTH && token.bytes().all(is_plain)
}

impl Refresh<'_> {
    /// Whether the session is within its limits; `updated_at` is that of its token.
    async fn check(
        &self,
        tx: &mut Transaction,
        user: &User,
        session: &Session,
        updated_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let settings = &self.state.settings;
        validity::check(settings, user, session, updated_at, self.now).map_err(|over| {
            Error::SessionExpired(match over {
                Over::Time => "",
                Over::Inactivity => " (Inactivity)",
                Over::LowLevel => " (Low AAL: User Needs MFA Verification)",
            })
        })?;
        if session.oauth_client_id.is_some_and(|client| !client.is_nil()) {
            return Err(Error::OAuth {
                error: "invalid_client",
                description: "Client authentication required for OAuth session",
            });
        }
        if settings.sessions_single_per_user && single::is_outdated(self, tx, user, session, updated_at).await? {
            return Err(Error::SessionExpired(" (Revoked by Newer Login)"));
        }
        Ok(())
    }

    /// Notes that a session's tokens have ended because one was presented that had been exchanged before.
    async fn note_reuse(&self, tx: &mut Transaction, user: &User, session: &Session) -> Result<(), pg::Error> {
        let traits = json!({"user_id": user.id, "session_id": session.id, "reason": "refresh_token_reuse"});
        let entry = audit::payload(&Actor::user(user), Action::TokenRevoked, Some(traits));
        audit::insert(tx, self.state, &entry, self.now).await
    }

    /// Whether a token that was exchanged at a time may be used again now.
    fn is_within_interval(&self, exchanged_at: Timestamp) -> bool {
        let interval = SignedDuration::try_from(self.state.settings.refresh_token_reuse_interval).ok();
        interval.and_then(|interval| exchanged_at.checked_add(interval).ok()).is_some_and(|end| self.now <= end)
    }
}

/// What an error of the lock on a session means.
fn lock_failed(error: pg::Error) -> Error {
    let is_busy = error.sqlstate().is_some_and(|state| state.code() == LOCK_NOT_AVAILABLE);
    if is_busy { Error::RefreshConflict } else { Error::Database("Database error granting user", error) }
}

fn header(name: &'static str, value: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
}

/// Notes the refresh in the session and in the audit log, with what the transaction does next.
async fn record(
    state: &State,
    client: &Client,
    tx: &mut Transaction,
    (issued, is_early_reuse, actions): (&Issued, bool, &[Action]),
) -> Result<(), pg::Error> {
    let actor = Actor::user(&issued.user);
    let entry = |action: &Action| {
        let entry = audit::unless_disabled(state, audit::payload(&actor, *action, None))?;
        Some((state.random.uuid(), entry))
    };
    let refreshed = Refreshed {
        session_id: issued.session.id,
        at: state.clock.now(),
        user_agent: client.user_agent.as_deref(),
        ip: client.ip,
        counter: issued.session.refresh_token_counter,
        is_early_reuse,
        audit: actions.iter().filter_map(entry).collect(),
    };
    refreshed.write(tx).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_refresh_token_is_looked_up() {
        assert!(is_plain("abcdefghij23"));
        for wrong in ["", "short", "ABCDEFGHIJ23", "abcdefghij2!", "abcdefghijklm"] {
            assert!(!is_plain(wrong), "{wrong}");
        }
    }
}
