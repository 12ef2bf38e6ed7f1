//! What every handler of the console is given.

use std::sync::Arc;

use axum::Router;
use base::jwt::Keyring;
use base::{Clock, Random};
use pg::{Context, Db, Session, Target};

use crate::error::Error;
use crate::operators::passwords::Hashing;
use crate::settings::{Invalid, Settings};

/// What the console works with.
#[derive(Clone, Debug)]
pub struct Deps {
    /// The database, logged in as the administrator.
    pub db: Db,
    /// The same database, for connections of the console's own: the SQL editor and exports.
    pub target: Target,
    /// The auth service's router, without prefix; called in process for whatever changes users.
    pub auth: Router,
    /// Signs the short-lived service_role tokens for those calls.
    pub keyring: Keyring,
    /// Tells the time.
    pub clock: Clock,
    /// Makes session tokens and salts.
    pub random: Random,
}

/// The console's state. Cheap to clone.
#[derive(Clone, Debug)]
pub struct State(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    deps: Deps,
    hashing: Hashing,
}

impl State {
    /// Puts the console together.
    ///
    /// # Errors
    /// [`Invalid`] for a setting that cannot be used.
    pub fn new(settings: Settings, deps: Deps) -> Result<Self, Invalid> {
        settings.validate()?;
        let hashing = Hashing::new(deps.random.clone());
        Ok(Self(Arc::new(Inner { settings, deps, hashing })))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn deps(&self) -> &Deps {
        &self.0.deps
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.deps.db
    }

    pub(crate) fn hashing(&self) -> &Hashing {
        &self.0.hashing
    }

    /// A read-only transaction that gives up after the time that a page may take.
    pub(crate) fn reading(&self) -> Context {
        let timeout = self.settings().read_timeout.as_millis().to_string();
        Context::service().role_setting("statement_timeout", timeout).read_only()
    }

    /// A connection of its own for an operator's statements or an export.
    ///
    /// # Errors
    /// [`Error::Database`] when none can be opened.
    pub(crate) async fn open_session(&self) -> Result<Session, Error> {
        let timeout = self.settings().statement_timeout.as_millis().to_string();
        let target = self.deps().target.with_session_settings(&[
            ("statement_timeout", &timeout),
            ("idle_in_transaction_session_timeout", "60000"),
            // The lexer reads literals as the standard says; the server must do the same.
            ("standard_conforming_strings", "on"),
        ]);
        Ok(Session::open(&target).await?)
    }
}
