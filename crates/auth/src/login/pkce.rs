//! Exchanging the code that a flow with a code challenge ended in.

use std::time::Duration;

use axum::response::Response;
use serde::Deserialize;
use serde_json::json;

use crate::client::Client;
use crate::error::Error;
use crate::hooks::HookName;
use crate::model::flow_states;
use crate::model::users;
use crate::pkce;
use crate::state::State;
use crate::tokens::{Proof, Sign};

/// The least that a flow may take, below which Supabase does not go either.
pub(crate) const LEAST_LIFETIME: Duration = Duration::from_secs(300);

/// The body.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Request {
    auth_code: String,
    code_verifier: String,
}

/// Answers the session. A code is good for one exchange; a wrong verifier does not use it up.
pub(super) async fn grant(state: &State, client: &Client, request: Request) -> Result<Response, Error> {
    if request.auth_code.is_empty() || request.code_verifier.is_empty() {
        return Err(Error::validation("invalid request: both auth code and code verifier should be non-empty"));
    }
    let failed = Error::database("Database error granting user");
    let owner = flow_states::owner(&state.db, &request.auth_code).await.map_err(&failed)?;
    let owner = owner.ok_or(Error::FlowStateNotFound)?;
    let (_turns, mut tx) = state.asking([HookName::CustomAccessToken]).change(owner).await.map_err(&failed)?;
    users::hold(&mut tx, owner).await.map_err(&failed)?;
    let flow = flow_states::take(&mut tx, &request.auth_code).await.map_err(&failed)?;
    let flow = flow.ok_or(Error::FlowStateNotFound)?;
    let (Some(user_id), Some(proof)) = (flow.user_id, Proof::parse(&flow.method)) else {
        return Err(Error::FlowStateNotFound);
    };
    // A magic link may be opened late; its time counts from then.
    let since = flow.issued_at.filter(|_| proof == Proof::MagicLink).unwrap_or(flow.created_at);
    let now = state.clock.now();
    let lifetime = state.settings.flow_state_expiry.max(LEAST_LIFETIME);
    if since.checked_add(lifetime).is_ok_and(|end| now > end) {
        return Err(Error::FlowStateExpired);
    }
    if !pkce::is_verifier(&flow.challenge_method, &flow.challenge, &request.code_verifier) {
        return Err(Error::BadCodeVerifier);
    }
    let user = users::reload(&mut tx, user_id).await.map_err(&failed)?.ok_or(Error::FlowStateNotFound)?;
    if user.deleted_at.is_some() {
        return Err(Error::FlowStateNotFound);
    }
    if user.is_banned(now) {
        return Err(Error::LoginBanned);
    }
    let traits = json!({"provider_type": flow.provider_type});
    let sign = Sign::prepare(state, client, &user, proof, Some(traits));
    let issued = sign.open_in(&mut tx).await.map_err(&failed)?.ok_or(Error::FlowStateNotFound)?;
    let issued = issued.customise(state, client, &mut tx, proof.name()).await?;
    tx.commit().await.map_err(&failed)?;
    issued.answer(state)
}
