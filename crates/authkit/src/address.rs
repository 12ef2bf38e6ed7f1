//! The form of email addresses, phone numbers and addresses of the web. Whether anybody reads mail there is found out by sending one.

/// How long an email address may be, as the column holds it.
pub const MAX_EMAIL_LENGTH: usize = 255;

/// Why an email address is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// There is none.
    #[error("An email address is required")]
    Missing,
    /// Longer than [`MAX_EMAIL_LENGTH`] bytes.
    #[error("An email address is too long")]
    TooLong,
    /// Not of the form `local@domain`; display names and quoted local parts are refused too.
    #[error("Unable to validate email address: invalid format")]
    Format,
}

/// Checks an email address and returns it as it is stored and compared: in lower case.
///
/// The accepted form is that of HTML's email input, which is what Supabase accepts.
///
/// # Errors
/// [`EmailError`] saying what is wrong, in the words that clients know.
pub fn email(address: &str) -> Result<String, EmailError> {
    if address.is_empty() {
        return Err(EmailError::Missing);
    }
    if address.len() > MAX_EMAIL_LENGTH {
        return Err(EmailError::TooLong);
    }
    let (local, domain) = address.split_once('@').ok_or(EmailError::Format)?;
    let is_local = !local.is_empty() && local.bytes().all(is_local_byte);
    if is_local && domain.split('.').all(is_label) { Ok(address.to_ascii_lowercase()) } else { Err(EmailError::Format) }
}

/// Whether mail can be sent to an address of that form. Mail servers take less: no dot at either end of the local part,
/// no two in a row, and at most 64 bytes of it. Accounts with other addresses can only be signed in to.
#[must_use]
pub fn is_sendable(address: &str) -> bool {
    address.parse::<lettre::Address>().is_ok()
}

fn is_local_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// A phone number as it is stored and compared: without a leading `+` and without spaces.
#[must_use]
pub fn normalise_phone(number: &str) -> String {
    number.strip_prefix('+').unwrap_or(number).replace(' ', "")
}

/// Checks a phone number against E.164 (2 to 15 digits, the first not zero) and normalises it.
/// `None` when it has another form.
#[must_use]
pub fn phone(number: &str) -> Option<String> {
    let number = normalise_phone(number);
    let is_valid = (2..=15).contains(&number.len())
        && !number.starts_with('0')
        && number.bytes().all(|byte| byte.is_ascii_digit());
    is_valid.then_some(number)
}

/// Whether a text is an address of the web as it is written: `http` or `https`, a host and a port that can be, no blanks.
#[must_use]
pub fn is_web(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    // The parser mends what browsers mend.
    let is_plain = rest.is_some_and(|rest| {
        !rest.starts_with('/') && !rest.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
    });
    is_plain && reqwest::Url::parse(text).is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty()))
}

/// An address as logs and messages may tell it: without what may be secret in it, which is who asks and what stands in
/// its query. It may be no address at all.
#[must_use]
pub fn shown(address: &str) -> String {
    if let Ok(url) = reqwest::Url::parse(address)
        && let Some(host) = url.host_str()
    {
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        return format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/'));
    }
    if !address.contains(['@', '?', '#']) {
        return address.to_owned();
    }
    // Of what cannot be read nobody knows where a password ends.
    address.split_once("://").map_or_else(|| "…".to_owned(), |(scheme, _)| format!("{scheme}://…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_web_have_a_host_and_a_port() {
        for good in ["http://localhost", "https://app.example:8443/x?y", "http://[::1]:3000", "https://bücher.example"]
        {
            assert!(is_web(good), "{good}");
        }
        for wrong in [
            "",
            "app.example",
            "ftp://x",
            "http://",
            "http:///x",
            "http://[bad",
            "https://:99999",
            "http://x:999999",
            "http://a b",
            "http://a\n.b",
        ] {
            assert!(!is_web(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn addresses_are_told_without_secrets() {
        for (address, expected) in [
            ("https://app.example/a/b", "https://app.example/a/b"),
            ("ftp://me:hidden@h/x?key=hidden#hidden", "ftp://h/x"),
            ("https://h:1/x?key=p@hidden", "https://h:1/x"),
            ("https://cdn.example/@acme/letters/invite.html", "https://cdn.example/@acme/letters/invite.html"),
            ("https://h?token=hidden", "https://h"),
            ("https://me:hid/den?hidden@h:1x/x", "https://…"),
            ("me:hidden@h", "…"),
            ("/x?hidden", "…"),
            ("http://[bad", "http://[bad"),
            ("", ""),
        ] {
            assert_eq!(shown(address), expected);
        }
    }

    /// Behaviour 41: addresses are checked, then stored in lower case.
    #[test]
    fn email_addresses_are_checked_then_lower_cased() {
        assert_eq!(email("John.Doe+tag@Example.COM").as_deref(), Ok("john.doe+tag@example.com"));
        assert_eq!(email("a@localhost").as_deref(), Ok("a@localhost"));
        for wrong in [
            "a",
            "@b.c",
            "a@",
            "a@b..c",
            "a@-b.c",
            "a@b-.c",
            "a b@c.d",
            "John <a@b.c>",
            "\"a b\"@c.d",
            "a@b@c",
            "a@b.c\n",
            "ü@b.c",
            " a@b.c",
        ] {
            assert_eq!(email(wrong), Err(EmailError::Format), "{wrong:?}");
        }
        assert_eq!(email(""), Err(EmailError::Missing));
        assert_eq!(email(&format!("{}@b.c", "a".repeat(252))), Err(EmailError::TooLong));
    }

    #[test]
    fn not_every_address_can_be_sent_to() {
        let longest = format!("{}@example.com", "a".repeat(64));
        for address in ["john.doe+tag@example.com", "a@localhost", longest.as_str()] {
            assert!(is_sendable(address), "{address}");
        }
        let longer = format!("a{longest}");
        for address in ["a..b@example.com", ".a@example.com", "a.@example.com", longer.as_str()] {
            assert!(email(address).is_ok() && !is_sendable(address), "{address}");
        }
    }

    /// Behaviour 66: numbers are kept and compared without `+` and spaces.
    #[test]
    fn phone_numbers_lose_their_plus_and_spaces() {
        assert_eq!(phone("+1 555 0100").as_deref(), Some("15550100"));
        assert_eq!(phone("491701234567").as_deref(), Some("491701234567"));
        for wrong in ["", "+", "0123", "1", "12a", "+1-555", "1234567890123456", "++12"] {
            assert_eq!(phone(wrong), None, "{wrong:?}");
        }
    }
}
