//! Errors for the operator: who calls with the secret key is told why the database refused, in a header, while the
//! body stays the stock one.

use axum::response::Response;
use base::http::Failure;
use http::{HeaderName, HeaderValue};

use super::gateway::{Credentials, Gateway};

static X_VESTIBULE_FAILURE: HeaderName = HeaderName::from_static("x-vestibule-failure");

/// The most characters of one field. Proxies refuse long headers, and there are eight fields.
const LONGEST: usize = 400;

/// Adds the header to an answer that has a cause, if the request carried the secret key.
pub fn tell(gateway: &Gateway, credentials: &Credentials, response: &mut Response) {
    if let Some(failure) = response.extensions().get::<Failure>()
        && gateway.is_operator(credentials)
        && let Some(value) = header(failure)
    {
        response.headers_mut().insert(X_VESTIBULE_FAILURE.clone(), value);
    }
}

/// A cause as JSON in plain ASCII. PostgreSQL's detail is left out: it quotes row values, and headers get logged.
fn header(failure: &Failure) -> Option<HeaderValue> {
    let cut = |text: &String| match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.clone(),
    };
    let short = Failure {
        message: cut(&failure.message),
        hook: failure.hook.clone(),
        sqlstate: failure.sqlstate.clone(),
        function: failure.function.as_ref().map(cut),
        table: failure.table.as_ref().map(cut),
        column: failure.column.as_ref().map(cut),
        constraint: failure.constraint.as_ref().map(cut),
        detail: None,
        hint: failure.hint.as_ref().map(cut),
        is_operators: false,
    };
    let json = serde_json::to_string(&short).ok()?;
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        // JSON has escaped control characters itself; 127 is the one that it leaves and headers refuse.
        if character.is_ascii() && character != '\u{7f}' {
            ascii.push(character);
        } else {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    HeaderValue::try_from(ascii).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_plain_short_and_reads_back() {
        let failure = Failure {
            sqlstate: Some("P0001".to_owned()),
            detail: Some("secret row".to_owned()),
            hint: Some("x".repeat(10_000)),
            ..Failure::new("grüße\r\n\u{7f}😀")
        };
        let value = header(&failure).expect("a header");
        let text = value.to_str().expect("plain");
        assert!(text.len() < 1000 && !text.contains("secret row"), "{text}");
        let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(json["message"], "grüße\r\n\u{7f}😀");
        assert_eq!(json["sqlstate"], "P0001");
    }
}
