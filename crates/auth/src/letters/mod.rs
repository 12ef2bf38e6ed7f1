//! Letters with links and codes. What a letter is about is written in the transaction of its cause and the letter
//! is sent before that is committed: what fails sends nothing, and what was not sent did not happen. Only where letters
//! are sent in the background, and those that tell of what has happened, go out after it.

mod background;
mod deliver;
mod notify;
mod settings;

use std::time::Duration;

use authkit::template::{Kind, Variables};
use jiff::{SignedDuration, Timestamp};
use pg::Transaction;

use crate::client::Client;
use crate::error::Error;
use crate::limits::{self, Sending};
use crate::model::one_time_tokens::{self, EmailChange, NewToken, Purpose};
use crate::model::users::User;
use crate::one_time::Code;
use crate::state::State;
use deliver::Post;

pub(crate) use background::Background;
pub(crate) use deliver::{check_recipient, recipient};
pub(crate) use notify::News;
pub use settings::{LetterSettings, UrlPaths};

/// What all letters of a request have in common.
pub(crate) struct Letters<'a> {
    pub(crate) state: &'a State,
    pub(crate) client: &'a Client,
    /// Where the links lead in the end.
    pub(crate) redirect_to: &'a str,
    /// Whether the links end in a code to be exchanged.
    pub(crate) is_pkce: bool,
}

