//! The form of the names of mail servers.

/// Whether a mail server may be called so: the name of a host, or an address.
#[must_use]
pub fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_name = || text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(is_label);
    text.parse::<std::net::IpAddr>().is_ok() || is_name()
}

/// Whether a mail server may be greeted so: with the name of a host, or an address in brackets.
#[must_use]
pub fn is_greeting(text: &str) -> bool {
    let is_literal =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:".contains(&byte));
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).map_or_else(|| is_host(text), is_literal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_a_form() {
        for host in ["localhost", "mail.example.com", "mail.example.com.", "mail_1", "192.0.2.1", "2001:db8::1"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", ".", "smtp://x", "mail.example:25", "a b", "a..b", "x\r\n", "[::1]", "user@host"] {
            assert!(!is_host(host), "{host:?}");
        }
        assert!(is_greeting("app.example") && is_greeting("[192.0.2.1]") && is_greeting("[IPv6:2001:db8::1]"));
        assert!(!is_greeting("my app") && !is_greeting("app\r\nQUIT") && !is_greeting("[]") && !is_greeting("[a b]"));
    }
}
