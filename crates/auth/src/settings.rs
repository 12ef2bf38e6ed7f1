//! What an installation decides about accounts. The defaults are those of the Supabase CLI, but of codes for phones.

use std::time::Duration;

use authkit::mailer::{MailError, Sender};
use authkit::sealed::SealError;
use authkit::strength::LEAST_MIN_LENGTH;
use authkit::{DbEncryption, PasswordRules, Sealer};

use crate::glob::Glob;
use crate::letters::LetterSettings;
use crate::limits::RateLimits;
use crate::login::LEAST_LIFETIME;
use crate::mfa::{LEAST_EXPIRY, MfaSettings};
use crate::sms::SmsSettings;

/// Settings of the account service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The app's address: where links in mails lead when nothing else is asked for.
    pub site_url: String,
    /// The public address of this service, which links in mails start with.
    pub api_external_url: String,
    /// Patterns of further addresses that links may lead to.
    pub uri_allow_list: Vec<String>,
    /// How long a request may take; zero for no limit.
    pub max_request_duration: Duration,

    /// After requests that change something, a little of what is old is deleted: tokens, flows, challenges, sessions
    /// that are over, anonymous users of long ago.
    pub db_cleanup_enabled: bool,
    /// Nothing is written to the audit log; it still appears in the server's log.
    pub audit_disable_postgres: bool,
    /// Whether and how secrets in the database are encrypted: password hashes, keys of authenticator apps and of
    /// refresh tokens.
    pub db_encryption: DbEncryption,

    /// Nobody may sign up; administrators still create users.
    pub disable_signup: bool,
    /// Signing up and in with email and password.
    pub email_enabled: bool,
    /// Signing in with a link or code sent by mail.
    pub magic_link_enabled: bool,
    /// Signing up without address and number.
    pub anonymous_enabled: bool,
    /// Signing up and in with a phone number.
    pub phone_enabled: bool,
    /// Codes that are sent to phones.
    pub sms: SmsSettings,
    /// Letters beyond times and lengths.
    pub letters: LetterSettings,
    /// `GET /verify` shows a page with a button, and only that uses the link up: programs that look at links
    /// before people do cannot.
    pub verify_asks_first: bool,
    /// Addresses count as confirmed at once.
    pub mailer_autoconfirm: bool,
    /// A change of address must be confirmed from the old address too.
    pub mailer_secure_email_change: bool,
    /// How long links and codes in mails are valid.
    pub mailer_otp_exp: Duration,
    /// How many digits a code in a mail has: 6 to 10.
    pub mailer_otp_length: usize,
    /// The least time between two mails of a kind to one user.
    pub mailer_max_frequency: Duration,
    /// The address that mails come from.
    pub mailer_from: String,
    /// The name that mails come from; may be empty.
    pub mailer_from_name: String,

    /// How long access tokens are valid.
    pub jwt_exp: Duration,
    /// The audience of users and their tokens.
    pub jwt_aud: String,
    /// The `iss` claim, and the base of the discovery document; left out when empty.
    pub jwt_issuer: String,
    /// The role of new users.
    pub jwt_default_role: String,
    /// Roles whose tokens may administer users.
    pub jwt_admin_roles: Vec<String>,
    /// The role of user rows that may change their own `app_metadata`.
    pub jwt_admin_group: String,

    /// What new passwords must be like.
    pub password: PasswordRules,
    /// A password change needs a fresh sign-in, or a code sent by mail.
    pub update_password_require_reauthentication: bool,
    /// A password change needs the old password.
    pub update_password_require_current_password: bool,

    /// A refresh token that is used again ends its session's tokens.
    pub refresh_token_rotation: bool,
    /// How long after its exchange a refresh token may be exchanged again.
    pub refresh_token_reuse_interval: Duration,
    /// A counted refresh token may be exchanged again at any time.
    pub refresh_token_allow_reuse: bool,
    /// The kind of refresh tokens of new sessions: 1 for random ones with a row each (so is 0), 2 for counted ones.
    pub refresh_token_algorithm_version: u8,
    /// How many of a hundred sessions change from the first kind to the second when they are refreshed.
    pub refresh_token_upgrade_percentage: u8,
    /// Only the session of a user (and tag) that was used last can be refreshed.
    pub sessions_single_per_user: bool,
    /// The tags of sessions that exclude each other only among their own; a session without one has the first.
    pub sessions_tags: Vec<String>,
    /// The longest a session may last.
    pub sessions_timebox: Option<Duration>,
    /// The longest time between two refreshes.
    pub sessions_inactivity_timeout: Option<Duration>,
    /// How long a user with a second factor may stay at the first level.
    pub sessions_allow_low_aal: Option<Duration>,
    /// Who sets a first password gets an email identity, if the address is confirmed.
    pub create_email_identity_on_password_set: bool,
    /// Users may add and remove ways to sign in.
    pub manual_linking_enabled: bool,
    /// The list of users goes on from a cursor where no page is asked for.
    pub cursor_pagination_enabled: bool,
    /// Second factors.
    pub mfa: MfaSettings,
    /// How often one address may ask.
    pub rate_limits: RateLimits,
    /// How long a code of a sign-in by PKCE can be exchanged; at least 300 seconds count.
    pub flow_state_expiry: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            site_url: "http://127.0.0.1:3000".to_owned(),
            api_external_url: "http://127.0.0.1:54321/auth/v1".to_owned(),
            uri_allow_list: Vec::new(),
            max_request_duration: Duration::from_secs(10),
            db_cleanup_enabled: false,
            audit_disable_postgres: false,
            db_encryption: DbEncryption::default(),
            disable_signup: false,
            email_enabled: true,
            magic_link_enabled: true,
            anonymous_enabled: false,
            phone_enabled: false,
            sms: SmsSettings::default(),
            letters: LetterSettings::default(),
            verify_asks_first: false,
            mailer_autoconfirm: true,
            mailer_secure_email_change: true,
            mailer_otp_exp: Duration::from_secs(3600),
            mailer_otp_length: 6,
            mailer_max_frequency: Duration::from_secs(1),
            mailer_from: "admin@email.com".to_owned(),
            mailer_from_name: String::new(),
            jwt_exp: Duration::from_secs(3600),
            jwt_aud: "authenticated".to_owned(),
            jwt_issuer: "http://127.0.0.1:54321/auth/v1".to_owned(),
            jwt_default_role: "authenticated".to_owned(),
            jwt_admin_roles: vec!["service_role".to_owned(), "supabase_admin".to_owned()],
            jwt_admin_group: "admin".to_owned(),
            password: PasswordRules::default(),
            update_password_require_reauthentication: false,
            update_password_require_current_password: false,
            refresh_token_rotation: true,
            refresh_token_reuse_interval: Duration::from_secs(10),
            refresh_token_allow_reuse: false,
            refresh_token_algorithm_version: 1,
            refresh_token_upgrade_percentage: 0,
            sessions_single_per_user: false,
            sessions_tags: Vec::new(),
            sessions_timebox: None,
            sessions_inactivity_timeout: None,
            sessions_allow_low_aal: None,
            create_email_identity_on_password_set: false,
            manual_linking_enabled: false,
            cursor_pagination_enabled: false,
            mfa: MfaSettings::default(),
            rate_limits: RateLimits::default(),
            flow_state_expiry: Duration::from_secs(300),
        }
    }
}

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {reason}")]
pub struct Invalid {
    /// The field of [`Settings`].
    pub setting: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// The longest lifetime of an access token: a century, so that no time that is reckoned with it is out of range.
const MAX_JWT_EXP: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

impl Settings {
    /// Checks the settings against each other and against what is possible.
    ///
    /// # Errors
    /// [`Invalid`] for the first one that cannot be.
    pub fn validate(&self) -> Result<(), Invalid> {
        let check = |holds: bool, setting: &'static str, reason: &str| {
            if holds { Ok(()) } else { Err(Invalid { setting, reason: reason.to_owned() }) }
        };
        let can_match = crate::redirect::is_address(&self.site_url);
        check(is_absolute(&self.site_url) && can_match, "site_url", "must be an absolute address")?;
        check(is_absolute(&self.api_external_url), "api_external_url", "must be an absolute address")?;
        let lifetime = Duration::from_secs(1)..=MAX_JWT_EXP;
        check(lifetime.contains(&self.jwt_exp), "jwt_exp", "must be between one second and a century")?;
        check((6..=10).contains(&self.mailer_otp_length), "mailer_otp_length", "must be between 6 and 10")?;
        if let Some(pattern) = self.uri_allow_list.iter().find(|pattern| Glob::parse(pattern).is_none()) {
            check(false, "uri_allow_list", &format!("cannot read the pattern {pattern:?}"))?;
        }
        let version = self.refresh_token_algorithm_version;
        check(version <= 2, "refresh_token_algorithm_version", "must be 0, 1 or 2")?;
        let percentage = self.refresh_token_upgrade_percentage;
        check(percentage <= 100, "refresh_token_upgrade_percentage", "must be between 0 and 100")?;
        if let Err(error) = Sealer::new(&self.db_encryption) {
            let field = match &error {
                SealError::Unnamed => "db_encryption.key_id",
                SealError::Key(name) if self.db_encryption.encrypt && *name == self.db_encryption.key_id => {
                    "db_encryption.key"
                }
                _ => "db_encryption.decryption_keys",
            };
            check(false, field, &error.to_string())?;
        }
        let sender = Sender { address: self.mailer_from.clone(), name: self.mailer_from_name.clone() };
        if let Err(error) = sender.check() {
            let is_name = matches!(error, MailError::Name(_));
            check(false, if is_name { "mailer_from_name" } else { "mailer_from" }, &error.to_string())?;
        }
        self.sms.validate()?;
        self.mfa.validate()?;
        check(!self.jwt_aud.is_empty(), "jwt_aud", "must not be empty")?;
        check(!self.jwt_default_role.is_empty(), "jwt_default_role", "must not be empty")?;
        check(!self.jwt_admin_roles.is_empty(), "jwt_admin_roles", "must name a role")?;
        check(
            self.password.min_length <= authkit::strength::MAX_LENGTH,
            "password.min_length",
            "must not be over 72, which is the most that is looked at",
        )
    }

