//! From an HTTP request to what it asks for. Nothing here knows the database.

pub mod ast;
pub mod body;
mod cursor;
mod filter;
mod logic;
pub mod media;
mod names;
mod order;
pub mod prefer;
pub(crate) mod query;
pub mod range;
mod select;

use http::{HeaderMap, Method, request};
use percent_encoding::percent_decode_str;

use crate::Settings;
use crate::error::RequestError;
use body::{Payload, Purpose};
use media::MediaType;
use prefer::Preferences;
use query::{Query, Unfiltered};
use range::RowRange;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What is to be done with what.
    pub action: Action,
    /// Schema that is spoken to.
    pub schema: String,
    /// The response names the schema.
    pub names_schema: bool,
    /// The query string.
    pub query: Query,
    /// Rows of the top level, after `limit`, `offset` and `Range`.
    pub range: RowRange,
    /// The `Prefer` header.
    pub preferences: Preferences,
    /// Acceptable types of the response, most wanted first.
    pub accepts: Vec<MediaType>,
    /// Type of the body.
    pub content_type: MediaType,
    /// The body.
    pub payload: Payload,
    /// What statements may ask about the request.
    pub about: About,
}

/// What functions and policies see of the request.
#[derive(Debug, Clone)]
pub struct About {
    /// Its method.
    pub method: String,
    /// Its path as it came, without the query string.
    pub path: String,
    /// Its headers without cookies, as a JSON object.
    pub headers: String,
    /// Its cookies, as a JSON object.
    pub cookies: String,
    /// Where the client found us.
    pub host: Option<String>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Rows of a relation.
    Read {
        /// Its name.
        relation: String,
        /// Only the headers.
        is_head: bool,
    },
    /// Change rows of a relation.
    Write {
        /// Its name.
        relation: String,
        /// How.
        mutation: Mutation,
    },
    /// Call a function.
    Call {
        /// Its name.
        function: String,
        /// How.
        invocation: Invocation,
    },
    /// The root document.
    Describe {
        /// Only the headers.
        is_head: bool,
    },
    /// What methods there are.
    Options(Resource),
}

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// `/`
    Root,
    /// `/name`
    Relation(String),
    /// `/rpc/name`
    Function(String),
}

/// How rows are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// POST
    Insert,
    /// PATCH
    Update,
    /// PUT
    Replace,
    /// DELETE
    Delete,
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invocation {
    /// Arguments in the query string.
    Get,
    /// The same, only the headers are wanted.
    Head,
    /// Arguments in the body.
    Post,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`] for whatever cannot be understood.
    pub fn read(parts: &request::Parts, body: &[u8], settings: &Settings) -> Result<Self, RequestError> {
        let resource = resource(parts.uri.path())?;
        let (schema, names_schema) = schema(&parts.method, &parts.headers, settings)?;
        let action = action(resource, &parts.method)?;
        let unfiltered = match action {
            Action::Call { invocation: Invocation::Get | Invocation::Head, .. } => Unfiltered::Argument,
            _ => Unfiltered::Error,
        };
        let query = Query::parse(parts.uri.query().unwrap_or_default(), unfiltered)?;
        let range = range::top_level(&parts.method, &parts.headers, &query)?;
        let content_type = media::content_type(&parts.headers);
        let payload = payload(&action, body, &content_type, &query)?;
        Ok(Self {
            action,
            schema,
            names_schema,
            range,
            preferences: Preferences::read(&parts.headers, settings.tx_end.may_be_chosen()),
            accepts: media::accepted(&parts.headers),
            content_type,
            payload,
            about: about(parts),
            query,
        })
    }
}

fn resource(path: &str) -> Result<Resource, RequestError> {
    let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
        Ok(name) => Ok(name.into_owned()),
        Err(_) => Err(RequestError::Path),
    };
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        [""] => Ok(Resource::Root),
        [relation] => Ok(Resource::Relation(decoded(relation)?)),
        ["rpc", function] => Ok(Resource::Function(decoded(function)?)),
        _ => Err(RequestError::Path),
    }
}

fn schema(method: &Method, headers: &HeaderMap, settings: &Settings) -> Result<(String, bool), RequestError> {
    let header = match *method {
        Method::POST | Method::PATCH | Method::PUT | Method::DELETE => "content-profile",
        _ => "accept-profile",
    };
    let asked = headers.get(header).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match asked {
        Some(schema) if settings.schemas.contains(&schema) => Ok((schema, true)),
        Some(schema) => Err(RequestError::Schema { schema, exposed: settings.schemas.clone() }),
        None => Ok((settings.schemas.first().cloned().unwrap_or_default(), settings.schemas.len() != 1)),
    }
}

fn action(resource: Resource, method: &Method) -> Result<Action, RequestError> {
    let unsupported = || RequestError::Method(method.to_string());
    if method == Method::OPTIONS {
        return Ok(Action::Options(resource));
    }
    match resource {
        Resource::Function(function) => {
            let invocation = match *method {
                Method::GET => Invocation::Get,
                Method::HEAD => Invocation::Head,
                Method::POST => Invocation::Post,
                _ => return Err(RequestError::MethodOnFunction(method.to_string())),
            };
            Ok(Action::Call { function, invocation })
        }
        Resource::Relation(relation) => {
            let mutation = match *method {
                Method::GET => return Ok(Action::Read { relation, is_head: false }),
                Method::HEAD => return Ok(Action::Read { relation, is_head: true }),
                Method::POST => Mutation::Insert,
                Method::PATCH => Mutation::Update,
                Method::PUT => Mutation::Replace,
                Method::DELETE => Mutation::Delete,
                _ => return Err(unsupported()),
            };
            Ok(Action::Write { relation, mutation })
        }
        Resource::Root => match *method {
            Method::GET => Ok(Action::Describe { is_head: false }),
            Method::HEAD => Ok(Action::Describe { is_head: true }),
            _ => Err(unsupported()),
        },
    }
}

fn payload(action: &Action, body: &[u8], content_type: &MediaType, query: &Query) -> Result<Payload, RequestError> {
    let columns = query.columns.as_deref();
    match action {
        Action::Write { mutation: Mutation::Insert | Mutation::Update, .. } => {
            body::read(body, content_type, Purpose::Rows, columns)
        }
        Action::Write { mutation: Mutation::Replace, .. } => body::read(body, content_type, Purpose::Rows, None),
        Action::Call { invocation: Invocation::Post, .. } => {
            body::read(body, content_type, Purpose::Arguments, columns)
        }
        Action::Write { mutation: Mutation::Delete, .. }
        | Action::Read { .. }
        | Action::Call { .. }
        | Action::Describe { .. }
        | Action::Options(_) => Ok(Payload::None),
    }
}

fn about(parts: &request::Parts) -> About {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let object = |pairs: serde_json::Map<String, serde_json::Value>| serde_json::Value::Object(pairs).to_string();
    let headers = parts
        .headers
        .iter()
        .filter(|(name, _)| *name != http::header::COOKIE)
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()).into()))
        .collect();
    let cookies = parts
        .headers
        .get_all(http::header::COOKIE)
        .iter()
        .flat_map(|value| text(value.as_bytes()).split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>())
        .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned().into())))
        .collect();
    About {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        headers: object(headers),
        cookies: object(cookies),
        host: parts.headers.get(http::header::HOST).map(|host| text(host.as_bytes())),
    }
}
