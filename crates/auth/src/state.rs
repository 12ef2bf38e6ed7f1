//! What all handlers share.

use std::ops::Deref;
use std::sync::Arc;

use authkit::otp::CodeKey;
use authkit::{Hasher, Sealer};
use base::jwt::Keyring;
use base::{Clock, Random};

use crate::Settings;
use crate::clean_up::Cleaner;
use crate::letters::Background;
use crate::lines::Lines;
use crate::outside::Outside;
use crate::pace::Times;
use crate::protection::Protection;
use crate::redirect::AllowList;

/// What the service needs from its surroundings.
#[derive(Clone, Debug)]
pub struct Deps {
    /// A pool that is logged in as `supabase_auth_admin`.
    pub db: pg::Db,
    /// The project's keys, which sign access tokens.
    pub keyring: Keyring,
    /// The time.
    pub clock: Clock,
    /// Ids, tokens, codes, salts.
    pub random: Random,
}

/// The service's state. Cheap to clone, which happens several times in each request.
#[derive(Clone, Debug)]
pub struct State(Arc<Inner>);

/// What [`State`] points to.
#[derive(Clone, Debug)]
pub struct Inner {
    pub(crate) settings: Settings,
    pub(crate) db: pg::Db,
    /// The same connections, for transactions in which somebody outside is waited for; see [`State::asking`].
    pub(crate) half: pg::Db,
    /// Further connections, for what is counted at once while a transaction is open.
    pub(crate) counters: pg::Db,
    pub(crate) keyring: Keyring,
    pub(crate) code_key: CodeKey,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) hasher: Hasher,
    pub(crate) allow_list: AllowList,
    pub(crate) protection: Protection,
    pub(crate) outside: Arc<Outside>,
    /// The letters that no request waits for.
    pub(crate) background: Background,
    pub(crate) times: Times,
    pub(crate) cleaner: Cleaner,
    pub(crate) sealer: Sealer,
    /// The users that are being changed.
    pub(crate) lines: Lines,
    /// The users that are being changed by who asks somebody outside.
    pub(crate) far_lines: Lines,
    /// The sessions that are being refreshed.
    pub(crate) refreshing: Lines,
}

/// Counting takes no time to speak of, and nobody holds on to a connection for it.
const COUNTING_CONNECTIONS: usize = 2;

impl State {
    /// Puts the service together. The settings are taken as valid.
    ///
    /// # Panics
    /// When the encryption keys are not valid, which [`Settings::validate`] tells.
    #[must_use]
    pub fn new(settings: Settings, deps: Deps) -> Self {
        let Deps { db, keyring, clock, random } = deps;
        let hasher = Hasher::new(random.clone());
        let sealer = Sealer::new(&settings.db_encryption).expect("validate() has read the keys");
        let allow_list = AllowList::new(&settings);
        let counters = db.beside(COUNTING_CONNECTIONS).unwrap_or_else(|_| db.clone());
        Self(Arc::new(Inner {
            settings,
            half: db.half(),
            db,
            counters,
            code_key: CodeKey::new(&keyring.derive("one-time codes")),
            keyring,
            clock,
            random,
            hasher,
            allow_list,
            protection: Protection::default(),
            outside: Arc::default(),
            background: Background::default(),
            times: Times::default(),
            cleaner: Cleaner::default(),
            sealer,
            lines: Lines::default(),
            far_lines: Lines::default(),
            refreshing: Lines::default(),
        }))
    }

    /// The same service with what protects it.
    #[must_use]
    pub fn with_protection(self, protection: Protection) -> Self {
        self.with(|inner| inner.protection = protection)
    }

    /// The same service with what it reaches outside.
    #[must_use]
    pub fn with_outside(self, outside: Outside) -> Self {
        self.with(|inner| inner.outside = Arc::new(outside))
    }

    /// The same service with another way to hash passwords.
    #[must_use]
    pub fn with_hasher(self, hasher: Hasher) -> Self {
        self.with(|inner| inner.hasher = hasher)
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::unwrap_or_clone(self.0);
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// Waits for letters that are under way without a request, so long as a server that stops may take.
    pub async fn idle(&self) {
        self.background.idle().await;
    }

    /// How many turns to change an account are had or waited for.
    #[must_use]
    pub fn turns(&self) -> usize {
        self.lines.count() + self.far_lines.count()
    }

    /// A password that nobody knows, for accounts that have none yet.
    pub(crate) fn random_password(&self) -> String {
        const LENGTH: usize = 64;
        self.random.text(LENGTH, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    }
}

impl Deref for State {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}
