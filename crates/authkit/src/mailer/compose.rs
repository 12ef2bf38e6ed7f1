//! A message in the form in which it is sent (RFC 5322).

use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};

use super::{MailError, Message, Sender};

impl Sender {
    /// Checks that mail can come from them.
    ///
    /// # Errors
    /// [`MailError::Address`] or [`MailError::Name`].
    pub fn check(&self) -> Result<(), MailError> {
        mailbox(&self.address, &self.name).map(drop)
    }
}

fn mailbox(address: &str, name: &str) -> Result<Mailbox, MailError> {
    let email: Address = address.parse().map_err(|_| MailError::Address(address.to_owned()))?;
    // The library panics at them.
    if name.contains(char::is_control) {
        return Err(MailError::Name(name.to_owned()));
    }
    Ok(Mailbox::new((!name.is_empty()).then(|| name.to_owned()), email))
}

/// The mail as it is sent.
pub(super) fn compose(message: &Message) -> Result<lettre::Message, MailError> {
    let mut builder = lettre::Message::builder()
        .from(mailbox(&message.from.address, &message.from.name)?)
        .subject(&message.subject)
        .message_id(Some(message.id.clone()));
    for recipient in &message.to {
        builder = builder.to(mailbox(recipient, "")?);
    }
    for (name, value) in headers(message)? {
        builder = builder.raw_header(HeaderValue::new(name, value));
    }
    let parts = MultiPart::alternative_plain_html(message.plain.clone(), message.html.clone());
    builder.multipart(parts).map_err(MailError::Content)
}

/// A name of a header, if it is one.
pub(super) fn header_name(name: &str) -> Option<HeaderName> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic());
    HeaderName::new_from_ascii(name.to_owned()).ok().filter(|_| is_plain)
}

/// The further headers; the values of one name are joined, as there is room for one line each.
fn headers(message: &Message) -> Result<Vec<(HeaderName, String)>, MailError> {
    let mut headers: Vec<(HeaderName, String)> = Vec::new();
    for (name, value) in &message.headers {
        let header = header_name(name).filter(|_| !value.contains(char::is_control));
        let header = header.ok_or_else(|| MailError::Header(name.clone()))?;
        match headers.iter_mut().find(|(known, _)| *known == header) {
            Some((_, values)) => *values = format!("{values}, {value}"),
            None => headers.push((header, value.clone())),
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str) -> Message {
        let from = Sender { address: "app@example.com".into(), name: "App".into() };
        Message { from, to: vec![to.into()], id: "<1@example.com>".into(), ..Message::default() }
    }

    #[test]
    fn nothing_can_be_smuggled_in() {
        assert!(compose(&message("ann@example.com")).is_ok());
        let with = |name: &str, value: &str| Message { headers: vec![(name.into(), value.into())], ..message("a@b.c") };
        for wrong in [with("X-A", "a\r\nBcc: b@c.d"), with("X A", "a"), with("", "a"), with("X\r\nA", "a")] {
            assert!(matches!(compose(&wrong), Err(MailError::Header(_))), "{wrong:?}");
        }
        assert!(matches!(compose(&message("a@b.c>\r\nDATA")), Err(MailError::Address(_))));
        for name in ["Acme\r\nBcc: b@c.d", "Acme\n", "Ac\tme", "\u{0}"] {
            let from = Sender { address: "app@example.com".into(), name: name.into() };
            let composed = compose(&Message { from, ..message("ann@example.com") });
            assert!(matches!(composed, Err(MailError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn senders_have_a_form() {
        let check = |address: &str| Sender { address: address.into(), name: "Acme & Söhne".into() }.check();
        assert!(check("post@app.example").is_ok());
        for wrong in ["", "nobody", "Acme <a@b.c>", "a@b.c, d@e.f"] {
            assert!(matches!(check(wrong), Err(MailError::Address(_))), "{wrong:?}");
        }
    }
}
