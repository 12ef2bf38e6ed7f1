//! Everything that can go wrong, and the one table that gives it status, code and text.
//!
//! Codes and texts are Supabase's where clients know them. How they are laid out depends on the version that
//! the request asks for, so the body is made in [`crate::answer`], once, where the request is at hand.

use std::borrow::Cow;
use std::sync::Arc;

use authkit::address::EmailError;
use authkit::hash::HashError;
use authkit::strength::{MAX_LENGTH, PasswordError, Weakness};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base::http::Failure;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};

use crate::denial::Denial;
use crate::hooks::HookName;
use crate::json::MAX_BODY;
use crate::refusal::Refusal;

/// An error of the account service.
#[derive(Debug)]
pub(crate) enum Error {
    // The request itself
    /// The body is not the JSON that is expected; why not.
    BadJson(String),
    /// A text holds the character U+0000, which PostgreSQL cannot store.
    NulCharacter,
    BodyTooLarge,
    /// The time of the request is over; what it was waiting for.
    Timeout(Cow<'static, str>),
    /// An input that is not valid; which and why.
    Validation(Cow<'static, str>),
    /// The same with status 404: a path that names nothing.
    PathNotFound(&'static str),
    /// A feature that is switched off, or that this version does not have; which.
    FeatureDisabled(&'static str),
    WeakPassword(Weakness),

    // The bearer
    NoAuthorization,
    /// The token is not valid; why not.
    BadJwt(String),
    /// The token's `sub` is not a uuid.
    BadSubject,
    NotAdmin(&'static str),
    /// The token's user is gone.
    TokenUserNotFound,
    /// The token's session is gone.
    TokenSessionNotFound,
    /// The token's session is over.
    AdminSessionExpired,
    /// The token's user is banned.
    Banned,

    // Signing up and in
    SignupDisabled,
    /// Signing up with email is off.
    EmailSignupDisabled,
    /// Signing in with email is off.
    EmailLoginDisabled,
    /// Signing up with a phone number is off.
    PhoneSignupDisabled,
    /// Signing in with a phone number is off.
    PhoneLoginDisabled,
    AnonymousDisabled,
    UserAlreadyExists,
    UnsupportedGrantType,
    InvalidCredentials,
    /// Banned, found out with the right password.
    LoginBanned,
    EmailNotConfirmed,
    /// Recovering with email is off.
    EmailRecoveryDisabled,
    /// An address of no valid form, where that is 422.
    InvalidEmail,
    /// A mail of this kind was sent too recently; the seconds to wait.
    EmailTooSoon(i64),
    /// A link or code that is wrong, used or too old; the text.
    OtpExpired(&'static str),
    /// No flow waits for the code of a link.
    NoFlowState,
    FlowStateNotFound,
    FlowStateExpired,
    BadCodeVerifier,

    // Refreshing
    RefreshTokenMalformed,
    RefreshTokenNotFound,
    RefreshTokenAlreadyUsed,
    /// The refresh token's user is banned.
    RefreshBanned,
    /// The refresh token has no session.
    RefreshSessionNotFound,
    /// The session is over; what ended it, as a suffix of the text.
    SessionExpired(&'static str),
    /// Too many refreshes of one session at the same time.
    RefreshConflict,
    /// An error in the form of OAuth: `error` and `error_description`.
    OAuth {
        error: &'static str,
        description: &'static str,
    },

    // Users
    UserNotFound,
    EmailExists,
    PhoneExists(&'static str),
    /// An administrator's choice of id is taken.
    IdExists,
    /// Numbers cannot be changed without a way to send codes to them.
    PhoneChangeDisabled,
    InsufficientAal,
    /// An anonymous user sets a password without an address to sign in with.
    AnonymousPassword,
    SsoManaged,
    ReauthenticationNeeded,
    ReauthenticationNotValid,
    CurrentPasswordRequired,
    CurrentPasswordInvalid,
    SamePassword,
    /// The user cannot be deleted: files are theirs.
    OwnsObjects(pg::Error),

    /// What one flow refuses.
    Denied(Denial),
    /// Codes, messages, invitations, hooks.
    Refused(Refusal),
    /// What a hook is to blame for; which hook, and its function where it is one of the database.
    OfHook {
        hook: HookName,
        function: Option<String>,
        error: Box<Error>,
    },

    // Inside
    /// The database failed; the text that clients get.
    Database(&'static str, pg::Error),
    /// Something else failed; the text that clients get, and the cause.
    Internal(&'static str, String),
}

/// Status, code and text of an error.
pub(crate) struct Public<'a> {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) text: Cow<'a, str>,
}

impl Error {
    /// Wraps an error of the database with the text that clients get.
    pub(crate) fn database(text: &'static str) -> impl Fn(pg::Error) -> Self {
        move |error| Self::Database(text, error)
    }

    /// Says which hook it was, where the error is that what a hook gave cannot be used.
    pub(crate) fn of_hook(self, hook: HookName) -> Self {
        match self {
            Self::Refused(Refusal::HookOutput(_)) => Self::OfHook { hook, function: None, error: Box::new(self) },
            other => other,
        }
    }

    /// An input that is not valid.
    pub(crate) fn validation(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Validation(text.into())
    }

    /// Status, code and text: the public contract.
    pub(crate) fn public(&self) -> Public<'_> {
        use StatusCode as S;
        let (status, code, text): (_, _, Cow<'_, str>) = match self {
            Self::BadJson(why) => {
                (S::BAD_REQUEST, "bad_json", format!("Could not parse request body as JSON: {why}").into())
            }
            Self::NulCharacter => {
                (S::BAD_REQUEST, "validation_failed", "The character U+0000 is not allowed in texts".into())
            }
            Self::BodyTooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "request_entity_too_large",
                format!("Request body too large (max {MAX_BODY} bytes)").into(),
            ),
            Self::Timeout(_) => (
                S::GATEWAY_TIMEOUT,
                "request_timeout",
                "Processing this request timed out, please retry after a moment.".into(),
            ),
            Self::Validation(text) => (S::BAD_REQUEST, "validation_failed", text.as_ref().into()),
            Self::PathNotFound(text) => (S::NOT_FOUND, "validation_failed", (*text).into()),
            Self::FeatureDisabled(text) => (S::NOT_FOUND, "feature_disabled", (*text).into()),
            Self::WeakPassword(weakness) => {
                (S::UNPROCESSABLE_ENTITY, "weak_password", weakness.message.as_str().into())
            }
            Self::NoAuthorization => {
                (S::UNAUTHORIZED, "no_authorization", "This endpoint requires a valid Bearer token".into())
            }
            Self::BadJwt(why) => (S::FORBIDDEN, "bad_jwt", why.as_str().into()),
            Self::BadSubject => (S::BAD_REQUEST, "bad_jwt", "invalid claim: sub claim must be a UUID".into()),
            Self::NotAdmin(text) => (S::FORBIDDEN, "not_admin", (*text).into()),
            Self::TokenUserNotFound => {
                (S::FORBIDDEN, "user_not_found", "User from sub claim in JWT does not exist".into())
            }
            Self::TokenSessionNotFound => {
                (S::FORBIDDEN, "session_not_found", "Session from session_id claim in JWT does not exist".into())
            }
            Self::AdminSessionExpired => (S::FORBIDDEN, "session_expired", "Session is no longer valid".into()),
            Self::Banned => (S::FORBIDDEN, "user_banned", "User is banned".into()),
            Self::SignupDisabled => {
                (S::UNPROCESSABLE_ENTITY, "signup_disabled", "Signups not allowed for this instance".into())
            }
            Self::EmailSignupDisabled => {
                (S::BAD_REQUEST, "email_provider_disabled", "Email signups are disabled".into())
            }
            Self::EmailLoginDisabled => {
                (S::UNPROCESSABLE_ENTITY, "email_provider_disabled", "Email logins are disabled".into())
            }
            Self::PhoneSignupDisabled => {
                (S::BAD_REQUEST, "phone_provider_disabled", "Phone signups are disabled".into())
            }
            Self::PhoneLoginDisabled => {
                (S::UNPROCESSABLE_ENTITY, "phone_provider_disabled", "Phone logins are disabled".into())
            }
            Self::AnonymousDisabled => {
                (S::UNPROCESSABLE_ENTITY, "anonymous_provider_disabled", "Anonymous sign-ins are disabled".into())
            }
            Self::UserAlreadyExists => {
                (S::UNPROCESSABLE_ENTITY, "user_already_exists", "User already registered".into())
            }
            Self::UnsupportedGrantType => (S::BAD_REQUEST, "invalid_credentials", "unsupported_grant_type".into()),
            Self::InvalidCredentials => (S::BAD_REQUEST, "invalid_credentials", "Invalid login credentials".into()),
            Self::LoginBanned => (S::BAD_REQUEST, "user_banned", "User is banned".into()),
            Self::EmailNotConfirmed => (S::BAD_REQUEST, "email_not_confirmed", "Email not confirmed".into()),
            Self::EmailRecoveryDisabled => {
                (S::BAD_REQUEST, "email_provider_disabled", "Email logins are disabled".into())
            }
            Self::InvalidEmail => (S::UNPROCESSABLE_ENTITY, "validation_failed", "Invalid email format".into()),
            Self::EmailTooSoon(seconds) => (
                S::TOO_MANY_REQUESTS,
                "over_email_send_rate_limit",
                format!("For security purposes, you can only request this after {seconds} seconds.").into(),
            ),
            Self::OtpExpired(text) => (S::FORBIDDEN, "otp_expired", (*text).into()),
            Self::NoFlowState => (S::BAD_REQUEST, "flow_state_not_found", "No associated flow state found.".into()),
            Self::FlowStateNotFound => {
                (S::NOT_FOUND, "flow_state_not_found", "invalid flow state, no valid flow state found".into())
            }
            Self::FlowStateExpired => {
                (S::UNPROCESSABLE_ENTITY, "flow_state_expired", "invalid flow state, flow state has expired".into())
            }
            Self::BadCodeVerifier => (
                S::BAD_REQUEST,
                "bad_code_verifier",
                "code challenge does not match previously saved code verifier".into(),
            ),
            Self::RefreshTokenMalformed => (S::BAD_REQUEST, "validation_failed", "Refresh token is not valid".into()),
            Self::RefreshTokenNotFound => {
                (S::BAD_REQUEST, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found".into())
            }
            Self::RefreshTokenAlreadyUsed => {
                (S::BAD_REQUEST, "refresh_token_already_used", "Invalid Refresh Token: Already Used".into())
            }
            Self::RefreshBanned => (S::BAD_REQUEST, "user_banned", "Invalid Refresh Token: User Banned".into()),
            Self::RefreshSessionNotFound => {
                (S::BAD_REQUEST, "session_not_found", "Invalid Refresh Token: No Valid Session Found".into())
            }
            Self::SessionExpired(suffix) => {
                (S::BAD_REQUEST, "session_expired", format!("Invalid Refresh Token: Session Expired{suffix}").into())
            }
            Self::RefreshConflict => (
                S::CONFLICT,
                "conflict",
                "Too many concurrent token refresh requests on the same session or refresh token".into(),
            ),
            Self::OAuth { error, description } => (S::BAD_REQUEST, error, (*description).into()),
            Self::UserNotFound => (S::NOT_FOUND, "user_not_found", "User not found".into()),
            Self::EmailExists => (
                S::UNPROCESSABLE_ENTITY,
                "email_exists",
                "A user with this email address has already been registered".into(),
            ),
            Self::PhoneExists(text) => (S::UNPROCESSABLE_ENTITY, "phone_exists", (*text).into()),
            Self::IdExists => (
                S::UNPROCESSABLE_ENTITY,
                "user_already_exists",
                "A user with this id has already been registered".into(),
            ),
            Self::PhoneChangeDisabled => {
                (S::BAD_REQUEST, "phone_provider_disabled", "Phone numbers cannot be changed: phone is disabled".into())
            }
            Self::InsufficientAal => (
                S::UNAUTHORIZED,
                "insufficient_aal",
                "AAL2 session is required to update email or password when MFA is enabled.".into(),
            ),
            Self::AnonymousPassword => (
                S::UNPROCESSABLE_ENTITY,
                "validation_failed",
                "Updating password of an anonymous user without an email or phone is not allowed".into(),
            ),
            Self::SsoManaged => (
                S::UNPROCESSABLE_ENTITY,
                "user_sso_managed",
                "Updating email, phone, password of a SSO account only possible via SSO".into(),
            ),
            Self::ReauthenticationNeeded => {
                (S::BAD_REQUEST, "reauthentication_needed", "Password update requires reauthentication".into())
            }
            Self::ReauthenticationNotValid => {
                (S::UNPROCESSABLE_ENTITY, "reauthentication_not_valid", "Nonce has expired or is invalid".into())
            }
            Self::CurrentPasswordRequired => (
                S::BAD_REQUEST,
                "current_password_required",
                "Current password required when setting new password.".into(),
            ),
            Self::CurrentPasswordInvalid => (
                S::BAD_REQUEST,
                "current_password_invalid",
                "Current password required when setting new password.".into(),
            ),
            Self::SamePassword => (
                S::UNPROCESSABLE_ENTITY,
                "same_password",
                "New password should be different from the old password.".into(),
            ),
            Self::Refused(refusal) => refusal.public(),
            Self::OfHook { error, .. } => return error.public(),
            Self::OwnsObjects(error) => (S::CONFLICT, "conflict", error.failure().message.into()),
            Self::Denied(denial) => (denial.status, denial.code, denial.text.as_ref().into()),
            Self::Database(text, _) | Self::Internal(text, _) => {
                (S::INTERNAL_SERVER_ERROR, "unexpected_failure", (*text).into())
            }
        };
        Public { status, code, text }
    }

    /// The real cause, for the log and for operators; clients do not see it.
    pub(crate) fn failure(&self) -> Option<Failure> {
        match self {
            Self::Database(_, error) => Some(Failure { is_operators: true, ..error.failure() }),
            Self::OwnsObjects(error) => Some(error.failure()),
            Self::OfHook { hook, function, error } => {
                let failure = error.failure().unwrap_or_else(|| Failure::new(error.public().text));
                let function = failure.function.clone().or_else(|| function.clone());
                Some(Failure { hook: Some(hook.name().to_owned()), function, is_operators: true, ..failure })
            }
            Self::Timeout(what) => Some(Failure::new(format!("the time of the request was over, waiting for {what}"))),
            Self::Internal(_, cause) => Some(Failure::new(cause.clone())),
            Self::Refused(refusal) => refusal.failure(),
            _ => None,
        }
    }

    /// What triggers and constraints say to clients that ask for no version: the status and PostgreSQL's error,
    /// for the errors that Supabase passes on. `PTxyz` names the HTTP status xyz.
    pub(crate) fn database_answer(&self) -> Option<(StatusCode, Failure)> {
        let error = match self {
            Self::Database(_, error) => error,
            Self::OfHook { error, .. } => return error.database_answer(),
            _ => return None,
        };
        let state = error.sqlstate()?.code();
        let status = match state {
            "P0001" | "23000" | "23001" | "23502" | "23503" | "23505" | "23514" | "23P01" => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            _ => StatusCode::from_bytes(state.strip_prefix("PT")?.as_bytes()).ok().filter(is_final)?,
        };
        Some((status, error.failure()))
    }
}

/// Whether a status can be that of an answer: those from 100 on announce one.
fn is_final(status: &StatusCode) -> bool {
    (200..600).contains(&status.as_u16())
}

/// An error that [`crate::answer`] has still to give its body.
#[derive(Clone)]
pub(crate) struct Raised(pub(crate) Arc<Error>);

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.public().status;
        let retry_after = match &self {
            Self::Denied(Denial { retry_after, .. }) => *retry_after,
            Self::EmailTooSoon(seconds) | Self::Refused(Refusal::SmsTooSoon(seconds)) => u64::try_from(*seconds).ok(),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(failure) = self.failure() {
            response.extensions_mut().insert(failure);
        }
        response.extensions_mut().insert(Raised(Arc::new(self)));
        response
    }
}

impl From<EmailError> for Error {
    fn from(error: EmailError) -> Self {
        Self::validation(error.to_string())
    }
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooLong => {
                Self::validation(format!("Password cannot be longer than {MAX_LENGTH} characters"))
            }
            PasswordError::Weak(weakness) => Self::WeakPassword(weakness),
        }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::TooLong => PasswordError::TooLong.into(),
            HashError::Unsupported => Self::validation(
                "The password hash is of no supported kind (bcrypt, argon2, scrypt, Firebase scrypt, PBKDF2)",
            ),
            HashError::Interrupted => Self::Internal("Internal Server Error", error.to_string()),
        }
    }
}
