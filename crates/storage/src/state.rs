//! What every handler shares.

use std::future::Future;
use std::sync::Arc;

use base::jwt::Keyring;
use base::{Clock, Random};
use futures_util::StreamExt;
use pg::Db;
use tokio_util::task::TaskTracker;

use crate::backend::{self, Backend, Blob};
use crate::error::{Error, Result};
use crate::settings::Settings;

/// How many files are removed at the same time.
const REMOVALS_AT_ONCE: usize = 8;

/// What the service is given.
#[derive(Clone, Debug)]
pub struct Deps {
    /// A pool logged in as `supabase_storage_admin`, which owns the tables of schema `storage`.
    pub db: Db,
    /// The project's keys: bearer tokens are verified and signed URLs are signed with them.
    pub keyring: Keyring,
    /// The clock.
    pub clock: Clock,
    /// The source of file versions.
    pub random: Random,
}

/// The state of the service; cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    settings: Settings,
    deps: Deps,
    backend: Arc<dyn Backend>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

impl State {
    /// Opens the folder that holds the files, making it when it is missing.
    ///
    /// # Errors
    /// [`backend::Error`] when that folder cannot be made or read.
    pub fn new(settings: Settings, deps: Deps) -> Result<Self, backend::Error> {
        let tasks = TaskTracker::new();
        tasks.close();
        let disk = backend::Disk::open(&settings.root, settings.durable, tasks.clone())?;
        Ok(Self(Arc::new(Inner { settings, deps, backend: Arc::new(disk), tasks })))
    }

    /// Waits until nothing runs any more on behalf of callers that are gone: uploads that were complete, files
    /// that are being removed. To be called after the server has stopped answering.
    pub async fn idle(&self) {
        self.0.tasks.wait().await;
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.deps.db
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.deps.keyring
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.deps.clock
    }

    pub(crate) fn random(&self) -> &Random {
        &self.0.deps.random
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0.backend
    }

    /// Carries work through to its end even when the client hangs up meanwhile, which drops the handler: rows
    /// and files change together only if nobody stops between the two.
    pub(crate) async fn carry_through<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.0.tasks.spawn(work).await.map_err(|_| Error::Interrupted)?
    }

    /// Removes files whose rows are gone. A file that cannot be removed is logged and left: nothing refers to it.
    pub(crate) async fn remove_files(&self, blobs: impl IntoIterator<Item = Blob>) {
        futures_util::stream::iter(blobs)
            .for_each_concurrent(REMOVALS_AT_ONCE, async |blob| {
                if let Err(error) = self.backend().delete(blob).await {
                    tracing::warn!(%blob, %error, "a file without a row could not be removed");
                }
            })
            .await;
    }
}
