//! From what the statement returned to the HTTP response.

mod headers;
mod surround;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::error::{Error, OutcomeError, RangeError, RequestError};
use crate::execute::Outcome;
use crate::plan::{CallPlan, Change, Plan, ReadNode, ReadPlan, WritePlan};
use crate::request::media::MediaType;
use crate::request::prefer::{Preferences, Representation, Resolution};
use crate::request::{Mutation, Request};
use headers::{content_range, location, total_range};
pub(crate) use surround::{Stages, preflight, surrounded, timed};

/// A response in the making.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
}

/// Writes the response.
///
/// # Errors
/// [`OutcomeError::ResponseHeaders`] or [`OutcomeError::ResponseStatus`] when the database set something malformed.
pub(crate) fn respond(request: &Request, plan: &Plan, outcome: Outcome) -> Result<Response, Error> {
    let settings = (outcome.headers.clone(), outcome.status.clone());
    if let Some(media @ MediaType::Plan(_)) = plan.media() {
        let mut headers = HeaderMap::new();
        described(request, media, &mut headers);
        return overridden(Answer { status: StatusCode::OK, headers, body: outcome.body }, settings);
    }
    let answer = match plan {
        Plan::Read(plan) => read(request, plan, outcome)?,
        Plan::Write(plan) => write(request, plan, outcome),
        Plan::Call(plan) => call(request, plan, outcome)?,
        Plan::Methods(methods) => return Ok(options(methods)),
        Plan::Describe { is_head, media, .. } => {
            let mut headers = HeaderMap::new();
            described(request, media, &mut headers);
            Answer { status: StatusCode::OK, headers, body: outcome.body.filter(|_| !is_head) }
        }
    };
    let mut response = overridden(answer, settings)?;
    if let Some(warning) = plan.rows().and_then(old_names) {
        set(response.headers_mut(), header::WARNING, &warning);
    }
    Ok(response)
}

/// What to change in a request that names embedded resources by their relations.
fn old_names(rows: &ReadNode) -> Option<String> {
    let names = rows.old_names();
    if names.is_empty() {
        return None;
    }
    let changes: Vec<String> = names.iter().map(|(old, new)| format!("`{old}` to `{new}`")).collect();
    Some(format!(
        "299 {SERVER} \"Embedded resource was referenced by relation name even though it has an alias. This is \
         deprecated and will stop working in a future release. Update {} in query string filters, orders or limits.\"",
        changes.join(", ")
    ))
}

/// What the server calls itself.
const SERVER: &str = concat!("Vestibule/", env!("CARGO_PKG_VERSION"));

fn options(methods: &str) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    set(headers, header::ALLOW, methods);
    set(headers, header::VARY, VARY);
    response
}

const VARY: &str = "Accept, Prefer, Range";

fn read(request: &Request, plan: &ReadPlan, outcome: Outcome) -> Result<Answer, Error> {
    let mut headers = HeaderMap::new();
    let status = page(request, &outcome, &mut headers)?;
    let query = if request.query.canonical.is_empty() { "" } else { "?" };
    let place = format!("/{}{query}{}", plan.relation.name, request.query.canonical);
    set(&mut headers, header::CONTENT_LOCATION, &place);
    described(request, &plan.media, &mut headers);
    let none = Preferences {
        resolution: None,
        representation: None,
        missing: None,
        max_affected: None,
        ..request.preferences.clone()
    };
    applied(&none, &mut headers);
    let body = if plan.is_head { None } else { Some(outcome.body.unwrap_or_default()) };
    Ok(Answer { status, headers, body })
}

fn call(request: &Request, plan: &CallPlan, outcome: Outcome) -> Result<Answer, Error> {
    let mut headers = HeaderMap::new();
    let status = page(request, &outcome, &mut headers)?;
    let used = Preferences { resolution: None, representation: None, missing: None, ..request.preferences.clone() };
    applied(&used, &mut headers);
    if plan.routine.returns.is_void() {
        return Ok(Answer { status: StatusCode::NO_CONTENT, headers, body: None });
    }
    described(request, &plan.media, &mut headers);
    let body = if plan.is_head { None } else { Some(outcome.body.unwrap_or_default()) };
    Ok(Answer { status, headers, body })
}

