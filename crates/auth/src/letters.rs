//! Mails with links and codes. A mail is written in the transaction of its cause: what fails sends nothing, and
//! what was not sent did not happen.

use std::time::Duration;

use authkit::mail::{self, Content, Facts};
use jiff::{SignedDuration, Timestamp};
use pg::Transaction;
use serde_json::json;

use crate::error::Error;
use crate::model::mailbox::{self, NewMail};
use crate::model::one_time_tokens::{self, EmailChange, NewToken, Purpose};
use crate::model::users::User;
use crate::one_time::Code;
use crate::state::State;

/// What all letters of a request have in common.
pub(crate) struct Letters<'a> {
    pub(crate) state: &'a State,
    /// Where the links lead in the end.
    pub(crate) redirect_to: &'a str,
    /// Whether the links end in a code to be exchanged.
    pub(crate) is_pkce: bool,
}

impl Letters<'_> {
    /// Asks a user to confirm the address.
    pub(crate) async fn confirmation(&self, tx: &mut Transaction, user: &User) -> Result<(), Error> {
        let failed = Error::database("Error sending confirmation email");
        let at = self.due(user.confirmation_sent_at)?;
        let code = self.code(&user.email);
        let content = mail::confirmation(&self.facts(&self.link(&code.hash, "signup"), &code));
        self.keep(tx, &user.email, &content, at).await.map_err(&failed)?;
        one_time_tokens::sent_confirmation(tx, user.id, &code.hash, at).await.map_err(&failed)?;
        self.remember(tx, user, Purpose::Confirmation, &user.email, &code, at).await.map_err(&failed)
    }

    /// Lets a user choose a new password.
    pub(crate) async fn recovery(&self, tx: &mut Transaction, user: &User) -> Result<(), Error> {
        let failed = Error::database("Error sending recovery email");
        let at = self.due(user.recovery_sent_at)?;
        let code = self.code(&user.email);
        let content = mail::recovery(&self.facts(&self.link(&code.hash, "recovery"), &code));
        self.keep(tx, &user.email, &content, at).await.map_err(&failed)?;
        one_time_tokens::sent_recovery(tx, user.id, &code.hash, at).await.map_err(&failed)?;
        self.remember(tx, user, Purpose::Recovery, &user.email, &code, at).await.map_err(&failed)
    }

    /// Asks at the new address, and at the old one where that must agree too, for a change of the address.
    pub(crate) async fn email_change(&self, tx: &mut Transaction, user: &User, new: &str) -> Result<(), Error> {
        let failed = Error::database("Error sending email change email");
        let at = self.due(user.email_change_sent_at)?;
        let code = self.code(new);
        let content = mail::email_change(&self.facts(&self.link(&code.hash, "email_change"), &code), &user.email, new);
        self.keep(tx, new, &content, at).await.map_err(&failed)?;
        self.remember(tx, user, Purpose::EmailChangeNew, new, &code, at).await.map_err(&failed)?;
        let mut current_hash = String::new();
        if self.state.settings.mailer_secure_email_change && !user.email.is_empty() {
            let code = self.code(&user.email);
            let link = self.link(&code.hash, "email_change");
            let content = mail::email_change(&self.facts(&link, &code), &user.email, new);
            self.keep(tx, &user.email, &content, at).await.map_err(&failed)?;
            self.remember(tx, user, Purpose::EmailChangeCurrent, &user.email, &code, at).await.map_err(&failed)?;
            current_hash = code.hash;
        }
        let change =
            EmailChange { user_id: user.id, new_email: new, new_hash: &code.hash, current_hash: &current_hash, at };
        one_time_tokens::sent_email_change(tx, &change).await.map_err(&failed)
    }

    /// The time of a mail; an error when the last one of its kind is too recent.
    fn due(&self, last: Option<Timestamp>) -> Result<Timestamp, Error> {
        let now = self.state.clock.now();
        let Some(last) = last else { return Ok(now) };
        match left(last, self.state.settings.mailer_max_frequency, now) {
            Some(seconds) => Err(Error::EmailTooSoon(seconds)),
            None => Ok(now),
        }
    }

    fn code(&self, contact: &str) -> Code {
        Code::generate(&self.state.random, self.state.settings.mailer_otp_length, contact, self.is_pkce)
    }

    /// The link of a mail. Where it leads in the end is escaped only where it must be, as Supabase does.
    fn link(&self, hash: &str, kind: &str) -> String {
        let base = self.state.settings.api_external_url.trim_end_matches('/');
        let redirect_to = if self.redirect_to.contains(['&', '=', '#']) {
            crate::query::escape(self.redirect_to)
        } else {
            self.redirect_to.to_owned()
        };
        format!("{base}/verify?token={hash}&type={kind}&redirect_to={redirect_to}")
    }

    fn facts<'a>(&'a self, link: &'a str, code: &'a Code) -> Facts<'a> {
        Facts { site_url: &self.state.settings.site_url, link, code: &code.digits }
    }

    async fn keep(&self, tx: &mut Transaction, to: &str, content: &Content, at: Timestamp) -> Result<(), pg::Error> {
        let settings = &self.state.settings;
        let from = match &*settings.mailer_from_name {
            "" => settings.mailer_from.clone(),
            name => format!("{name} <{}>", settings.mailer_from),
        };
        let id = self.state.random.uuid();
        let headers = json!({
            "From": [from], "To": [to], "Subject": [content.subject], "Message-ID": [format!("<{id}@vestibule>")],
        });
        let mail = NewMail {
            id,
            at,
            from: &from,
            to: vec![to],
            subject: &content.subject,
            html: &content.html,
            plain: &content.plain,
            headers,
        };
        mailbox::insert(tx, &mail).await
    }

    async fn remember(
        &self,
        tx: &mut Transaction,
        user: &User,
        purpose: Purpose,
        relates_to: &str,
        code: &Code,
        at: Timestamp,
    ) -> Result<(), pg::Error> {
        let id = self.state.random.uuid();
        let token = NewToken { id, user_id: user.id, purpose, hash: &code.hash, relates_to, at };
        one_time_tokens::put(tx, &token).await
    }
}

/// The whole seconds that are left of the least time between two mails.
fn left(last: Timestamp, frequency: Duration, now: Timestamp) -> Option<i64> {
    let next = last.checked_add(SignedDuration::try_from(frequency).ok()?).ok()?;
    (next > now).then(|| next.duration_since(now).as_secs())
}
