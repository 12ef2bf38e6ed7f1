//! The letters that are there without any setting, in English.

use super::engine::Texts;
use super::kind::Kind;

/// What differs between the letters.
struct Piece {
    subject: &'static str,
    /// What has happened or is asked.
    what: &'static str,
    /// The label of the link, in letters that have one.
    action: Option<&'static str>,
    /// Whether a code can be typed in instead or alone.
    has_code: bool,
    /// What to do when it was not the reader.
    otherwise: &'static str,
}

const IGNORE: &str = "If this was not you, nothing needs to be done and nothing changes.";
const BEWARE: &str = "If this was not you, please change your password and tell the people who run the site.";

/// The template of a kind of letter, in Go's syntax; an operator can start from it.
#[must_use]
pub fn texts(kind: Kind) -> Texts {
    let Piece { subject, what, action, has_code, otherwise } = piece(kind);
    let mut html = format!("<h2>{subject}</h2>\n<p>{what}</p>\n");
    let mut plain = format!("{what}\n");
    if let Some(action) = action {
        html.push_str(&format!("<p><a href=\"{{{{ .ConfirmationURL }}}}\">{action}</a></p>\n"));
        plain.push_str(&format!("\n{action}:\n{{{{ .ConfirmationURL }}}}\n"));
    }
    if has_code {
        let lead = if action.is_some() { "Or enter this code" } else { "Your code" };
        html.push_str(&format!("<p>{lead}: <strong>{{{{ .Token }}}}</strong></p>\n"));
        plain.push_str(&format!("\n{lead}: {{{{ .Token }}}}\n"));
    }
    // No link: an app may have a scheme of its own, which templates let lead nowhere.
    html.push_str(&format!("<p>{otherwise}</p>\n<p>{{{{ .SiteURL }}}}</p>\n"));
    plain.push_str(&format!("\n{otherwise}\n\n{{{{ .SiteURL }}}}\n"));
    Texts { subject: subject.to_owned(), html, plain: Some(plain) }
}

fn piece(kind: Kind) -> Piece {
    let asks = |subject, what, action| Piece { subject, what, action: Some(action), has_code: true, otherwise: IGNORE };
    let tells = |subject, what| Piece { subject, what, action: None, has_code: false, otherwise: BEWARE };
    match kind {
        Kind::Invite => {
            asks("You are invited", "You are invited to open an account at {{ .SiteURL }}.", "Accept the invitation")
        }
        Kind::Confirmation => asks(
            "Confirm your email address",
            "Somebody, most likely you, has signed up with the email address {{ .Email }}.",
            "Confirm this address",
        ),
        Kind::Recovery => asks(
            "Reset your password",
            "A new password was asked for, for the account of {{ .Email }}.",
            "Choose a new password",
        ),
        Kind::MagicLink => asks("Your link to sign in", "Here is the link to sign in that was asked for.", "Sign in"),
        Kind::EmailChange => asks(
            "Confirm the change of your email address",
            "{{ if .Email }}The email address of your account is to change from {{ .Email }} to {{ .NewEmail }}.\
             {{ else }}Your account is to use the email address {{ .NewEmail }}.{{ end }}",
            "Confirm the change",
        ),
        Kind::Reauthentication => Piece {
            subject: "Your code",
            what: "A change to your account needs a code to go on. Give it to nobody.",
            action: None,
            has_code: true,
            otherwise: BEWARE,
        },
        Kind::PasswordChanged => {
            tells("Your password was changed", "The password of the account of {{ .Email }} was changed.")
        }
        Kind::EmailChanged => tells(
            "Your email address was changed",
            "The email address of your account was changed from {{ .OldEmail }} to {{ .Email }}.",
        ),
        Kind::PhoneChanged => tells(
            "Your phone number was changed",
            "The phone number of the account of {{ .Email }} was changed\
             {{ if .OldPhone }} from {{ .OldPhone }}{{ end }} to {{ .Phone }}.",
        ),
        Kind::IdentityLinked => tells(
            "A way to sign in was added",
            "The account of {{ .Email }} can be signed in to with {{ .Provider }} now.",
        ),
        Kind::IdentityUnlinked => tells(
            "A way to sign in was removed",
            "The account of {{ .Email }} can no longer be signed in to with {{ .Provider }}.",
        ),
        Kind::MfaFactorEnrolled => tells(
            "A second factor was added",
            "A second factor ({{ .FactorType }}) was added to the account of {{ .Email }}.",
        ),
        Kind::MfaFactorUnenrolled => tells(
            "A second factor was removed",
            "A second factor ({{ .FactorType }}) was removed from the account of {{ .Email }}.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Template, Variables};
    use super::*;

    #[test]
    fn every_letter_has_all_parts_and_what_it_is_about() {
        let variables = ["SiteURL", "ConfirmationURL", "Email", "NewEmail", "OldEmail", "Token", "Phone", "OldPhone"]
            .into_iter()
            .chain(["Provider", "FactorType"])
            .fold(Variables::new(), |variables, name| variables.text(name, &format!("value-of-{name}")));
        for kind in Kind::ALL {
            let letter = Template::parse(kind.name(), &texts(kind)).unwrap().render(&variables).unwrap();
            assert!(!letter.subject.is_empty());
            for part in [&letter.html, &letter.plain] {
                assert!(!part.contains("{{") && part.contains("value-of-SiteURL"), "{kind:?}: {part}");
                let has_link = !kind.is_notification() && kind != Kind::Reauthentication;
                assert_eq!(part.contains("value-of-ConfirmationURL"), has_link, "{kind:?}: {part}");
                assert_eq!(part.contains("value-of-Token"), !kind.is_notification(), "{kind:?}: {part}");
            }
        }
    }
}
