//! The one handler: every request passes the stages listed here.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::response::Response;
use http::{Method, request};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{Error, RequestError};
use crate::execute::Run;
use crate::identity::identify;
use crate::plan::plan;
use crate::request::Request;
use crate::response::{Stages, nothing, preflight, respond, surrounded, timed};
use crate::schema::Loaded;
use crate::state::{Deps, State};

/// Answers a request of any kind.
pub(crate) async fn handle(Shared(state): Shared<State>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let loaded = state.loaded();
    let settings = &loaded.settings;
    if let Some(answer) = preflight(&parts, settings) {
        return answer;
    }
    let answer = stages(state.deps(), &loaded, &parts, body).await;
    let answer = answer.unwrap_or_else(|error| error.answer(settings.verbose_errors));
    let answer = surrounded(answer, &parts, settings);
    if parts.method == Method::HEAD { without_body(answer) } else { answer }
}

async fn stages(deps: &Deps, loaded: &Loaded, parts: &request::Parts, body: Body) -> Result<Response, Error> {
    let settings = &loaded.settings;
    let mut stages = Stages::begin();
    let identity = identify(&parts.headers, &deps.verifier, settings, deps.clock.unix_seconds())?;
    stages.end("jwt");
    let body = whole(body, settings.max_body_bytes).await?;
    let request = Request::read(parts, &body, settings)?;
    stages.end("parse");
    let plan = plan(&request, &loaded.schema, settings)?;
    stages.end("plan");
    let run = Run { db: &deps.db, loaded, identity: &identity, request: &request };
    let outcome = run.plan(&plan).await?;
    stages.end("transaction");
    let response = respond(&request, &plan, outcome)?;
    stages.end("response");
    Ok(if settings.server_timing { timed(response, &stages) } else { response })
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