/// Status and `Content-Range` of a page of rows.
fn page(request: &Request, outcome: &Outcome, headers: &mut HeaderMap) -> Result<StatusCode, Error> {
    let offset = request.range.offset;
    if let Some(total) = outcome.total.filter(|total| offset > *total) {
        return Err(RequestError::Range(RangeError::OutOfBounds { offset, total }).into());
    }
    set(headers, header::CONTENT_RANGE, &content_range(offset, outcome.page, outcome.total));
    let is_partial = outcome.total.is_some_and(|total| outcome.page < total);
    Ok(if is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
}

fn write(request: &Request, plan: &WritePlan, outcome: Outcome) -> Answer {
    let preferences = &request.preferences;
    let mut headers = HeaderMap::new();
    let counted = preferences.counts_exactly().then_some(outcome.page);
    match plan.mutation {
        Mutation::Insert | Mutation::Delete => set(&mut headers, header::CONTENT_RANGE, &total_range(counted)),
        Mutation::Update => set(&mut headers, header::CONTENT_RANGE, &content_range(0, outcome.page, counted)),
        Mutation::Replace => {}
    }
    if let Some(place) = outcome.location.as_deref().and_then(|key| location(&plan.relation.name, key)) {
        set(&mut headers, header::LOCATION, &place);
    }
    applied(&used_by(request, plan), &mut headers);
    let is_full = preferences.representation == Some(Representation::Full);
    if is_full {
        described(request, &plan.media, &mut headers);
    }
    // Only where rows may be merged are the new ones counted, and without any row there is no count.
    let may_merge = matches!(&plan.change, Change::Insert(insert) if insert.conflict.is_some());
    let is_new = !may_merge || outcome.inserted.is_some_and(|inserted| inserted > 0);
    let status = match (plan.mutation, is_full) {
        (Mutation::Insert, _) if !is_new && preferences.resolution == Some(Resolution::MergeDuplicates) => {
            StatusCode::OK
        }
        (Mutation::Insert, _) => StatusCode::CREATED,
        (Mutation::Replace, true) if is_new => StatusCode::CREATED,
        (_, true) => StatusCode::OK,
        (_, false) => StatusCode::NO_CONTENT,
    };
    let body = match (is_full, plan.mutation) {
        (true, _) => Some(outcome.body.unwrap_or_default()),
        (false, Mutation::Insert) => Some(Vec::new()),
        (false, _) => None,
    };
    Answer { status, headers, body }
}

/// A body whose length is not told: the response to HEAD is not empty, it is only not sent.
pub(crate) fn nothing() -> Body {
    Body::from_stream(futures_util::stream::empty::<Result<bytes::Bytes, std::convert::Infallible>>())
}

/// The preferences that had a meaning for this change.
fn used_by(request: &Request, plan: &WritePlan) -> Preferences {
    let all = request.preferences.clone();
    let has_target = match &plan.change {
        Change::Insert(insert) => !insert.key.is_empty() || request.query.on_conflict.is_some(),
        Change::Update { .. } | Change::Delete { .. } => false,
    };
    let (resolves, fills, limits) = match plan.mutation {
        Mutation::Insert => (has_target, true, false),
        Mutation::Update => (false, true, true),
        Mutation::Replace => (false, false, false),
        Mutation::Delete => (false, false, true),
    };
    Preferences {
        resolution: all.resolution.filter(|_| resolves),
        missing: all.missing.filter(|_| fills),
        max_affected: all.max_affected.filter(|_| limits),
        ..all
    }
}

fn applied(preferences: &Preferences, headers: &mut HeaderMap) {
    if let Some(applied) = preferences.applied() {
        set(headers, HeaderName::from_static("preference-applied"), &applied);
    }
}

fn described(request: &Request, media: &MediaType, headers: &mut HeaderMap) {
    set(headers, header::CONTENT_TYPE, &media.content_type());
    if request.names_schema {
        set(headers, HeaderName::from_static("content-profile"), &request.schema);
    }
}

/// Sets a header unless its value cannot be one.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
        headers.insert(name, value);
    }
}

/// Status and headers that the database set replace ours.
fn overridden(answer: Answer, settings: (Option<String>, Option<String>)) -> Result<Response, Error> {
    let (own_headers, own_status) = settings;
    let mut headers = answer.headers;
    set(&mut headers, header::VARY, VARY);
    if let Some(text) = own_headers {
        let given = headers::given(&text).ok_or(OutcomeError::ResponseHeaders)?;
        for name in given.keys() {
            headers.remove(name);
        }
        headers.extend(given);
    }
    let status = match own_status {
        Some(text) => headers::given_status(&text).ok_or(OutcomeError::ResponseStatus)?,
        None => answer.status,
    };
    let mut response = Response::new(answer.body.map_or_else(nothing, Body::from));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