    /// The settings that are below the least that is possible, which counts instead: their fields, and what counts.
    #[must_use]
    pub fn raised(&self) -> Vec<(&'static str, String)> {
        let seconds = |least: Duration| format!("{}s", least.as_secs());
        let all = [
            (self.password.min_length < LEAST_MIN_LENGTH, "password.min_length", LEAST_MIN_LENGTH.to_string()),
            (self.mfa.challenge_expiry < LEAST_EXPIRY, "mfa.challenge_expiry", seconds(LEAST_EXPIRY)),
            (self.mfa.factor_expiry < LEAST_EXPIRY, "mfa.factor_expiry", seconds(LEAST_EXPIRY)),
            (self.flow_state_expiry < LEAST_LIFETIME, "flow_state_expiry", seconds(LEAST_LIFETIME)),
        ];
        all.into_iter().filter(|(is_below, ..)| *is_below).map(|(_, setting, least)| (setting, least)).collect()
    }

    /// The minimum length of passwords that is in force.
    #[must_use]
    pub fn password_min_length(&self) -> usize {
        self.password.min_length.max(LEAST_MIN_LENGTH)
    }
}

/// Reads a duration in Go's form (`1h30m`), as the environment and the project file give them.
///
/// # Errors
/// The text when it is none, or a negative one.
pub fn duration(text: &str) -> Result<Duration, String> {
    let nanoseconds = authkit::duration::parse(text).map_err(|error| error.to_string())?;
    u64::try_from(nanoseconds).map(Duration::from_nanos).map_err(|_| format!("{text:?} is negative"))
}

