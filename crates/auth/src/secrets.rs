//! Secrets of rows as they are stored: encrypted where the settings want it (see [`authkit::sealed`]). Those found
//! otherwise, or with an older key, are stored anew when they are used.

use pg::Context;
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::error::Error;
use crate::model::users::User;
use crate::state::State;

/// What clients are told of a secret that cannot be read.
const UNREADABLE: &str = "Internal Server Error";

/// Where a secret is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The password hash of a user.
    Password,
    /// The key of a session's counted refresh tokens.
    RefreshKey,
    /// The key of an authenticator app.
    Totp,
}

impl Place {
    /// Replaces the stored form, if it is still the same; nothing else about the row changes.
    fn statement(self) -> &'static str {
        match self {
            Self::Password => "update auth.users set encrypted_password = $3 where id = $1 and encrypted_password = $2",
            Self::RefreshKey => {
                "update auth.sessions set refresh_token_hmac_key = $3 where id = $1 and refresh_token_hmac_key = $2"
            }
            Self::Totp => "update auth.mfa_factors set secret = $3 where id = $1 and secret = $2",
        }
    }
}

impl State {
    /// The form in which a secret of a row is stored.
    pub(crate) fn seal(&self, row: Uuid, secret: &str) -> SecretString {
        self.sealer.seal(&self.random, row, secret)
    }

    /// A stored secret of a row.
    pub(crate) fn open(&self, row: Uuid, stored: &SecretString) -> Result<SecretString, Error> {
        let opened = self.sealer.open(row, stored.expose_secret());
        Ok(opened.map_err(|error| Error::Internal(UNREADABLE, error.to_string()))?.secret)
    }

    /// A user's password hash.
    pub(crate) fn password_hash(&self, user: &User) -> Result<Option<SecretString>, Error> {
        user.encrypted_password.as_ref().map(|stored| self.open(user.id, stored)).transpose()
    }

    /// Stores a secret anew that was used and is not stored as the settings want it. Where that fails, the next use
    /// tries again.
    pub(crate) async fn renew(&self, place: Place, row: Uuid, stored: Option<&SecretString>) {
        let Some(stored) = stored.map(ExposeSecret::expose_secret) else { return };
        let Some(opened) = self.sealer.open(row, stored).ok().filter(|opened| opened.is_outdated) else { return };
        let sealed = self.seal(row, opened.secret.expose_secret());
        let params: [pg::Param<'_>; 3] = [&row, &stored, &sealed.expose_secret()];
        if let Err(error) = self.db.read(&Context::service(), place.statement(), &params).await {
            tracing::warn!(error = %error, place = ?place, "a secret could not be stored anew");
        }
    }
}
