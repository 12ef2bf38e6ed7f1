//! What all requests share.

use std::sync::Arc;

use base::Clock;
use base::jwt::Verifier;
use pg::{Bus, Db};
use tokio::task::JoinHandle;

use crate::Settings;
use crate::schema::{Loaded, Shared, Source, watch};

/// What the data API needs from the rest of the program.
#[derive(Debug, Clone)]
pub struct Deps {
    /// The database, logged in as a role that may become the roles of tokens and nothing else.
    pub db: Db,
    /// Verifies tokens.
    pub verifier: Verifier,
    /// Listens on channel `pgrst`.
    pub bus: Bus,
    /// The clock.
    pub clock: Clock,
}

/// State of the data API. Cheap to clone; the schema cache is kept current as long as one clone lives.
#[derive(Debug, Clone)]
pub struct State(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    deps: Deps,
    schema: Shared,
    watcher: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl State {
    /// Starts loading the schema and keeps it current. Until it is loaded requests are answered with 503.
    ///
    /// Must be called within a Tokio runtime.
    pub fn new(settings: Settings, deps: Deps) -> Self {
        let schema = Shared::empty();
        let source = Source { db: deps.db.clone(), settings };
        let watcher = tokio::spawn(watch(schema.clone(), source.clone(), deps.bus.clone()));
        Self(Arc::new(Inner { source, deps, schema, watcher }))
    }

    /// Reads settings and schema now, whatever was notified.
    ///
    /// # Errors
    /// [`pg::Error`] when they cannot be read; everything stays as it was.
    pub async fn reload(&self) -> Result<(), pg::Error> {
        let loaded = self.0.source.load().await?;
        self.0.schema.replace(loaded);
        Ok(())
    }

    /// Waits until the schema was read for the first time.
    pub async fn ready(&self) {
        // The sender lives as long as this state, so there is nothing to fail.
        let _ = self.0.schema.subscribed().wait_for(Option::is_some).await;
    }

    /// Waits until the schema cache is replaced.
    pub async fn schema_changed(&self) {
        // The sender lives as long as this state, so there is nothing to fail.
        let _ = self.0.schema.subscribed().changed().await;
    }

    /// What is probably wrong about the rights in the exposed schemas, as it is now.
    ///
    /// # Errors
    /// [`pg::Error`] when the database cannot be asked.
    pub async fn lints(&self) -> Result<Vec<pg::lint::Lint>, pg::Error> {
        pg::lint::security(&self.0.deps.db, &self.current_settings().schemas).await
    }

    /// The settings with those that the database held when it was last read.
    pub(crate) fn current_settings(&self) -> Settings {
        self.loaded().map_or_else(|| self.settings().clone(), |loaded| loaded.settings.clone())
    }

    /// The settings without those that the database holds.
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.source.settings
    }

    pub(crate) fn deps(&self) -> &Deps {
        &self.0.deps
    }

    /// What was read last, or `None` before the first time.
    pub(crate) fn loaded(&self) -> Option<Arc<Loaded>> {
        self.0.schema.current()
    }
}
