//! Finding out whose link or code it is, and whether it is still good.

use jiff::SignedDuration;
use pg::Transaction;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::error::Error;
use crate::model::one_time_tokens::{self, Purpose};
use crate::model::users::{self, User};
use crate::sms;
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
            Self::Sms => &[Purpose::Confirmation],
            Self::PhoneChange => &[Purpose::PhoneChange],
        }
    }

    /// Whether a code that was sent to a contact proves what it is presented for: one for a number says nothing
    /// about the address, and what is the user's no more says nothing at all.
    fn is_about(self, user: &User, purpose: Purpose, contact: &str) -> bool {
        let is_sent_to = |address: &str| address.to_lowercase() == contact.to_lowercase();
        match purpose {
            Purpose::Confirmation if !self.is_of_mail() => is_sent_to(&user.phone),
            Purpose::Confirmation | Purpose::Recovery | Purpose::EmailChangeCurrent => is_sent_to(&user.email),
            Purpose::EmailChangeNew => is_sent_to(&user.new_email),
            Purpose::PhoneChange => is_sent_to(&user.new_phone),
            Purpose::Reauthentication => false,
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
            // Codes for phones are typed in, so that a session is opened at once.
            (_, Purpose::PhoneChange | Purpose::Reauthentication) => Proof::Otp,
        }
    }
}

/// What is told of a code that is wrong, used up or too old.
pub(super) const NOT_FOUND: Error = Error::OtpExpired("Token has expired or is invalid");

/// What is told when the database fails.
const FAILED: &str = "Database error finding user from email link";

/// A link or code that is presented.
pub(super) struct Claim {
    pub(super) kind: Kind,
    hashes: Vec<String>,
    /// The audience that the user must be of; links need none.
    audience: Option<String>,
    /// The address or number that a code was typed in for; links name none.
    pub(super) contact: Option<String>,
    /// The number and the code that was sent to it.
    phone: Option<(String, String)>,
}

impl Claim {
    /// The hash from a link.
    pub(super) fn link(kind: Kind, hash: &str) -> Self {
        Self { kind, hashes: vec![hash.to_owned()], audience: None, contact: None, phone: None }
    }

    /// A code that was sent to an address, whichever way the flow was started.
    pub(super) fn code(state: &State, kind: Kind, email: String, code: &str, audience: String) -> Self {
        let mut hashes = state.code_key.accepted(&email, code).to_vec();
        hashes.extend(hashes.clone().iter().map(|hash| authkit::otp::pkce(hash)));
        Self { kind, hashes, audience: Some(audience), contact: Some(email), phone: None }
    }

    /// A code that was sent to a phone.
    pub(super) fn phone_code(state: &State, kind: Kind, number: String, code: &str, audience: String) -> Self {
        let hashes = state.code_key.accepted(&number, code).to_vec();
        let phone = Some((number.clone(), code.to_owned()));
        Self { kind, hashes, audience: Some(audience), contact: Some(number), phone }
    }

    /// One answer to all that is wrong, so that nobody learns which codes there are.
    fn refused(&self) -> Error {
        Error::OtpExpired(match self.audience {
            None => "Email link is invalid or has expired",
            Some(_) => return NOT_FOUND,
        })
    }
}

/// What is known of a code before it is taken.
pub(super) enum Known {
    /// Nothing: the database decides.
    Nothing,
    /// It is right for this user and number, whatever is kept.
    Right(Uuid, String),
}

