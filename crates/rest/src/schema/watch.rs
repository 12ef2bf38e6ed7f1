//! Keeps the schema cache and the settings current: loaded at start, again on `NOTIFY pgrst`, replaced as a whole while requests
//! go on with the old one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pg::{Db, Event};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;

use super::roles::Roles;
use super::{SchemaCache, load, roles, stored};
use crate::Settings;

/// The channel that tools notify after changing the schema.
const CHANNEL: &str = "pgrst";

/// The longest wait between two attempts to load.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// Everything that is read from the database before requests are answered.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings, with those that the database holds.
    pub(crate) settings: Settings,
    /// The schema.
    pub(crate) schema: SchemaCache,
    /// Settings of the roles that requests run as.
    pub(crate) roles: Roles,
}

/// What was loaded last.
#[derive(Debug, Clone)]
pub(crate) struct Shared(watch::Sender<Arc<Loaded>>);

impl Shared {
    pub(crate) fn new(loaded: Loaded) -> Self {
        Self(watch::Sender::new(Arc::new(loaded)))
    }

    /// As it is now.
    pub(crate) fn current(&self) -> Arc<Loaded> {
        self.0.borrow().clone()
    }

    pub(crate) fn replace(&self, loaded: Loaded) {
        self.0.send_replace(Arc::new(loaded));
    }

    /// Hears of each replacement from now on.
    pub(crate) fn subscribed(&self) -> watch::Receiver<Arc<Loaded>> {
        self.0.subscribe()
    }
}

/// Where everything is read from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) db: Db,
    /// The settings without those that the database holds.
    pub(crate) settings: Settings,
}

impl Source {
    /// Reads settings, schema and roles.
    ///
    /// # Errors
    /// [`pg::Error`] of the first statement that fails.
    pub(crate) async fn load(&self) -> Result<Loaded, pg::Error> {
        let begun = Instant::now();
        let settings = stored::settings(&self.db, &self.settings).await?;
        let schema = load(&self.db, &settings).await?;
        let roles = roles::load(&self.db).await?;
        tracing::debug!(tables = schema.table_count(), ms = begun.elapsed().as_millis(), "schema cache loaded");
        Ok(Loaded { settings, schema, roles })
    }
}

/// Loads again for each burst of notifications, until the bus ends.
pub(crate) async fn watch(shared: Shared, source: Source, mut events: Receiver<Event>) {
    while let Some(()) = next_burst(&mut events).await {
        load_until_done(&shared, &source).await;
    }
}

async fn load_until_done(shared: &Shared, source: &Source) {
    let mut wait = Duration::from_millis(100);
    loop {
        match source.load().await {
            Ok(loaded) => return shared.replace(loaded),
            Err(error) => tracing::warn!(%error, "the schema cache could not be loaded; trying again"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(MAX_BACKOFF);
    }
}

/// Waits for a reason to reload and takes all further ones that are already there.
async fn next_burst(events: &mut Receiver<Event>) -> Option<()> {
    loop {
        match events.recv().await {
            Ok(event) if is_reload(&event) => break,
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => break,
            Err(RecvError::Closed) => return None,
        }
    }
    while let Ok(_) | Err(TryRecvError::Lagged(_)) = events.try_recv() {}
    Some(())
}

fn is_reload(event: &Event) -> bool {
    match event {
        Event::Reconnected => true,
        Event::Notification { channel, payload } => {
            channel == CHANNEL && matches!(payload.as_str(), "" | "reload schema" | "reload config")
        }
    }
}
