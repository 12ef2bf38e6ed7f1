//! Hooks: what the operator lets other programs decide. An HTTP hook gets a signed request (Standard Webhooks);
//! a hook in the database is only named here and called by the service that has a connection.

mod answer;
mod call;
mod secrets;
mod uri;

pub use answer::{Answer, HookFault, check};
pub use call::{Hooks, Limits};
pub use secrets::{SecretError, Secrets};
pub use uri::{FunctionName, Target, UriError};

/// Why a hook gave no answer. Texts are for the log unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The time for all attempts is up: 422 `hook_timeout`.
    #[error("failed to reach hook within maximum time of {0} seconds")]
    Timeout(f64),
    /// No attempt reached it: 422 `hook_timeout_after_retry`.
    #[error("failed to reach hook after maximum retries")]
    Unreachable(#[source] reqwest::Error),
    /// The answer is no JSON by its content type, which is given: 400 `hook_payload_invalid_content_type`.
    #[error("hook answered with content type {0:?} instead of application/json")]
    ContentType(String),
    /// The answer is longer than this many bytes: 422 `hook_payload_over_size_limit`.
    #[error("hook answer exceeds the size limit of {0} bytes")]
    TooLong(usize),
    /// The answer broke off: 500 `unexpected_failure`.
    #[error("hook answer broke off")]
    Broken(#[source] reqwest::Error),
    /// The answer is no JSON: 500 `unexpected_failure`.
    #[error("hook answer is not json")]
    NotJson(#[source] serde_json::Error),
    /// The answer is neither an object nor `null`: 500 `unexpected_failure`.
    #[error("hook answer is no json object")]
    NoObject,
    /// The hook says no in a form that cannot be read: 500 `unexpected_failure`.
    #[error("hook answered with an error that cannot be read")]
    Unreadable,
    /// Status 429 or 503, in the end or without `retry-after`: 500 `unexpected_failure`.
    #[error("service currently unavailable due to hook")]
    Unavailable,
    /// Status 400: 500 `unexpected_failure`.
    #[error("hook refused its input with status 400")]
    InvalidInput,
    /// Status 401: 500 `unexpected_failure`.
    #[error("hook refused its signature with status 401")]
    Unauthorized,
    /// Another status: 500 `unexpected_failure`.
    #[error("hook answered with status {0}")]
    Status(u16),
    /// The hook itself says no; its message and status go to the client.
    #[error(transparent)]
    Refused(HookFault),
}
