//! Keeps the schema cache current: loaded at start, again on `NOTIFY pgrst`, replaced as a whole while requests
//! go on with the old one.

use std::sync::Arc;
use std::time::Duration;

use pg::{Bus, Db, Event};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;

use super::{SchemaCache, load};

/// The channel that tools notify after changing the schema.
const CHANNEL: &str = "pgrst";

/// The longest wait between two attempts to load.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// The current cache; `None` before the first load.
#[derive(Debug, Clone)]
pub(crate) struct Shared(watch::Sender<Option<Arc<SchemaCache>>>);

impl Shared {
    pub(crate) fn empty() -> Self {
        Self(watch::Sender::new(None))
    }

    /// The cache as it is now.
    pub(crate) fn current(&self) -> Option<Arc<SchemaCache>> {
        self.0.borrow().clone()
    }

    pub(crate) fn replace(&self, cache: SchemaCache) {
        self.0.send_replace(Some(Arc::new(cache)));
    }

    /// Hears of each replacement from now on.
    pub(crate) fn subscribed(&self) -> watch::Receiver<Option<Arc<SchemaCache>>> {
        self.0.subscribe()
    }
}

/// Where the cache is read from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) db: Db,
    pub(crate) schemas: Vec<String>,
    pub(crate) search_path: Vec<String>,
}

/// Loads until it succeeds, then again for each burst of notifications, until the bus ends.
pub(crate) async fn watch(shared: Shared, source: Source, bus: Bus) {
    // Heard before the first load, so that no change falls between the two.
    let mut events = bus.subscribe();
    if shared.current().is_none() {
        load_until_done(&shared, &source).await;
    }
    while let Some(()) = next_burst(&mut events).await {
        load_until_done(&shared, &source).await;
    }
}

async fn load_until_done(shared: &Shared, source: &Source) {
    let mut wait = Duration::from_millis(100);
    loop {
        match load(&source.db, &source.schemas, &source.search_path).await {
            Ok(cache) => {
                tracing::debug!(tables = cache.table_count(), "schema cache loaded");
                shared.replace(cache);
                return;
            }
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
            channel == CHANNEL && matches!(payload.as_str(), "" | "reload schema")
        }
    }
}
