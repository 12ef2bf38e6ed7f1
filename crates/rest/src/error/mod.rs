//! Everything that can go wrong, by stage, and what a client sees of it.
//!
//! Codes, texts and statuses are those of PostgREST (its own specification pins them); they are a public contract.

mod database;
mod envelope;
mod raise;

use serde_json::Value;

pub use database::DatabaseError;
use envelope::{Envelope, ErrorBody};

/// An error of the data API.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is not usable.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The request names what the schema does not have.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The token is not accepted.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The database refused or could not be reached.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// What the database returned breaks the contract between statement and response.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
}

/// Errors that are visible in the request alone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A part of the query string does not parse.
    #[error("{message}")]
    QuerySyntax {
        /// Which part, where.
        message: String,
        /// What was found and what was expected.
        details: String,
    },
    /// Functions are called by GET, HEAD and POST only.
    #[error("Cannot use the {0} method on RPC")]
    MethodOnFunction(String),
    /// The body cannot be used; the text says why.
    #[error("{0}")]
    Body(String),
    /// The body is longer than the limit, given in bytes.
    #[error("Request body is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// The range of rows is impossible.
    #[error("Requested range not satisfiable")]
    Range(RangeError),
    /// PUT has other filters than `eq` on exactly the key.
    #[error("Filters must include all and only primary key columns with 'eq' operators")]
    PutFilters,
    /// The schema is not exposed.
    #[error("Invalid schema: {schema}")]
    Schema {
        /// What was asked for.
        schema: String,
        /// What there is.
        exposed: Vec<String>,
    },
    /// Nothing that the client accepts can be produced.
    #[error("None of these media types are available: {}", .0.join(", "))]
    MediaTypes(Vec<String>),
    /// A filter, order or range is for a resource that is not embedded.
    #[error("'{name}' is not an embedded resource in this request")]
    NotEmbedded {
        /// The name.
        name: String,
        /// How it is shown, if the name is that of the relation only.
        alias: Option<String>,
    },
    /// PUT has a limit or an offset.
    #[error("limit/offset querystring parameters are not allowed for PUT")]
    LimitOnPut,
    /// The method does not exist.
    #[error("Unsupported HTTP method: {0}")]
    Method(String),
    /// Order by a column of a to-many relation.
    #[error("A related order on '{to}' is not possible")]
    RelatedOrder {
        /// The relation that is ordered.
        from: String,
        /// The one it should be ordered by.
        to: String,
    },
    /// Strict handling, and these preferences are unknown.
    #[error("Invalid preferences given with handling=strict")]
    Preferences(Vec<String>),
    /// Aggregates are switched off.
    #[error("Use of aggregate functions is not allowed")]
    Aggregates,
    /// A path that is neither a relation nor a function.
    #[error("Invalid path specified in request URL")]
    Path,
    /// The root document is switched off.
    #[error("Root endpoint metadata is disabled")]
    RootDisabled,
    /// Only the service role may ask for this.
    #[error("permission denied: this is for the service role")]
    ServiceOnly,
    /// A combination that is not provided.
    #[error("Feature not implemented")]
    NotImplemented(String),
    /// `max-affected` on a function that returns a single value.
    #[error("Function must return SETOF or TABLE when max-affected preference is used with handling=strict")]
    MaxAffectedOnSingle,
}

/// Why a range cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeError {
    /// A negative limit.
    NegativeLimit,
    /// `Range: 5-2`
    Reversed,
    /// The offset is beyond the last row.
    OutOfBounds {
        /// The offset.
        offset: i64,
        /// How many rows there are.
        total: i64,
    },
}

