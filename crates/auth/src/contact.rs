//! What an account is reached by: an email address or a phone number.

use pg::{Db, Transaction};

use crate::hooks::HookName;
use crate::model::users::{self, User};

/// An address or number in the form in which it is stored and compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    Email(String),
    Phone(String),
}

impl Contact {
    /// The provider of the identity that goes with it.
    pub(crate) fn provider(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Phone(_) => "phone",
        }
    }

    /// The address; `None` for a number.
    pub(crate) fn email(&self) -> Option<&str> {
        match self {
            Self::Email(email) => Some(email),
            Self::Phone(_) => None,
        }
    }

    /// The number; `None` for an address.
    pub(crate) fn phone(&self) -> Option<&str> {
        match self {
            Self::Email(_) => None,
            Self::Phone(phone) => Some(phone),
        }
    }

    /// The hook that sends what goes there.
    pub(crate) fn sender(&self) -> HookName {
        match self {
            Self::Email(_) => HookName::SendEmail,
            Self::Phone(_) => HookName::SendSms,
        }
    }

    /// The user who has it in an audience; not one of single sign-on.
    pub(crate) async fn find_user(&self, db: &Db, aud: &str) -> Result<Option<User>, pg::Error> {
        match self {
            Self::Email(email) => users::find_by_email(db, email, aud).await,
            Self::Phone(phone) => users::find_by_phone(db, phone, aud).await,
        }
    }

    /// Locks a user who was found by it and reads the row again; `None` when the user is gone, or has another address
    /// or number by now. Comes first in a transaction, as wherever several things of a user are written.
    pub(crate) async fn lock_user(&self, tx: &mut Transaction, found: &User) -> Result<Option<User>, pg::Error> {
        let user = users::lock(tx, found.id).await?;
        Ok(user.filter(|user| self.of(user) == self.of(found) && user.aud == found.aud))
    }

    fn of<'a>(&self, user: &'a User) -> &'a str {
        match self {
            Self::Email(_) => &user.email,
            Self::Phone(_) => &user.phone,
        }
    }

    /// Whether somebody has confirmed it, in whatever audience.
    pub(crate) async fn is_confirmed_anywhere(&self, db: &Db) -> Result<bool, pg::Error> {
        match self {
            Self::Email(email) => users::is_email_confirmed(db, email).await,
            Self::Phone(phone) => users::is_phone_confirmed(db, phone).await,
        }
    }

    /// Whether the user has confirmed it.
    pub(crate) fn is_confirmed_by(&self, user: &User) -> bool {
        match self {
            Self::Email(_) => user.email_confirmed_at.is_some(),
            Self::Phone(_) => user.phone_confirmed_at.is_some(),
        }
    }
}
