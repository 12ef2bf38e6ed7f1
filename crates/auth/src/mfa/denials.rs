//! What is refused around second factors.

use http::StatusCode;

use crate::denial::Denial;

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

pub(crate) const FACTOR_NOT_FOUND: Denial =
    Denial::new(StatusCode::NOT_FOUND, "mfa_factor_not_found", "Factor not found");

/// No such challenge, or no factor that a recovery code could stand for.
pub(super) const CHALLENGE_NOT_FOUND: Denial =
    Denial::new(UNPROCESSABLE, "mfa_factor_not_found", "MFA factor with the provided challenge ID not found");

pub(super) const NO_VERIFIED_FACTOR: Denial =
    Denial::new(UNPROCESSABLE, "mfa_factor_not_found", "No verified factor found");

pub(super) const TOO_MANY_FACTORS: Denial = Denial::new(
    UNPROCESSABLE,
    "too_many_enrolled_mfa_factors",
    "Maximum number of factors reached, unenroll one to continue",
);

pub(super) const WEBAUTHN_ENROLL_DISABLED: Denial =
    Denial::new(UNPROCESSABLE, "mfa_webauthn_enroll_not_enabled", "MFA enroll is disabled for WebAuthn");

/// Another factor of the user has this number.
pub(crate) const PHONE_TAKEN: Denial = Denial::new(
    UNPROCESSABLE,
    "mfa_verified_factor_exists",
    "A verified phone factor already exists, unenroll the existing factor to continue",
);

pub(super) const ENROLL_NEEDS_AAL2: Denial =
    Denial::new(StatusCode::FORBIDDEN, "insufficient_aal", "AAL2 required to enroll a new factor");

pub(super) const VERIFY_NEEDS_AAL2: Denial =
    Denial::new(StatusCode::FORBIDDEN, "insufficient_aal", "AAL2 required to verify another factor");

pub(super) const UNENROLL_NEEDS_AAL2: Denial =
    Denial::new(UNPROCESSABLE, "insufficient_aal", "AAL2 required to unenroll verified factor");

pub(super) const CODES_NEED_AAL2: Denial =
    Denial::new(StatusCode::FORBIDDEN, "insufficient_aal", "AAL2 required to manage recovery codes");

pub(super) const OTHER_ADDRESS: Denial =
    Denial::new(UNPROCESSABLE, "mfa_ip_address_mismatch", "Challenge and verify IP addresses mismatch");

pub(super) const WRONG_CODE: Denial =
    Denial::new(UNPROCESSABLE, "mfa_verification_failed", "Invalid TOTP code entered");

pub(super) const WRONG_PHONE_CODE: Denial =
    Denial::new(UNPROCESSABLE, "mfa_verification_failed", "Invalid MFA Phone code entered");

/// A code that the provider has made, and says is wrong.
pub(super) const WRONG_PROVIDER_CODE: Denial =
    Denial::new(StatusCode::FORBIDDEN, "otp_expired", "Token has expired or is invalid");

pub(super) const WRONG_RECOVERY_CODE: Denial =
    Denial::new(UNPROCESSABLE, "mfa_verification_failed", "Invalid recovery code entered");

/// A challenge that is too old.
pub(super) fn challenge_expired(id: uuid::Uuid) -> Denial {
    let text = format!("MFA challenge {id} has expired, verify against another challenge or create a new challenge.");
    Denial::telling(UNPROCESSABLE, "mfa_challenge_expired", text)
}

/// Another factor of the user has this name.
pub(crate) fn name_conflict(name: &str) -> Denial {
    let text = format!("A factor with the friendly name {name:?} for this user already exists");
    Denial::telling(UNPROCESSABLE, "mfa_factor_name_conflict", text)
}

/// The hook that is told of attempts rejects this one, and says so or not.
pub(super) fn rejected(message: String) -> Denial {
    let text =
        if message.is_empty() { "The attempt was rejected, and so are further ones.".to_owned() } else { message };
    Denial::telling(StatusCode::FORBIDDEN, "mfa_verification_rejected", text)
}
