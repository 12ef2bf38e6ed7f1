//! The kinds of second factors.

use http::StatusCode;

use super::denials::WEBAUTHN_ENROLL_DISABLED;
use super::settings::MfaSettings;
use crate::denial::Denial;

/// A kind of second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An authenticator app.
    Totp,
    /// A phone that gets codes.
    Phone,
    /// A security key. None can be added yet; a restored database may hold some.
    Webauthn,
}

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

impl Kind {
    /// The kind with a name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Totp, Self::Phone, Self::Webauthn].into_iter().find(|kind| kind.name() == name)
    }

    /// The name in factors.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Phone => "phone",
            Self::Webauthn => "webauthn",
        }
    }

    /// The name of the method in the `amr` claim.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Phone => "mfa/phone",
            Self::Webauthn => "mfa/webauthn",
        }
    }

    /// Whether factors of this kind may be added.
    pub(crate) fn check_enroll(self, settings: &MfaSettings) -> Result<(), Denial> {
        let (is_enabled, code, text) = match self {
            Self::Totp => {
                (settings.totp_enroll_enabled, "mfa_totp_enroll_not_enabled", "MFA enroll is disabled for TOTP")
            }
            Self::Phone => {
                (settings.phone_enroll_enabled, "mfa_phone_enroll_not_enabled", "MFA enroll is disabled for Phone")
            }
            Self::Webauthn => return Err(WEBAUTHN_ENROLL_DISABLED),
        };
        if is_enabled { Ok(()) } else { Err(Denial::new(UNPROCESSABLE, code, text)) }
    }

    /// Whether factors of this kind may be used.
    pub(crate) fn check_verify(self, settings: &MfaSettings) -> Result<(), Denial> {
        let (is_enabled, code, text) = match self {
            Self::Totp => {
                (settings.totp_verify_enabled, "mfa_totp_verify_not_enabled", "MFA verification is disabled for TOTP")
            }
            Self::Phone => (
                settings.phone_verify_enabled,
                "mfa_phone_verify_not_enabled",
                "MFA verification is disabled for Phone",
            ),
            Self::Webauthn => (false, "mfa_webauthn_verify_not_enabled", "MFA verification is disabled for WebAuthn"),
        };
        if is_enabled { Ok(()) } else { Err(Denial::new(UNPROCESSABLE, code, text)) }
    }
}