/// Names that the schema cache does not know, or knows more than once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// No relationship between two relations.
    #[error("Could not find a relationship between '{parent}' and '{child}' in the schema cache")]
    NoRelationship {
        /// The relation that embeds.
        parent: String,
        /// What it should embed.
        child: String,
        /// The hint that was given.
        hint: Option<String>,
        /// Schema that was searched.
        schema: String,
        /// A similar name: the right one and the given one.
        suggestion: Option<Box<(String, String)>>,
    },
    /// Several relationships, described as PostgREST describes them.
    #[error("Could not embed because more than one relationship was found for '{parent}' and '{child}'")]
    AmbiguousRelationship {
        /// The relation that embeds.
        parent: String,
        /// What it should embed.
        child: String,
        /// The candidates.
        candidates: Value,
        /// `'child!hint'` for each of them.
        hints: Vec<String>,
    },
    /// No function of that name takes these arguments.
    #[error("Could not find the function {schema}.{name}{} in the schema cache", .arguments.shown)]
    NoFunction {
        /// Its schema.
        schema: String,
        /// Its name.
        name: String,
        /// What it was called with.
        arguments: Box<Searched>,
        /// A similar function.
        suggestion: Option<String>,
    },
    /// Several functions take these arguments.
    #[error("Could not choose the best candidate function between: {}", .0.join(", "))]
    AmbiguousFunction(Vec<String>),
    /// No such column.
    #[error("Could not find the '{column}' column of '{table}' in the schema cache")]
    NoColumn {
        /// The relation.
        table: String,
        /// The column.
        column: String,
    },
    /// No such relation.
    #[error("Could not find the table '{schema}.{table}' in the schema cache")]
    NoTable {
        /// Its schema.
        schema: String,
        /// Its name.
        table: String,
        /// A similar one.
        suggestion: Option<String>,
    },
}

/// The arguments that a function was searched with, as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched {
    /// In the message: `(a, b)`, ` without parameters` or nothing.
    pub shown: String,
    /// In the details: ` with parameters a, b` and the like.
    pub described: String,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// `Authorization: Bearer` with nothing behind it.
    #[error("Empty JWT is sent in Authorization header")]
    Empty,
    /// Not three parts.
    #[error("Expected 3 parts in JWT; got {0}")]
    Parts(usize),
    /// No key fits it.
    #[error("No suitable key or wrong key type")]
    Key,
    /// Its algorithm is not allowed.
    #[error("Wrong or unsupported encoding algorithm")]
    Algorithm,
    /// It is not what it should be, or its signature is wrong.
    #[error("JWT cryptographic operation failed")]
    Cryptography,
    /// There is no token and no role for those who have none.
    #[error("Anonymous access is disabled")]
    Required,
    /// `exp` is past.
    #[error("JWT expired")]
    Expired,
    /// `nbf` is in the future.
    #[error("JWT not yet valid")]
    NotYetValid,
    /// `iat` is in the future.
    #[error("JWT issued at future")]
    IssuedInFuture,
    /// `aud` names somebody else.
    #[error("JWT not in audience")]
    Audience,
    /// The named claim is not a number.
    #[error("The JWT '{0}' claim must be a number")]
    NotANumber(&'static str),
    /// `aud` is neither text nor a list of texts.
    #[error("The JWT 'aud' claim must be a string or an array of strings")]
    AudienceType,
}

/// What the statement's result says about the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// `response.headers` is malformed.
    #[error("response.headers guc must be a JSON array composed of objects with a single key and a string value")]
    ResponseHeaders,
    /// `response.status` is malformed.
    #[error("response.status guc must be a valid status code")]
    ResponseStatus,
    /// PUT's body names another row than its filters.
    #[error("Payload values do not match URL in primary key column(s)")]
    PutKey,
    /// Not exactly one row where one object is wanted.
    #[error("Cannot coerce the result to a single JSON object")]
    NotSingular(i64),
    /// More rows changed than `max-affected` allows.
    #[error("Query result exceeds max-affected preference constraint")]
    MaxAffected(i64),
    /// The result row is not what the statement promises.
    #[error("unexpected result of a generated statement: {0}")]
    Internal(String),
}