/// Looks at codes that somebody else decides on: those of settings, and those that a provider has made. An error for one
/// that is wrong.
pub(super) async fn ask(state: &State, claim: &Claim) -> Result<Known, Error> {
    let (Some((number, code)), Some(audience)) = (&claim.phone, &claim.audience) else { return Ok(Known::Nothing) };
    // The code comes first, whether anybody has the number or not: the time it takes tells nothing of accounts.
    let test_code = state.settings.sms.test_code(number, state.clock.now());
    let is_test = test_code.is_some_and(|known| known.as_bytes().ct_eq(code.as_bytes()).into());
    let provider = sms::maker_of_codes(state).filter(|_| test_code.is_none());
    let is_right = match provider {
        Some(provider) => sms::check_made_code(&**provider, number, code).await?,
        None if is_test => true,
        None => return Ok(Known::Nothing),
    };
    if !is_right {
        return Err(claim.refused());
    }
    let user = match claim.kind {
        Kind::PhoneChange => users::find_by_phone_change(&state.db, number, audience).await,
        _ => users::find_by_phone(&state.db, number, audience).await,
    };
    let user = user.map_err(Error::database("Database error finding user"))?;
    user.map(|user| Known::Right(user.id, number.clone())).ok_or_else(|| claim.refused())
}

/// Whose code it is.
pub(super) async fn owner(state: &State, claim: &Claim, known: &Known) -> Result<Uuid, Error> {
    let owner = match known {
        Known::Right(user_id, _) => Some(*user_id),
        Known::Nothing => {
            let Claim { kind, hashes, contact, .. } = claim;
            let owner = one_time_tokens::owner(&state.db, hashes, kind.purposes(), contact.as_deref()).await;
            owner.map_err(Error::database(FAILED))?
        }
    };
    owner.ok_or_else(|| claim.refused())
}

/// Takes the code of its owner; returns the user and what it is for.
pub(super) async fn take(
    state: &State,
    tx: &mut Transaction,
    claim: &Claim,
    (owner, known): (Uuid, &Known),
) -> Result<(User, Purpose), Error> {
    let failed = Error::database(FAILED);
    users::hold(tx, owner).await.map_err(&failed)?;
    let (purpose, relates_to) = match known {
        Known::Right(_, number) => (claim.kind.purposes()[0], number.clone()),
        Known::Nothing => {
            let Claim { kind, hashes, contact, .. } = claim;
            let taken = one_time_tokens::take(tx, owner, hashes, kind.purposes(), contact.as_deref()).await;
            let taken = taken.map_err(&failed)?.ok_or_else(|| claim.refused())?;
            (taken.purpose, taken.relates_to)
        }
    };
    let user = users::reload(tx, owner).await.map_err(&failed)?;
    let is_of_audience = |user: &User| claim.audience.as_ref().is_none_or(|audience| *audience == user.aud);
    let user = user.filter(|user| is_of_audience(user) && user.deleted_at.is_none()).ok_or_else(|| claim.refused())?;
    if user.is_banned(state.clock.now()) {
        return Err(Error::Banned);
    }
    if !claim.kind.is_about(&user, purpose, &relates_to) {
        return Err(claim.refused());
    }
    let sent_at = match purpose {
        Purpose::Confirmation => user.confirmation_sent_at,
        Purpose::Recovery => user.recovery_sent_at,
        Purpose::EmailChangeCurrent | Purpose::EmailChangeNew => user.email_change_sent_at,
        Purpose::PhoneChange => user.phone_change_sent_at,
        Purpose::Reauthentication => user.reauthentication_sent_at,
    };
    let settings = &state.settings;
    let lifetime = if claim.kind.is_of_mail() { settings.mailer_otp_exp } else { settings.sms.otp_exp };
    let lifetime = SignedDuration::try_from(lifetime).unwrap_or(SignedDuration::MAX);
    let is_good =
        sent_at.is_some_and(|sent_at| sent_at.saturating_add(lifetime).is_ok_and(|end| state.clock.now() <= end));
    // What was found right counts whenever it was sent, but a change of number must be under way.
    let is_pending = purpose != Purpose::PhoneChange || sent_at.is_some();
    let is_good = is_good || matches!(known, Known::Right(..)) && is_pending;
    if is_good { Ok((user, purpose)) } else { Err(claim.refused()) }
}