impl Letters<'_> {
    /// Asks a user to confirm the address. This and what else strangers may ask for comes after [`crate::asked`], and
    /// is noted in the user's row as sent when it was asked for.
    pub(crate) async fn confirmation(&self, tx: &mut Transaction, user: &User, at: Timestamp) -> Result<(), Error> {
        self.linked(tx, user, (Kind::Confirmation, at), "Error sending confirmation email").await
    }

    /// Invites somebody, as often as an administrator likes.
    pub(crate) async fn invite(&self, tx: &mut Transaction, user: &User) -> Result<(), Error> {
        let at = self.state.clock.now();
        self.linked(tx, user, (Kind::Invite, at), "Error sending invite email").await
    }

    /// Lets a user choose a new password.
    pub(crate) async fn recovery(&self, tx: &mut Transaction, user: &User, at: Timestamp) -> Result<(), Error> {
        self.linked(tx, user, (Kind::Recovery, at), "Error sending recovery email").await
    }

    /// Lets a user sign in.
    pub(crate) async fn magic_link(&self, tx: &mut Transaction, user: &User, at: Timestamp) -> Result<(), Error> {
        self.linked(tx, user, (Kind::MagicLink, at), "Error sending magic link email").await
    }

    /// Sends a code that proves presence, if the last one is not too recent. The user is locked.
    pub(crate) async fn reauthentication(&self, tx: &mut Transaction, user: &User) -> Result<(), Error> {
        const FAILED: &str = "Error sending reauthentication email";
        self.check_due(user.reauthentication_sent_at)?;
        let (failed, at) = (Error::database(FAILED), self.state.clock.now());
        let code = Code::generate(self.state, &user.email, false);
        one_time_tokens::sent_reauthentication(tx, user.id, &code.hash, at).await.map_err(&failed)?;
        self.remember(tx, user, Purpose::Reauthentication, &user.email, &code).await.map_err(&failed)?;
        let variables = self.variables(user).text("Token", &code.digits);
        let post = Post::new(Kind::Reauthentication, user, &user.email, variables, FAILED).code(&code);
        self.deliver(tx, post).await
    }

    /// Asks for a change of the address, if the last time is not too recent. The user is locked.
    pub(crate) async fn email_change(&self, tx: &mut Transaction, user: &User, new: &str) -> Result<(), Error> {
        self.check_due(user.email_change_sent_at)?;
        self.email_change_again(tx, user, (new, self.state.clock.now())).await
    }

    /// Asks at the new address, and at the old one where that must agree too, for a change of the address. The user is
    /// locked.
    pub(crate) async fn email_change_again(
        &self,
        tx: &mut Transaction,
        user: &User,
        (new, at): (&str, Timestamp),
    ) -> Result<(), Error> {
        const FAILED: &str = "Error sending email change email";
        let failed = Error::database(FAILED);
        let user = &User { new_email: new.to_owned(), ..user.clone() };
        let code = self.code(new);
        let is_secure = self.state.settings.mailer_secure_email_change && !user.email.is_empty();
        let current = is_secure.then(|| self.code(&user.email));
        let current_hash = current.as_ref().map_or("", |code| &code.hash);
        let change = EmailChange { user_id: user.id, new_email: new, new_hash: &code.hash, current_hash, at };
        one_time_tokens::sent_email_change(tx, &change).await.map_err(&failed)?;
        self.remember(tx, user, Purpose::EmailChangeNew, new, &code).await.map_err(&failed)?;
        if let Some(code) = &current {
            self.remember(tx, user, Purpose::EmailChangeCurrent, &user.email, code).await.map_err(&failed)?;
        }
        let variables = |code: &Code, to: &str| {
            self.coded(user, Kind::EmailChange, code).text("NewEmail", new).text("SendingTo", to)
        };
        let post = Post::new(Kind::EmailChange, user, new, variables(&code, new), FAILED).code(&code);
        let Some(current) = &current else { return self.deliver(tx, post).await };
        // A hook is told of both codes at once; the mailer sends two letters, which count as one.
        limits::check_sending(self.state, Sending::Mail).await?;
        if self.deliver_by_hook(tx, &post, Some(current)).await? {
            return Ok(());
        }
        let other = Post::new(Kind::EmailChange, user, &user.email, variables(current, &user.email), FAILED);
        self.deliver_all(tx, vec![post, other.code(current)]).await
    }

    /// A letter with a link for the user's own address.
    async fn linked(
        &self,
        tx: &mut Transaction,
        user: &User,
        (kind, at): (Kind, Timestamp),
        text: &'static str,
    ) -> Result<(), Error> {
        let code = self.code(&user.email);
        self.keep(tx, user, (kind, at), &code).await.map_err(Error::database(text))?;
        let variables = self.coded(user, kind, &code);
        let post = Post::new(kind, user, &user.email, variables, text).code(&code);
        self.deliver(tx, if kind == Kind::Invite { post } else { post.checked() }).await
    }

    /// Notes the code of a letter to the user's own address, sent or not.
    pub(crate) async fn keep(
        &self,
        tx: &mut Transaction,
        user: &User,
        (kind, at): (Kind, Timestamp),
        code: &Code,
    ) -> Result<(), pg::Error> {
        let purpose = match kind {
            Kind::Recovery | Kind::MagicLink => {
                one_time_tokens::sent_recovery(tx, user.id, &code.hash, at).await?;
                Purpose::Recovery
            }
            _ => {
                one_time_tokens::sent_confirmation(tx, user.id, &code.hash, at).await?;
                Purpose::Confirmation
            }
        };
        self.remember(tx, user, purpose, &user.email, code).await
    }

    /// Notes the code of one side of a change of the address, without sending it; returns it.
    pub(crate) async fn keep_email_change(
        &self,
        tx: &mut Transaction,
        user: &User,
        new: &str,
        is_new: bool,
    ) -> Result<Code, pg::Error> {
        let (purpose, contact) =
            if is_new { (Purpose::EmailChangeNew, new) } else { (Purpose::EmailChangeCurrent, &*user.email) };
        let code = self.code(contact);
        one_time_tokens::sent_email_change_to(tx, user.id, (new, is_new), &code.hash, self.state.clock.now()).await?;
        self.remember(tx, user, purpose, contact, &code).await?;
        Ok(code)
    }

    /// An error when the last letter is too recent.
    fn check_due(&self, last: Option<Timestamp>) -> Result<(), Error> {
        let (frequency, now) = (self.state.settings.mailer_max_frequency, self.state.clock.now());
        let seconds = last.and_then(|last| seconds_left(last, frequency, now));
        seconds.map_or(Ok(()), |seconds| Err(Error::EmailTooSoon(seconds)))
    }

    /// A new code for an address.
    pub(crate) fn code(&self, contact: &str) -> Code {
        Code::generate(self.state, contact, self.is_pkce)
    }

    /// What every letter can name.
    fn variables(&self, user: &User) -> Variables {
        Variables::new()
            .text("SiteURL", &self.state.settings.site_url)
            .text("Email", &user.email)
            .text("RedirectTo", self.redirect_to)
            .json("Data", &user.user_metadata)
    }

    fn coded(&self, user: &User, kind: Kind, code: &Code) -> Variables {
        self.variables(user)
            .text("ConfirmationURL", &self.link(kind, &code.hash))
            .text("Token", &code.digits)
            .text("TokenHash", &code.hash)
    }

    /// The link of a letter. Where it leads in the end is escaped only where it must be, as Supabase does; a space
    /// would end the link.
    pub(crate) fn link(&self, kind: Kind, hash: &str) -> String {
        let base = self.verify_url(kind);
        let redirect_to = if self.redirect_to.contains(['&', '=', '#', ' ']) {
            crate::query::escape(self.redirect_to)
        } else {
            self.redirect_to.to_owned()
        };
        let (base, fragment) = base.split_at(base.find('#').unwrap_or(base.len()));
        let start = if base.contains('?') { '&' } else { '?' };
        format!("{base}{start}token={hash}&type={}&redirect_to={redirect_to}{fragment}", action(kind))
    }

    fn verify_url(&self, kind: Kind) -> String {
        let paths = &self.state.settings.letters.urlpaths;
        let path = match kind {
            Kind::Invite => &paths.invite,
            Kind::Recovery | Kind::MagicLink => &paths.recovery,
            Kind::EmailChange => &paths.email_change,
            _ => &paths.confirmation,
        };
        let base = self.external_url();
        match path.as_str() {
            "" => format!("{base}/verify"),
            whole if whole.contains("://") => whole.to_owned(),
            path if path.starts_with("//") => format!("{}:{path}", base.split(':').next().unwrap_or("https")),
            path if path.starts_with('/') => format!("{}{path}", origin(&base)),
            path => format!("{base}/{path}"),
        }
    }

    /// The public address of this service: the setting's, or under the host that the request came by where that
    /// is one of the service's.
    fn external_url(&self) -> String {
        let settings = &self.state.settings;
        let url = settings.api_external_url.trim_end_matches('/');
        let host = self.client.host.as_deref().unwrap_or_default();
        let name = without_port(host);
        if host.is_empty() || !settings.letters.external_hosts.iter().any(|known| known == host || known == name) {
            return url.to_owned();
        }
        let is_plain = name == "localhost" && self.client.forwarded_proto.as_deref() == Some("http");
        let scheme = if is_plain { "http" } else { "https" };
        format!("{scheme}://{host}{}", &url[origin(url).len()..])
    }

    async fn remember(
        &self,
        tx: &mut Transaction,
        user: &User,
        purpose: Purpose,
        relates_to: &str,
        code: &Code,
    ) -> Result<(), pg::Error> {
        let (id, at) = (self.state.random.uuid(), self.state.clock.now());
        let token = NewToken { id, user_id: user.id, purpose, hash: &code.hash, relates_to, at };
        one_time_tokens::put(tx, &token).await
    }
}

