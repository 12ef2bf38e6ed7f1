//! Finding out whose link or code it is, and whether it is still good.

use jiff::SignedDuration;
use pg::Transaction;

use crate::error::Error;
use crate::model::one_time_tokens::{self, Purpose};
use crate::model::users::{self, User};
use crate::one_time::PKCE_PREFIX;
use crate::state::State;
use crate::tokens::Proof;

/// What the caller says that the link or code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Signup,
    Invite,
    Recovery,
    MagicLink,
    EmailChange,
    /// Confirmation or recovery, whichever it is.
    Email,
    Sms,
    PhoneChange,
}

impl Kind {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "signup" => Self::Signup,
            "invite" => Self::Invite,
            "recovery" => Self::Recovery,
            "magiclink" => Self::MagicLink,
            "email_change" => Self::EmailChange,
            "email" => Self::Email,
            "sms" => Self::Sms,
            "phone_change" => Self::PhoneChange,
            _ => return None,
        })
    }

    /// Whether it comes by mail.
    pub(super) fn is_of_mail(&self) -> bool {
        !matches!(self, Self::Sms | Self::PhoneChange)
    }

    fn purposes(self) -> &'static [Purpose] {
        match self {
            Self::Signup | Self::Invite => &[Purpose::Confirmation],
            Self::Recovery | Self::MagicLink => &[Purpose::Recovery],
            Self::EmailChange => &[Purpose::EmailChangeCurrent, Purpose::EmailChangeNew],
            Self::Email => &[Purpose::Confirmation, Purpose::Recovery],
            // No code is sent to a phone, so there is none to be found.
            Self::Sms | Self::PhoneChange => &[],
        }
    }

    /// How the session counts that a code from this link is exchanged for.
    pub(super) fn proof(self, purpose: Purpose) -> Proof {
        match (self, purpose) {
            (Self::Invite, _) => Proof::Invite,
            (Self::Recovery, _) => Proof::Recovery,
            (_, Purpose::Confirmation) => Proof::EmailSignup,
            (_, Purpose::Recovery) => Proof::MagicLink,
            (_, Purpose::EmailChangeCurrent | Purpose::EmailChangeNew) => Proof::EmailChange,
        }
    }
}

/// A link or code that is presented.
pub(super) struct Claim {
    pub(super) kind: Kind,
    hashes: Vec<String>,
    /// The audience that the user must be of; links need none.
    audience: Option<String>,
}

impl Claim {
    /// The hash from a link.
    pub(super) fn link(kind: Kind, hash: &str) -> Self {
        Self { kind, hashes: vec![hash.to_owned()], audience: None }
    }

    /// The hash of a code that was typed in, whichever way the flow was started.
    pub(super) fn code(kind: Kind, hash: &str, audience: String) -> Self {
        Self { kind, hashes: vec![hash.to_owned(), format!("{PKCE_PREFIX}{hash}")], audience: Some(audience) }
    }

    /// One answer to all that is wrong, so that nobody learns which codes there are.
    fn refused(&self) -> Error {
        Error::OtpExpired(match self.audience {
            None => "Email link is invalid or has expired",
            Some(_) => "Token has expired or is invalid",
        })
    }
}

/// Takes the code; returns its user and what it is for.
pub(super) async fn take(state: &State, tx: &mut Transaction, claim: &Claim) -> Result<(User, Purpose), Error> {
    let failed = Error::database("Database error finding user from email link");
    let taken = one_time_tokens::take(tx, &claim.hashes, claim.kind.purposes()).await.map_err(&failed)?;
    let taken = taken.ok_or_else(|| claim.refused())?;
    let user = users::reload(tx, taken.user_id).await.map_err(&failed)?;
    let is_of_audience = |user: &User| claim.audience.as_ref().is_none_or(|audience| *audience == user.aud);
    let user = user.filter(is_of_audience).ok_or_else(|| claim.refused())?;
    if user.is_banned(state.clock.now()) {
        return Err(Error::Banned);
    }
    let sent_at = match taken.purpose {
        Purpose::Confirmation => user.confirmation_sent_at,
        Purpose::Recovery => user.recovery_sent_at,
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => user.email_change_sent_at,
    };
    let lifetime = SignedDuration::try_from(state.settings.mailer_otp_exp).unwrap_or(SignedDuration::MAX);
    let is_good =
        sent_at.is_some_and(|sent_at| sent_at.saturating_add(lifetime).is_ok_and(|end| state.clock.now() <= end));
    if is_good { Ok((user, taken.purpose)) } else { Err(claim.refused()) }
}
