//! Errors of codes, messages, invitations and hooks: the part of [`crate::error`]'s table that belongs to these
//! flows.

use std::borrow::Cow;

use authkit::hook::HookError;
use base::http::Failure;
use http::StatusCode;

use crate::error::Error;

/// Why a flow that needs a code, a message or a hook went no further.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Who asks for a code has no account and wants none.
    OtpDisabled,
    /// Links to sign in with are off.
    MagicLinkDisabled,
    /// `/magiclink` without an address.
    MagicLinkNeedsEmail,
    /// An address that mail must not be sent to.
    EmailNotAuthorized,
    /// An address that mail would not arrive at.
    EmailInvalid(String),
    /// Codes to phones are off.
    PhoneUnsupported,
    /// Something is to be resent to a phone, or to an address, and that is off.
    ResendDisabled { code: &'static str, text: &'static str },
    /// Signing in with a number that is not confirmed.
    PhoneNotConfirmed,
    /// Reauthentication of somebody who has confirmed nothing; what is missing.
    Unconfirmed { code: &'static str, text: &'static str },
    /// A code of this kind was sent too recently; the seconds to wait.
    SmsTooSoon(i64),
    /// The provider did not take the message.
    SmsNotSent { text: &'static str, cause: String },
    /// The provider that has made a code did not say whether it is right; why not.
    CodeNotChecked(String),
    /// There is nobody to send messages.
    NoSmsProvider,
    /// The mail server did not take the mail; the text that clients get.
    MailNotSent { text: &'static str, cause: String },
    /// A hook failed, or refused.
    Hook(HookError),
    /// The hook that is told of passwords rejects the attempt; what it says.
    PasswordRejected(String),
    /// A hook gave what it must not; what.
    HookOutput(Cow<'static, str>),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Refusal {
    /// Status, code and text.
    pub(crate) fn public(&self) -> (StatusCode, &'static str, Cow<'_, str>) {
        use StatusCode as S;
        match self {
            Self::OtpDisabled => (S::UNPROCESSABLE_ENTITY, "otp_disabled", "Signups not allowed for otp".into()),
            Self::MagicLinkDisabled => {
                (S::UNPROCESSABLE_ENTITY, "email_provider_disabled", "Login with magic link is disabled".into())
            }
            Self::MagicLinkNeedsEmail => {
                (S::UNPROCESSABLE_ENTITY, "validation_failed", "Signing in by link requires an email".into())
            }
            Self::EmailNotAuthorized => {
                (S::BAD_REQUEST, "email_address_not_authorized", "Mail can be sent to authorized addresses only".into())
            }
            Self::EmailInvalid(address) => {
                (S::BAD_REQUEST, "email_address_invalid", format!("Email address {address:?} is invalid").into())
            }
            Self::PhoneUnsupported => (S::BAD_REQUEST, "phone_provider_disabled", "Unsupported phone provider".into()),
            Self::ResendDisabled { code, text } => (S::BAD_REQUEST, code, (*text).into()),
            Self::PhoneNotConfirmed => (S::BAD_REQUEST, "phone_not_confirmed", "Phone not confirmed".into()),
            Self::Unconfirmed { code, text } => (S::UNPROCESSABLE_ENTITY, code, (*text).into()),
            Self::SmsTooSoon(seconds) => (
                S::TOO_MANY_REQUESTS,
                "over_sms_send_rate_limit",
                format!("For security purposes, you can only request this after {seconds} seconds.").into(),
            ),
            Self::SmsNotSent { text, .. } => (S::UNPROCESSABLE_ENTITY, "sms_send_failed", (*text).into()),
            Self::CodeNotChecked(_) => (S::FORBIDDEN, "otp_expired", "Token has expired or is invalid".into()),
            Self::NoSmsProvider => {
                (S::INTERNAL_SERVER_ERROR, "unexpected_failure", "Unable to get SMS provider".into())
            }
            Self::MailNotSent { text, .. } => (S::INTERNAL_SERVER_ERROR, "unexpected_failure", (*text).into()),
            Self::Hook(error) => hook(error),
            Self::PasswordRejected(message) => (S::BAD_REQUEST, "invalid_credentials", message.as_str().into()),
            Self::HookOutput(_) => {
                (S::INTERNAL_SERVER_ERROR, "unexpected_failure", "The hook's output is not valid".into())
            }
        }
    }

    /// The real cause, for operators.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::SmsNotSent { cause, .. } | Self::MailNotSent { cause, .. } | Self::CodeNotChecked(cause) => {
                Some(Failure::new(cause.clone()))
            }
            Self::NoSmsProvider => {
                Some(Failure::new("codes cannot be sent to phones: no provider is configured".to_owned()))
            }
            Self::Hook(error) => Some(Failure::new(chain(error))),
            Self::HookOutput(why) => Some(Failure::new(format!("the hook's output is not valid: {why}"))),
            _ => None,
        }
    }
}

fn hook(error: &HookError) -> (StatusCode, &'static str, Cow<'_, str>) {
    let (status, code) = match error {
        HookError::Timeout(_) => (StatusCode::UNPROCESSABLE_ENTITY, "hook_timeout"),
        HookError::Unreachable(_) => (StatusCode::UNPROCESSABLE_ENTITY, "hook_timeout_after_retry"),
        HookError::ContentType(_) => (StatusCode::BAD_REQUEST, "hook_payload_invalid_content_type"),
        HookError::TooLong(_) => (StatusCode::UNPROCESSABLE_ENTITY, "hook_payload_over_size_limit"),
        HookError::Refused(fault) => return refused(fault.status, &fault.message),
        HookError::Broken(_)
        | HookError::NotJson(_)
        | HookError::NoObject
        | HookError::Unreadable
        | HookError::Unavailable
        | HookError::InvalidInput
        | HookError::Unauthorized
        | HookError::Status(_) => (StatusCode::INTERNAL_SERVER_ERROR, "unexpected_failure"),
    };
    (status, code, error.to_string().into())
}

/// What a hook says itself reaches the client, with the status that it asks for.
fn refused(status: u16, message: &str) -> (StatusCode, &'static str, Cow<'_, str>) {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let code = if status == StatusCode::INTERNAL_SERVER_ERROR { "unexpected_failure" } else { "unknown" };
    (status, code, message.into())
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