/// A host without its port. What stands behind a colon and is no port belongs to the name, which then is none that is
/// known: anybody can send a header, and links must not lead to another host (`known.example:@other.example`).
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok() => name,
        _ => host,
    }
}

/// The `type` of a link in a letter.
pub(crate) fn action(kind: Kind) -> &'static str {
    match kind {
        Kind::Confirmation => "signup",
        Kind::MagicLink => "magiclink",
        other => other.name(),
    }
}

/// Scheme and host of an address.
fn origin(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    &url[..end]
}

/// The seconds that are left of the least time between two messages, at least one: after them it is over. Without a
/// least time none are, even where another clock is ahead.
pub(crate) fn seconds_left(last: Timestamp, frequency: Duration, now: Timestamp) -> Option<i64> {
    if frequency.is_zero() {
        return None;
    }
    let next = last.checked_add(SignedDuration::try_from(frequency).ok()?).ok()?;
    let left = next.duration_since(now);
    left.is_positive().then(|| left.as_secs() + i64::from(left.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_that_are_left_are_whole_and_enough() {
        let (last, minute) = (Timestamp::UNIX_EPOCH, Duration::from_secs(60));
        let left = |milliseconds| seconds_left(last, minute, last + Duration::from_millis(milliseconds));
        assert_eq!([0, 1, 59_000, 59_001, 59_999].map(left), [60, 60, 1, 1, 1].map(Some));
        assert_eq!(left(60_000), None);
        assert_eq!(seconds_left(last + minute, Duration::ZERO, last), None);
    }

    #[test]
    fn origins_end_before_the_path() {
        assert_eq!(origin("http://a.example:54321/auth/v1"), "http://a.example:54321");
        assert_eq!(origin("https://a.example"), "https://a.example");
    }
}