/// Whether a text is an address of the web, with a host and a port that can be.
#[must_use]
pub fn is_web_address(text: &str) -> bool {
    authkit::address::is_web(text)
}

/// Whether a text is an email address that mail can be sent to.
#[must_use]
pub fn is_mail_address(text: &str) -> bool {
    authkit::address::email(text).is_ok() && authkit::address::is_sendable(text)
}

/// An address as messages may tell it: without user, password and query.
#[must_use]
pub fn shown_address(text: &str) -> String {
    authkit::address::shown(text)
}

/// Addresses of apps may have schemes of their own.
fn is_absolute(address: &str) -> bool {
    let has_scheme = address.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
    let scheme = address.split_once("://").map_or_else(String::new, |(scheme, _)| scheme.to_ascii_lowercase());
    let rest = address.get(scheme.len()..).unwrap_or_default();
    has_scheme && (!["http", "https"].contains(&&*scheme) || is_web_address(&format!("{scheme}{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_wrong_values_are_named() {
        assert_eq!(Settings::default().validate(), Ok(()));
        let wrong = Settings { site_url: "/app".to_owned(), ..Settings::default() };
        assert_eq!(wrong.validate().unwrap_err().to_string(), "site_url: must be an absolute address");
        for site in ["HTTPS://:99999", "com.example.my_app://login", "1app://x"] {
            let wrong = Settings { site_url: site.to_owned(), ..Settings::default() };
            assert_eq!(wrong.validate().unwrap_err().setting, "site_url", "{site}");
        }
        let wrong = Settings { jwt_exp: Duration::ZERO, ..Settings::default() };
        assert_eq!(wrong.validate().unwrap_err().setting, "jwt_exp");
        let wrong = Settings { jwt_exp: Duration::MAX, ..Settings::default() };
        assert_eq!(wrong.validate().unwrap_err().setting, "jwt_exp");
        let month = Settings { jwt_exp: Duration::from_secs(31 * 24 * 3600), ..Settings::default() };
        assert_eq!(month.validate(), Ok(()));
        let wrong = Settings { mailer_from: "nobody".to_owned(), ..Settings::default() };
        assert_eq!(wrong.validate().unwrap_err().setting, "mailer_from");
        let wrong = Settings { mailer_from_name: "a\nb".to_owned(), ..Settings::default() };
        assert_eq!(wrong.validate().unwrap_err().setting, "mailer_from_name");
        assert!(Settings::default().raised().is_empty());
        let low = Settings { flow_state_expiry: Duration::from_secs(60), ..Settings::default() };
        assert_eq!(low.raised(), [("flow_state_expiry", "300s".to_owned())]);
    }
}
