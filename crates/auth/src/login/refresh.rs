//! Exchanging a refresh token.
//!
//! All refreshes of one session wait for each other on the session's row. So of many that send the same token
//! at once the first one exchanges it, and the others find it exchanged and get what the first one got.

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use pg::{Context, Transaction};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::validity::{self, Over};
use crate::client::Client;
use crate::error::Error;
use crate::model::audit::{self, Action, Actor};
use crate::model::refresh_tokens::{self, Found, LENGTH, Refreshed};
use crate::model::sessions::Session;
use crate::state::State;
use crate::tokens::Issued;

/// How long one waits for others that refresh the same session.
const WAIT: &str = "5s";

/// PostgreSQL's code for a lock that was not got in time.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    refresh_token: String,
}

/// What becomes of a token that is presented.
enum Exchange {
    /// The client gets this token, which is there already.
    Existing(String),
    /// The client gets a new token.
    New(String),
}

/// Answers the session with a new access token.
pub(super) async fn grant(state: &State, client: &Client, request: Request) -> Result<Response, Error> {
    if !has_form(&request.refresh_token) {
        return Err(Error::RefreshTokenMalformed);
    }
    let failed = Error::database("Database error granting user");
    let context = Context::service().set("lock_timeout", WAIT);
    let mut tx = state.db.write(&context).await.map_err(&failed)?;
    let found = refresh_tokens::lock(&mut tx, &request.refresh_token).await.map_err(|error| {
        let is_busy = error.sqlstate().is_some_and(|state| state.code() == LOCK_NOT_AVAILABLE);
        if is_busy { Error::RefreshConflict } else { failed(error) }
    })?;
    let mut found = found.ok_or(Error::RefreshTokenNotFound)?;
    let now = state.clock.now();
    if found.user.is_banned(now) {
        return Err(Error::RefreshBanned);
    }
    let Some(session) = found.session.take() else {
        refresh_tokens::delete(&mut tx, found.id).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
        return Err(Error::RefreshSessionNotFound);
    };
    check(state, &found, &session, now)?;
    let Some(exchange) = exchange(state, &found, now) else {
        return refuse_reuse(state, tx, &session, now).await;
    };
    let is_new = matches!(exchange, Exchange::New(_));
    let refresh_token = match exchange {
        Exchange::Existing(token) => token,
        Exchange::New(token) => {
            refresh_tokens::swap(&mut tx, &found, &token, &session, now).await.map_err(&failed)?;
            token
        }
    };
    record(state, client, &mut tx, &found, &session, is_new).await.map_err(&failed)?;
    let issued = Issued { user: found.user, session, refresh_token, is_first: false, claims: None };
    let issued = issued.customise(state, client, &mut tx, "token_refresh").await?;
    tx.commit().await.map_err(&failed)?;
    let mut response = issued.answer(state)?;
    if is_new {
        response.headers_mut().insert("sb-auth-refresh-token-reuse", HeaderValue::from_static("false"));
    }
    Ok(response)
}

/// Whether a text can be a refresh token: twelve characters, or the counted kind, which carries a checksum.
fn has_form(token: &str) -> bool {
    const CHECKSUM: usize = 4;
    // Version, session, counter of at least a byte, signature.
    const SHORTEST: usize = 1 + 16 + 1 + 16;
    if token.len() <= LENGTH {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        return token.len() == LENGTH && token.bytes().all(is_plain);
    }
    let Ok(bytes) = URL_SAFE_NO_PAD.decode(token) else { return false };
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM>() else { return false };
    content.len() >= SHORTEST && content.first() == Some(&0) && Sha256::digest(content)[..CHECKSUM] == *checksum
}

fn check(state: &State, found: &Found, session: &Session, now: Timestamp) -> Result<(), Error> {
    validity::check(&state.settings, &found.user, session, Some(found.updated_at), now).map_err(|over| {
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
    Ok(())
}

/// What a token is exchanged for; `None` when it has been used before and must not be any more.
fn exchange(state: &State, found: &Found, now: Timestamp) -> Option<Exchange> {
    let new = || Exchange::New(refresh_tokens::generate(&state.random));
    if !found.is_revoked {
        return Some(new());
    }
    // The parent of the active token: the client has lost the answer that carried it.
    if let Some(active) = &found.active
        && active.parent == found.token
    {
        return Some(Exchange::Existing(active.token.clone()));
    }
    let interval = SignedDuration::try_from(state.settings.refresh_token_reuse_interval).ok()?;
    let until = found.updated_at.checked_add(interval).ok()?;
    (now <= until).then(new)
}

/// A token that was stolen or is very old: ends the session's tokens, which lasts although it is an error.
async fn refuse_reuse(
    state: &State,
    mut tx: Transaction,
    session: &Session,
    now: Timestamp,
) -> Result<Response, Error> {
    let failed = Error::database("Database error granting user");
    if state.settings.refresh_token_rotation {
        refresh_tokens::revoke_all(&mut tx, session.id, now).await.map_err(&failed)?;
        tx.commit().await.map_err(&failed)?;
    }
    Err(Error::RefreshTokenAlreadyUsed)
}

async fn record(
    state: &State,
    client: &Client,
    tx: &mut Transaction,
    found: &Found,
    session: &Session,
    is_new: bool,
) -> Result<(), pg::Error> {
    let actor = Actor::user(&found.user);
    let actions: &[Action] =
        if is_new { &[Action::TokenRefreshed, Action::TokenRevoked] } else { &[Action::TokenRefreshed] };
    let entry = |action: &Action| (state.random.uuid(), audit::payload(&actor, *action, None));
    let refreshed = Refreshed {
        session_id: session.id,
        at: state.clock.now(),
        user_agent: client.user_agent.as_deref(),
        ip: client.ip,
        audit: actions.iter().map(entry).collect(),
    };
    refreshed.write(tx).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_refresh_token_is_looked_up() {
        assert!(has_form("abcdefghij23"));
        for wrong in
            ["", "short", "ABCDEFGHIJ23", "abcdefghij2!", "abcdefghijklm", "not-a-counted-token-at-all-but-long"]
        {
            assert!(!has_form(wrong), "{wrong}");
        }
        let content = [[0_u8; 34].as_slice(), &Sha256::digest([0_u8; 34])[..4]].concat();
        assert!(has_form(&URL_SAFE_NO_PAD.encode(&content)));
        assert!(!has_form(&URL_SAFE_NO_PAD.encode([[0_u8; 34].as_slice(), &[1, 2, 3, 4]].concat())));
    }
}
