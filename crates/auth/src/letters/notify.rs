//! Letters that only tell what has happened. They are sent where they are switched on, and when one fails, what
//! it tells happens all the same. Nobody waits for who sends them outside, which begins when what they tell lasts;
//! the mailbox and hooks in the database write in the same transaction.

use authkit::template::Kind;
use pg::Transaction;

use super::deliver::Post;
use super::{Letters, background};
use crate::error::Error;
use crate::limits::{self, Sending};
use crate::model::users::User;

/// What has happened to an account.
pub(crate) enum News<'a> {
    PasswordSet,
    /// The address was this one.
    NewEmail {
        old: &'a str,
    },
    /// The number was this one.
    NewPhone {
        old: &'a str,
    },
    /// There is a further way to sign in.
    IdentityLinked {
        provider: &'a str,
    },
    /// A way to sign in is gone.
    IdentityUnlinked {
        provider: &'a str,
    },
    /// A second factor counts from now on.
    FactorEnrolled {
        kind: &'a str,
    },
    /// A second factor is gone.
    FactorUnenrolled {
        kind: &'a str,
    },
}

impl News<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::PasswordSet => Kind::PasswordChanged,
            Self::NewEmail { .. } => Kind::EmailChanged,
            Self::NewPhone { .. } => Kind::PhoneChanged,
            Self::IdentityLinked { .. } => Kind::IdentityLinked,
            Self::IdentityUnlinked { .. } => Kind::IdentityUnlinked,
            Self::FactorEnrolled { .. } => Kind::MfaFactorEnrolled,
            Self::FactorUnenrolled { .. } => Kind::MfaFactorUnenrolled,
        }
    }
}

const SAVEPOINT: &str = "savepoint notification";
const RELEASE: &str = "release savepoint notification";
const BACK: &str = "rollback to savepoint notification";

impl Letters<'_> {
    /// Tells the user, at the address from before the event, if there is one.
    ///
    /// # Errors
    /// Only when the transaction itself cannot go on.
    pub(crate) async fn notify(&self, tx: &mut Transaction, user: &User, news: News<'_>) -> Result<(), Error> {
        let kind = news.kind();
        let to = match news {
            News::NewEmail { old } => old,
            _ => &user.email,
        };
        if to.is_empty() || !self.state.settings.letters.notifications.contains(&kind) {
            return Ok(());
        }
        if let Some(sending) = self.without_request(self.news(user, to, &news)) {
            match limits::check_sending(self.state, Sending::Mail).await {
                Ok(()) => self.state.background.start_after(tx, kind, sending),
                Err(error) => background::warn(kind, &error),
            }
            return Ok(());
        }
        let failed = Error::database("Error sending notification email");
        tx.batch(SAVEPOINT).await.map_err(&failed)?;
        match self.deliver(tx, self.news(user, to, &news)).await {
            Ok(()) => tx.batch(RELEASE).await.map_err(failed),
            Err(error) => {
                background::warn(kind, &error);
                tx.batch(BACK).await.map_err(failed)
            }
        }
    }

    fn news<'p>(&self, user: &'p User, to: &'p str, news: &News<'_>) -> Post<'p> {
        let variables = self.variables(user);
        let post = |variables| Post::new(news.kind(), user, to, variables, "Error sending notification email");
        match news {
            News::PasswordSet => post(variables),
            News::NewEmail { old } => post(variables.text("OldEmail", old)).tell("old_email", old),
            News::NewPhone { old } => {
                post(variables.text("Phone", &user.phone).text("OldPhone", old)).tell("old_phone", old)
            }
            News::IdentityLinked { provider } | News::IdentityUnlinked { provider } => {
                post(variables.text("Provider", provider)).tell("provider", provider)
            }
            News::FactorEnrolled { kind } | News::FactorUnenrolled { kind } => {
                post(variables.text("FactorType", kind)).tell("factor_type", kind)
            }
        }
    }
}
