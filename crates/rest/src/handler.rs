//! The one handler: every request passes the stages listed here.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use http::{Method, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{Error, RequestError, SchemaError};
use crate::execute::execute;
use crate::identity::identify;
use crate::plan::plan;
use crate::request::Request;
use crate::response::{nothing, respond};
use crate::state::State;

/// Answers a request of any kind.
pub(crate) async fn handle(Shared(state): Shared<State>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = stages(&state, &parts, body).await.unwrap_or_else(IntoResponse::into_response);
    if parts.method == Method::HEAD { without_body(answer) } else { answer }
}

async fn stages(state: &State, parts: &request::Parts, body: Body) -> Result<Response, Error> {
    let settings = state.settings();
    let now = state.deps().clock.unix_seconds();
    let identity = identify(&parts.headers, &state.deps().verifier, settings, now)?;
    let schema = state.schema().ok_or(SchemaError::NotLoaded)?;
    let body = whole(body, settings.max_body_bytes).await?;
    let request = Request::read(parts, &body, settings)?;
    let plan = plan(&request, &schema, settings)?;
    let outcome = execute(state, &identity, &request, &plan).await?;
    respond(&request, &plan, outcome)
}

async fn whole(body: Body, limit: usize) -> Result<bytes::Bytes, RequestError> {
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(RequestError::BodyTooLarge(limit)),
        Err(_) => Err(RequestError::Body("Body could not be read".to_owned())),
    }
}

fn without_body(response: Response) -> Response {
    let (parts, _) = response.into_parts();
    Response::from_parts(parts, nothing())
}
