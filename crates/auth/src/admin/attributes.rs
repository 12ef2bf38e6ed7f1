//! What an administrator may give a user.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::error::Error;
use crate::metadata::Fields;
use crate::model::users::{EMAIL_KEY, PHONE_KEY, PRIMARY_KEY};

/// The body of create and update. Some fields count in one of them only.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Attributes {
    pub(super) id: String,
    pub(super) aud: String,
    pub(super) role: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) password: Option<String>,
    pub(super) password_hash: String,
    pub(super) email_confirm: bool,
    pub(super) phone_confirm: bool,
    pub(super) user_metadata: Option<Fields>,
    pub(super) app_metadata: Option<Fields>,
    pub(super) ban_duration: String,
}

/// What becomes of a ban.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ban {
    /// Stays as it is.
    Unchanged,
    /// Ends, or never was.
    Lifted,
    /// Until then.
    Until(Timestamp),
}

/// How many characters the columns `aud` and `role` take.
const LONGEST_NAME: usize = 255;

impl Attributes {
    /// The role, where one is given.
    ///
    /// # Errors
    /// When role or audience do not fit into their columns.
    pub(super) fn checked_role(&self) -> Result<Option<&str>, Error> {
        for (name, value) in [("role", &self.role), ("aud", &self.aud)] {
            if value.chars().count() > LONGEST_NAME {
                return Err(Error::validation(format!("{name} cannot be longer than {LONGEST_NAME} characters")));
            }
        }
        Ok(Some(self.role.trim()).filter(|role| !role.is_empty()))
    }

    /// The address in the form in which it is stored; `None` when there is none.
    pub(super) fn checked_email(&self) -> Result<Option<String>, Error> {
        if self.email.is_empty() { Ok(None) } else { Ok(Some(authkit::address::email(&self.email)?)) }
    }

    /// The number in the form in which it is stored; `None` when there is none.
    pub(super) fn checked_phone(&self) -> Result<Option<String>, Error> {
        if self.phone.is_empty() {
            return Ok(None);
        }
        let phone = authkit::address::phone(&self.phone);
        phone.map(Some).ok_or_else(|| Error::validation("Invalid phone number format (E.164 required)"))
    }

    /// The ban: `none`, or a duration from now on. One of zero lifts it too.
    pub(super) fn ban(&self, now: Timestamp) -> Result<Ban, Error> {
        match &*self.ban_duration {
            "" => Ok(Ban::Unchanged),
            "none" => Ok(Ban::Lifted),
            text => {
                let nanoseconds = authkit::duration::parse(text)
                    .map_err(|error| Error::validation(format!("invalid format for ban duration: {error}")))?;
                if nanoseconds == 0 {
                    return Ok(Ban::Lifted);
                }
                let until = now.saturating_add(SignedDuration::from_nanos(nanoseconds)).unwrap_or(Timestamp::MAX);
                Ok(Ban::Until(until))
            }
        }
    }
}

/// A failed write: what is taken is told, the rest is the text that the caller gives.
pub(super) fn failed(text: &'static str) -> impl Fn(pg::Error) -> Error {
    move |error| match error.constraint_in("auth") {
        Some(EMAIL_KEY) => Error::EmailExists,
        Some(PHONE_KEY) => Error::PhoneExists("A user with this phone number has already been registered"),
        Some(PRIMARY_KEY) => Error::IdExists,
        _ => Error::Database(text, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(text: &str) -> Result<Ban, Error> {
        Attributes { ban_duration: text.to_owned(), ..Attributes::default() }.ban(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn bans_are_go_durations_or_none() {
        assert_eq!(ban("").unwrap(), Ban::Unchanged);
        assert_eq!(ban("none").unwrap(), Ban::Lifted);
        assert_eq!(ban("0s").unwrap(), Ban::Lifted);
        assert_eq!(ban("24h").unwrap(), Ban::Until("1970-01-02T00:00:00Z".parse().unwrap()));
        assert_eq!(ban("-1h").unwrap(), Ban::Until("1969-12-31T23:00:00Z".parse().unwrap()));
        for wrong in ["1d", "forever", "10"] {
            assert!(matches!(ban(wrong), Err(Error::Validation(_))), "{wrong}");
        }
    }
}
