//! Letters on their way for which no request waits: notifications, and all of them where the settings say so.

use std::sync::Arc;
use std::time::Duration;

use authkit::template::Kind;
use pg::Transaction;
use tokio::sync::Semaphore;

use crate::error::Error;

/// How many are sent at once.
const AT_ONCE: usize = 8;

/// How many there may be in all; while a mail server hangs, more are dropped.
const MOST: usize = 1000;

/// How long a server that stops waits for them.
const GRACE: Duration = Duration::from_secs(20);

/// The letters that are under way. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Background {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Background {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Background {
    /// Waits until all are sent, or as long as is bearable.
    pub(crate) async fn idle(&self) {
        let all = u32::try_from(MOST).unwrap_or(u32::MAX);
        if tokio::time::timeout(GRACE, self.places.acquire_many(all)).await.is_err() {
            let letters = MOST - self.places.available_permits();
            tracing::warn!(letters, seconds = GRACE.as_secs(), "letters were not sent in time");
        }
    }

    /// Sends one without waiting for it, once what the transaction writes lasts.
    pub(super) fn start_after(
        &self,
        tx: &mut Transaction,
        kind: Kind,
        sending: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) {
        let background = self.clone();
        tx.after_commit(move || background.start(kind, sending));
    }

    /// Sends one without waiting for it.
    fn start(&self, kind: Kind, sending: impl Future<Output = Result<(), Error>> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(kind = kind.name(), cause = "too many are waiting", "a letter was not sent");
            return;
        };
        let turns = Arc::clone(&self.turns);
        tokio::spawn(async move {
            let _turn = turns.acquire().await;
            if let Err(error) = sending.await {
                warn(kind, &error);
            }
            drop(place);
        });
    }
}

/// Tells the operator of one that was not sent.
pub(super) fn warn(kind: Kind, error: &Error) {
    let cause = error.failure().map_or_else(|| error.public().text.into_owned(), |cause| cause.message);
    tracing::warn!(kind = kind.name(), cause, "a letter was not sent");
}
