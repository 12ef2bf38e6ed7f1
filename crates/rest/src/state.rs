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
    /// Reads settings and schema, and keeps them current from then on.
    ///
    /// # Errors
    /// [`pg::Error`] when they cannot be read.
    pub async fn start(settings: Settings, deps: Deps) -> Result<Self, pg::Error> {
        // Heard before the first load, so that no change falls between the two.
        let events = deps.bus.subscribe();
        let source = Source { db: deps.db.clone(), settings };
        let schema = Shared::new(source.load().await?);
        let watcher = tokio::spawn(watch(schema.clone(), source.clone(), events));
        Ok(Self(Arc::new(Inner { source, deps, schema, watcher })))
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
        pg::lint::security(&self.0.deps.db, &self.loaded().settings.schemas).await
    }

    pub(crate) fn deps(&self) -> &Deps {
        &self.0.deps
    }

    /// What was read last.
    pub(crate) fn loaded(&self) -> Arc<Loaded> {
        self.0.schema.current()
    }
}
