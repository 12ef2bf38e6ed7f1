//! Where those wait, one behind the other and without a connection, who change the same account or refresh the same
//! session.
//!
//! The row's lock alone would do for one after the other, and does so between servers. But each who waits for it holds
//! a connection, and whoever has it may be waiting for a mail server or a hook: requests about one account could take
//! all connections from everybody else's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

type Line = Arc<tokio::sync::Mutex<()>>;

/// The accounts and sessions that are being changed. Clones share it; what nobody waits for takes no memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(Arc<Mutex<HashMap<Uuid, Line>>>);

/// A place in a line, and in the end the turn; dropped, it lets the next one go. See [`crate::asking`] for
/// the order in which turns and connections are waited for; any other could end in two that wait for each other.
#[must_use = "the next one goes when it is dropped"]
#[derive(Debug)]
pub(crate) struct Turn {
    lines: Lines,
    id: Uuid,
    /// Given up when dropped.
    line: Option<Line>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Lines {
    /// Waits until all who came before are done with the account or session.
    pub(crate) async fn turn(&self, id: Uuid) -> Turn {
        let line = self.look(|lines| Arc::clone(lines.entry(id).or_default()));
        let mut turn = Turn { lines: self.clone(), id, line: Some(Arc::clone(&line)), held: None };
        turn.held = Some(line.lock_owned().await);
        turn
    }

    /// How many have or wait for a turn.
    pub(crate) fn count(&self) -> usize {
        // Each has its line twice: as a place, and for the lock.
        self.look(|lines| lines.values().map(|line| (Arc::strong_count(line) - 1) / 2).sum())
    }

    fn look<T>(&self, look: impl FnOnce(&mut HashMap<Uuid, Line>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let (line, id) = (self.line.take(), self.id);
        self.lines.look(|lines| {
            // Under the lock under which whoever waits gets a clone: of two that leave, the last one sees it.
            drop(line);
            if lines.get(&id).is_some_and(|line| Arc::strong_count(line) == 1) {
                lines.remove(&id);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_after_the_other_and_nothing_is_left() {
        let lines = Lines::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = lines.turn(one).await;
        drop(lines.turn(other).await);
        let is_over = tokio::time::timeout(Duration::from_millis(1), lines.turn(one)).await.is_err();
        assert!(is_over, "the first one holds it, and who gives up waiting is forgotten");
        assert_eq!(lines.look(|lines| lines.len()), 1);
        let second = tokio::spawn({
            let lines = lines.clone();
            async move { drop(lines.turn(one).await) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.expect("no panic");
        assert_eq!(lines.look(|lines| lines.len()), 0);
    }
}
