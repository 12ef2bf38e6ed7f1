//! Sending letters: what a message is, and what sends it.

mod compose;
mod host;
mod smtp;

use std::future::Future;
use std::pin::Pin;

pub use host::{is_greeting, is_host};
pub use smtp::{Security, Smtp, SmtpSettings};

use crate::template::{Kind, Letter};

/// A letter on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The sender.
    pub from: Sender,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The subject; one line.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The plain text part.
    pub plain: String,
    /// What `Message-ID` says, with the angle brackets.
    pub id: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// Who a message is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sender {
    /// The address.
    pub address: String,
    /// The name; may be empty.
    pub name: String,
}

impl Sender {
    /// The id of a mail from them, without the angle brackets. Its domain is theirs: mail whose ids name another counts
    /// as spam with some.
    pub fn message_id(&self, id: impl std::fmt::Display) -> String {
        let domain = self.address.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
        format!("{id}@{domain}")
    }
}

impl Message {
    /// A message with a letter.
    #[must_use]
    pub fn new(from: Sender, to: String, letter: Letter, id: String) -> Self {
        let Letter { subject, html, plain } = letter;
        Self { from, to: vec![to], subject, html, plain, id, headers: Vec::new() }
    }

    /// Adds the operator's headers; `$messageType` in them stands for the kind of letter.
    #[must_use]
    pub fn with_headers(mut self, headers: &[(String, String)], kind: Kind) -> Self {
        let filled =
            |(name, value): &(String, String)| (name.clone(), value.replace("$messageType", kind.message_type()));
        self.headers.extend(headers.iter().map(filled));
        self
    }
}

/// Headers that each mail has already.
const OWN_HEADERS: [&str; 8] =
    ["content-transfer-encoding", "content-type", "date", "from", "message-id", "mime-version", "subject", "to"];

/// Why headers cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadersError {
    /// They have another form.
    #[error("an object such as {{\"X-Name\": [\"value\"]}} is expected")]
    Form,
    /// What is no name.
    #[error("{0:?} cannot be the name of a header")]
    Name(String),
    /// A header of each mail.
    #[error("the header {0:?} cannot be set: each mail has its own")]
    Own(String),
    /// The header of a value that does not fit into a line.
    #[error("the value of the header {0:?} has control characters")]
    Value(String),
}

/// Reads headers from their form in settings: `{"X-Name": ["value", …], …}`.
///
/// # Errors
/// [`HeadersError`] for the first that cannot be sent.
pub fn parse_headers(json: &str) -> Result<Vec<(String, String)>, HeadersError> {
    let headers: std::collections::BTreeMap<String, Vec<String>> =
        serde_json::from_str(json).map_err(|_| HeadersError::Form)?;
    let mut all = Vec::new();
    for (name, values) in headers {
        if compose::header_name(&name).is_none() {
            return Err(HeadersError::Name(name));
        }
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(HeadersError::Own(name));
        }
        if values.iter().any(|value| value.contains(char::is_control)) {
            return Err(HeadersError::Value(name));
        }
        all.extend(values.into_iter().map(|value| (name.clone(), value)));
    }
    Ok(all)
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// An address cannot be used.
    #[error("{0:?} is not an address to send mail from or to")]
    Address(String),
    /// A name of a sender would not fit into its line.
    #[error("{0:?} cannot be the name of a sender")]
    Name(String),
    /// A header cannot be sent.
    #[error("{0:?} cannot be a mail header")]
    Header(String),
    /// The message could not be put together.
    #[error("the mail cannot be written")]
    Content(#[source] lettre::error::Error),
    /// The server cannot be reached, or the connection broke.
    #[error("the mail server cannot be reached")]
    Unreachable(#[source] lettre::transport::smtp::Error),
    /// No encrypted connection could be made.
    #[error("no secure connection to the mail server")]
    Insecure(#[source] lettre::transport::smtp::Error),
    /// The server refuses for now; the same message may succeed later.
    #[error("the mail server refuses for now")]
    Later(#[source] lettre::transport::smtp::Error),
    /// The server refuses the credentials, the sender, a recipient or the message.
    #[error("the mail server refuses")]
    Refused(#[source] lettre::transport::smtp::Error),
    /// The server does not offer what the settings ask for: STARTTLS, or to sign in.
    #[error("the mail server does not offer what is set")]
    Unsupported(#[source] lettre::transport::smtp::Error),
    /// The server took too long.
    #[error("the mail server did not answer within {0} seconds")]
    Timeout(u64),
    /// Another carrier failed.
    #[error("the mail cannot be delivered")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The outcome of sending, to be awaited.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>>;

/// Sends messages: [`Smtp`], or what else takes them, as a mailbox in a database.
pub trait Mailer: Send + Sync + std::fmt::Debug {
    /// Sends a message; returns when somebody else is responsible for it.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_settings_are_filled_in() {
        let headers = parse_headers(r#"{"X-Type": ["a-$messageType", "b"], "X-Other": []}"#).unwrap();
        let letter = Letter { subject: String::new(), html: String::new(), plain: String::new() };
        let message = Message::new(Sender::default(), "a@b.c".into(), letter, "<1@x>".into());
        let headers = |kind| message.clone().with_headers(&headers, kind).headers;
        let expected = |kind: &str| [("X-Type".to_owned(), kind.to_owned()), ("X-Type".to_owned(), "b".to_owned())];
        assert_eq!(headers(Kind::MagicLink), expected("a-magic_link"));
        assert_eq!(headers(Kind::PasswordChanged), expected("a-password_changed_notification"));
        assert_eq!(headers(Kind::Reauthentication), expected("a-reauthenticate"));
    }

    #[test]
    fn headers_that_cannot_be_sent_are_refused() {
        let wrong = |json: &str| parse_headers(json).unwrap_err();
        assert_eq!(wrong("{"), HeadersError::Form);
        assert_eq!(wrong(r#"{"X": "y"}"#), HeadersError::Form);
        for name in ["X A", "", "X:", "Ü"] {
            assert_eq!(wrong(&format!(r#"{{"{name}": ["a"]}}"#)), HeadersError::Name(name.into()));
        }
        assert_eq!(wrong(r#"{"X\r\nA": ["a"]}"#), HeadersError::Name("X\r\nA".into()));
        assert_eq!(wrong(r#"{"content-TYPE": ["text/plain"]}"#), HeadersError::Own("content-TYPE".into()));
        assert_eq!(wrong(r#"{"X-A": ["fine", "a\r\nBcc: b@c.d"]}"#), HeadersError::Value("X-A".into()));
        assert_eq!(parse_headers(r#"{"Reply-To": ["a@b.c"]}"#).unwrap().len(), 1);
    }
}
