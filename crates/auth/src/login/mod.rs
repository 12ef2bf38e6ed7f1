//! `POST /token`: the ways to get a session, one module per grant.

mod password;
mod pkce;
mod refresh;
pub(crate) mod validity;

pub(crate) use password::{is_same, tell};
pub(crate) use pkce::LEAST_LIFETIME;

use axum::extract::{FromRequest, Request, State as With};
use axum::response::Response;

use crate::client::Client;
use crate::error::Error;
use crate::json::Body;
use crate::off;
use crate::query::Query;
use crate::state::State;

/// Chooses the grant by the query's `grant_type`.
pub(crate) async fn token(
    With(state): With<State>,
    client: Client,
    query: Query,
    request: Request,
) -> Result<Response, Error> {
    match query.first("grant_type") {
        "password" => password::grant(&state, &client, Body::from_request(request, &state).await?.0).await,
        "refresh_token" => refresh::grant(&state, &client, Body::from_request(request, &state).await?.0).await,
        "pkce" => pkce::grant(&state, &client, Body::from_request(request, &state).await?.0).await,
        name => Err(off::grant(name).unwrap_or(Error::UnsupportedGrantType)),
    }
}
