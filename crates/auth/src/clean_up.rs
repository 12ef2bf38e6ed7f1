//! Clean-up after requests that have changed something: one statement at a time, in turn, while nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use tokio::sync::Semaphore;

use crate::model::clean_up::{self, Age, COUNT, OWN_COUNT};
use crate::state::State;

/// Our own tables have their turn at every so many requests.
const OWN_TURN: usize = 8;

/// The least time between two clean-ups, so that many writes at once do not pay for as many of them: a hundred in a
/// second delete ten thousand rows.
const PAUSE: Duration = Duration::from_millis(10);

/// Whose turn it is. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Cleaner {
    requests: Arc<AtomicUsize>,
    /// One at a time; who comes meanwhile leaves it to the next.
    slot: Arc<Semaphore>,
}

impl Default for Cleaner {
    fn default() -> Self {
        Self { requests: Arc::default(), slot: Arc::new(Semaphore::new(1)) }
    }
}

/// Whether a request of a method may have changed something.
pub(crate) fn is_write(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// Cleans up a little, in the background.
pub(crate) fn after_write(state: &State) {
    let Ok(permit) = Arc::clone(&state.cleaner.slot).try_acquire_owned() else { return };
    // Counted once it is sure that the turn is taken: under load a turn could always fall into a pause.
    let number = state.cleaner.requests.fetch_add(1, Ordering::Relaxed);
    let own = number.is_multiple_of(OWN_TURN).then_some(number / OWN_TURN % OWN_COUNT);
    if own.is_none() && !state.settings.db_cleanup_enabled {
        return;
    }
    let state = state.clone();
    tokio::spawn(async move {
        let now = state.clock.now();
        if state.settings.db_cleanup_enabled {
            let settings = &state.settings;
            let seconds = |limit: Option<Duration>| limit.filter(|limit| !limit.is_zero()).map(|l| l.as_secs_f64());
            let age = Age {
                now,
                timebox: seconds(settings.sessions_timebox),
                inactivity: seconds(settings.sessions_inactivity_timeout),
                has_anonymous: settings.anonymous_enabled,
            };
            note(clean_up::run(&state.db, number % COUNT, &age).await);
        }
        if let Some(own) = own {
            note(clean_up::run_own(&state.db, own, now).await);
        }
        tokio::time::sleep(PAUSE).await;
        drop(permit);
    });
}

/// A failed clean-up concerns no request; the next one tries again.
fn note(outcome: Result<(), pg::Error>) {
    if let Err(error) = outcome {
        tracing::warn!(error = %error, "clean-up failed");
    }
}
