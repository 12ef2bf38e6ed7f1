//! What a hook says: its output, or an error for the client. Both kinds of hooks speak alike.

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

/// Looks for `{"error": {"http_code": …, "message": …}}` in an output. Without a message it is no error; a status
/// that is none for errors counts as 500. What is no such object is an error all the same: the hook did not say yes.
///
/// # Errors
/// [`HookError::Refused`]; [`HookError::Unreadable`] for an error of another form, [`HookError::NoObject`] for an
/// output that is neither an object nor `null`.
pub fn check(output: &Value) -> Result<(), HookError> {
    let fault = match output {
        Value::Null => return Ok(()),
        Value::Object(fields) => fields.get("error").unwrap_or(&Value::Null),
        _ => return Err(HookError::NoObject),
    };
    let fields = match fault {
        Value::Null => return Ok(()),
        Value::Object(fields) => fields,
        _ => return Err(HookError::Unreadable),
    };
    match fields.get("message") {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(message)) if message.is_empty() => Ok(()),
        Some(Value::String(message)) => {
            let status = fields.get("http_code").and_then(status).unwrap_or(500);
            Err(HookError::Refused(HookFault { status, message: message.clone() }))
        }
        Some(_) => Err(HookError::Unreadable),
    }
}

/// The status of an error; `403.0` and `"403"` are read too, since hooks are written in languages that make no
/// difference.
fn status(code: &Value) -> Option<u16> {
    let code = match code {
        Value::String(text) => text.trim().parse().ok()?,
        code => code.as_f64()?,
    };
    (400..=599).find(|status| f64::from(*status) == code)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_errors_with_a_message_count() {
        for fine in [
            json!({}),
            json!(null),
            json!({ "error": null }),
            json!({ "error": {} }),
            json!({ "error": { "http_code": 403 } }),
            json!({ "error": { "http_code": "?", "message": "" } }),
            json!({ "error": { "message": null } }),
        ] {
            assert!(check(&fine).is_ok(), "{fine}");
        }
        for (given, expected) in [
            (json!(403), 403),
            (json!("403"), 403),
            (json!(403.0), 403),
            (json!(403.5), 500),
            (json!(0), 500),
            (json!(200), 500),
            (json!(599), 599),
            (json!(600), 500),
            (json!(70000), 500),
            (json!(-1), 500),
            (json!(null), 500),
            (json!("?"), 500),
            (json!([403]), 500),
        ] {
            let fault = check(&json!({ "error": { "http_code": given, "message": "no" } })).unwrap_err();
            assert!(
                matches!(&fault, HookError::Refused(fault) if fault.status == expected && fault.message == "no"),
                "{given}: {fault:?}"
            );
        }
        assert!(check(&json!({ "error": { "message": "no" } })).is_err());
    }

    #[test]
    fn errors_of_another_form_are_errors() {
        for odd in [json!("no"), json!(""), json!(false), json!([]), json!({ "http_code": 403, "message": 5 })] {
            let refused = check(&json!({ "error": odd }));
            assert!(matches!(refused, Err(HookError::Unreadable)), "{odd}: {refused:?}");
        }
        for odd in [json!([]), json!(5), json!("x"), json!(true)] {
            let refused = check(&odd);
            assert!(matches!(refused, Err(HookError::NoObject)), "{odd}: {refused:?}");
        }
    }
}
