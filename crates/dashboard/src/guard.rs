//! The door of every route but the log-in: session, CSRF token, role. Handlers get the [`Operator`] only from
//! here, so that one that was left unguarded refuses everybody.

use axum::extract::{FromRequestParts, Request, State as Extract};
use axum::middleware::Next;
use axum::response::Response;
use base::http::ClientAddr;
use http::header::COOKIE;
use http::request::Parts;
use http::{HeaderMap, Method};

use crate::access::Action;
use crate::error::Error;
use crate::operators::sessions::{self, Operator, Token};
use crate::state::State;

/// The session cookie's name.
pub(crate) const COOKIE_NAME: &str = "vestibule_operator";

/// Where a request that changes something carries its CSRF token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Csrf {
    /// In the header `X-CSRF-Token`.
    Header,
    /// In a field of a form; the handler compares it, since it reads the form.
    FormField,
}

/// What a route demands.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) state: State,
    pub(crate) action: Action,
    pub(crate) csrf: Csrf,
}

/// Lets a request in or refuses it.
pub(crate) async fn guard(Extract(guard): Extract<Guard>, mut request: Request, next: Next) -> Result<Response, Error> {
    let mut operator = signed_in(&guard.state, request.headers()).await?;
    operator.address = request.extensions().get::<ClientAddr>().map(|address| address.0);
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && guard.csrf == Csrf::Header {
        let header = request.headers().get("x-csrf-token").and_then(|value| value.to_str().ok());
        operator.check_csrf(header.unwrap_or_default())?;
    }
    if operator.must_change_password && guard.action != Action::OwnSession {
        return Err(Error::PasswordChangeRequired);
    }
    if !guard.action.is_allowed_for(operator.role) {
        return Err(Error::NotAllowed(guard.action));
    }
    request.extensions_mut().insert(operator);
    Ok(next.run(request).await)
}

async fn signed_in(state: &State, headers: &HeaderMap) -> Result<Operator, Error> {
    let token = session_token(headers).ok_or(Error::NotSignedIn)?;
    sessions::find(state, &token).await?.ok_or(Error::NotSignedIn)
}

fn session_token(headers: &HeaderMap) -> Option<Token> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE_NAME)?;
    Token::parse(value)
}

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get::<Self>().cloned().ok_or(Error::NotSignedIn)
    }
}
