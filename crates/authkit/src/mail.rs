//! The mails of account flows, in HTML and in plain text.

/// What a mail tells.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The app's address.
    pub site_url: &'a str,
    /// The link that does it.
    pub link: &'a str,
    /// The digits that do it when typed in.
    pub code: &'a str,
}

/// The texts of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The plain text part.
    pub plain: String,
}

/// Asks a new user to confirm the address.
#[must_use]
pub fn confirmation(facts: &Facts<'_>) -> Content {
    let what = "Somebody, most likely you, has signed up with this email address.";
    content(facts, "Confirm your email address", what, "Confirm this address")
}

/// Lets a user choose a new password.
#[must_use]
pub fn recovery(facts: &Facts<'_>) -> Content {
    let what = "A new password was asked for. If that was not you, nothing needs to be done.";
    content(facts, "Reset your password", what, "Choose a new password")
}

/// Asks for consent to a change of the email address; sent to the old and to the new one.
#[must_use]
pub fn email_change(facts: &Facts<'_>, old: &str, new: &str) -> Content {
    let what = match old {
        "" => format!("Your account is to use the email address {new}."),
        old => format!("The email address of your account is to change from {old} to {new}."),
    };
    content(facts, "Confirm the change of your email address", &what, "Confirm the change")
}

fn content(facts: &Facts<'_>, subject: &str, what: &str, action: &str) -> Content {
    let Facts { site_url, link, code } = *facts;
    let plain = format!("{what}\n\n{action}:\n{link}\n\nOr enter the code: {code}\n\n{site_url}\n");
    let [site_url, link, code, what, action] = [site_url, link, code, what, action].map(escape);
    let html = format!(
        "<p>{what}</p>\n<p><a href=\"{link}\">{action}</a></p>\n<p>Or enter the code: <strong>{code}</strong></p>\n\
         <p><a href=\"{site_url}\">{site_url}</a></p>\n"
    );
    Content { subject: subject.to_owned(), html, plain }
}

/// Escapes text for HTML, inside and outside of attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mails_have_the_link_and_the_code_in_both_parts() {
        let facts = Facts { site_url: "http://a.example", link: "http://b/verify?token=1&type=\"x\"", code: "123456" };
        for mail in [confirmation(&facts), recovery(&facts), email_change(&facts, "<old>", "new")] {
            assert!(mail.plain.contains(facts.link) && mail.plain.contains("123456"), "{mail:?}");
            assert!(mail.html.contains("href=\"http://b/verify?token=1&amp;type=&#34;x&#34;\""), "{mail:?}");
            assert!(mail.html.contains("123456") && !mail.html.contains("<old>"), "{mail:?}");
        }
    }
}
