//! What a hook says: its output, or an error for the client. Both kinds of hooks speak alike.

use serde::Deserialize;
use serde_json::Value;

use super::HookError;

/// The output of a hook; nothing when it said nothing.
pub type Answer = Option<Value>;

/// An error that a hook wants the client to see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HookFault {
    /// The status; 500 when the hook gave none.
    pub status: u16,
    /// The message.
    pub message: String,
}

#[derive(Deserialize)]
struct Output {
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    #[serde(default)]
    http_code: u16,
    #[serde(default)]
    message: String,
}

/// Looks for `{"error": {"http_code": …, "message": …}}` in an output. Without a message it is no error; a status
/// that is none for errors counts as 500.
///
/// # Errors
/// [`HookError::Refused`].
pub fn check(output: &Value) -> Result<(), HookError> {
    let fault = Output::deserialize(output).ok().and_then(|output| output.error);
    match fault.filter(|fault| !fault.message.is_empty()) {
        Some(Fault { http_code, message }) => {
            let status = if (400..=599).contains(&http_code) { http_code } else { 500 };
            Err(HookError::Refused(HookFault { status, message }))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_errors_with_a_message_count() {
        for fine in
            [json!({}), json!(null), json!({ "error": {} }), json!({ "error": { "http_code": 403 } }), json!([])]
        {
            assert!(check(&fine).is_ok(), "{fine}");
        }
        for (given, expected) in [(json!(403), 403), (json!(0), 500), (json!(200), 500), (json!(599), 599)] {
            let fault = check(&json!({ "error": { "http_code": given, "message": "no" } })).unwrap_err();
            assert!(
                matches!(&fault, HookError::Refused(fault) if fault.status == expected && fault.message == "no"),
                "{fault:?}"
            );
        }
        assert!(check(&json!({ "error": { "message": "no" } })).is_err());
    }
}
