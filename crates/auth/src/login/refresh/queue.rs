//! Where those wait, one behind the other and without a connection, who refresh the same session while a hook that
//! is far away makes the claims.
//!
//! The session's row alone would do for one consistent answer, and does so between servers. But each who waits for it
//! holds one of the few connections that may wait for somebody outside: one client could take all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

type Line = Arc<tokio::sync::Mutex<()>>;

/// The sessions that are being refreshed. Clones share it; what nobody waits for takes no memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queues(Arc<Mutex<HashMap<Uuid, Line>>>);

/// A place in the line of a session, and in the end its turn; dropped, it lets the next one go.
#[derive(Debug)]
pub(super) struct Turn {
    queues: Queues,
    session: Uuid,
    /// Given up when dropped.
    line: Option<Line>,
    held: Option<OwnedMutexGuard<()>>,
}

impl Queues {
    /// Waits until all who came before have refreshed the session.
    pub(super) async fn turn(&self, session: Uuid) -> Turn {
        let line = self.lines(|lines| Arc::clone(lines.entry(session).or_default()));
        let mut turn = Turn { queues: self.clone(), session, line: Some(Arc::clone(&line)), held: None };
        turn.held = Some(line.lock_owned().await);
        turn
    }

    fn lines<T>(&self, look: impl FnOnce(&mut HashMap<Uuid, Line>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let (line, session) = (self.line.take(), self.session);
        self.queues.lines(|lines| {
            // Under the lock under which whoever waits gets a clone: of two that leave, the last one sees it.
            drop(line);
            if lines.get(&session).is_some_and(|line| Arc::strong_count(line) == 1) {
                lines.remove(&session);
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
        let queues = Queues::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = queues.turn(one).await;
        drop(queues.turn(other).await);
        let is_over = tokio::time::timeout(Duration::from_millis(1), queues.turn(one)).await.is_err();
        assert!(is_over, "the first one holds it, and who gives up waiting is forgotten");
        assert_eq!(queues.lines(|lines| lines.len()), 1);
        let second = tokio::spawn({
            let queues = queues.clone();
            async move { drop(queues.turn(one).await) }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        second.await.expect("no panic");
        assert_eq!(queues.lines(|lines| lines.len()), 0);
    }
}
