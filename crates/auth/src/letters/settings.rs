//! What an installation decides about letters beyond [`crate::Settings`]'s times and lengths.

use authkit::template::Kind;

/// Settings of letters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterSettings {
    /// Where links lead, by kind. Empty: `verify` below the public address of the service. A path that begins with
    /// a slash replaces that address's path; a whole address replaces all of it.
    pub urlpaths: UrlPaths,
    /// Further hosts under which the service is reached, which links may therefore begin with.
    pub external_hosts: Vec<String>,
    /// The only addresses that mail is sent to, if there are any here. What follows a `+` does not count.
    pub authorized_addresses: Vec<String>,
    /// The notifications that are sent.
    pub notifications: Vec<Kind>,
    /// Whether the mail server is asked when a request's changes last, without the request, which then knows of no
    /// failure.
    pub in_background: bool,
    /// Further headers of mails; `$messageType` stands for the kind of letter.
    pub headers: Vec<(String, String)>,
}

/// Where links lead, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlPaths {
    /// Of invitations.
    pub invite: String,
    /// Of confirmations.
    pub confirmation: String,
    /// Of recovery letters and links to sign in with.
    pub recovery: String,
    /// Of changes of the address.
    pub email_change: String,
}
