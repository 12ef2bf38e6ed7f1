//! What a request is waiting for, so that one whose time is over can tell the operator.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

tokio::task_local! {
    /// Set by the outermost layer for as long as it takes to answer.
    static WAITING: Waiting;
}

/// What everything else is, since all that is outside is noted.
const INSIDE: &str = "the database (a connection, a lock or a statement) or a free core";

/// What a request is waiting for at the moment. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<Mutex<Vec<Cow<'static, str>>>>);

impl Waiting {
    /// Answers a request, noting what is waited for.
    pub(crate) async fn scope<F: Future>(&self, answer: F) -> F::Output {
        WAITING.scope(self.clone(), answer).await
    }

    /// What was waited for last and did not come.
    pub(crate) fn what(&self) -> Cow<'static, str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).last().cloned().unwrap_or(INSIDE.into())
    }
}

/// Waits for something outside, or for a turn, noting what it is. A request that is broken off leaves its note.
pub(crate) async fn on<F: Future>(what: impl Into<Cow<'static, str>>, wait: F) -> F::Output {
    let Ok(Waiting(notes)) = WAITING.try_with(Clone::clone) else { return wait.await };
    notes.lock().unwrap_or_else(PoisonError::into_inner).push(what.into());
    let output = wait.await;
    notes.lock().unwrap_or_else(PoisonError::into_inner).pop();
    output
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::time::Duration;

    use super::*;

    /// What is told of a request whose time is over.
    async fn told(wait: impl Future<Output = ()>) -> Cow<'static, str> {
        let waiting = Waiting::default();
        let over = tokio::time::timeout(Duration::from_millis(1), waiting.scope(wait)).await;
        assert!(over.is_err());
        waiting.what()
    }

    #[tokio::test]
    async fn what_did_not_come_is_told() {
        let hook = on("the hook", async {
            on("a turn", ready(())).await;
            pending::<()>().await;
        });
        assert_eq!(told(hook).await, "the hook");
        let database = async {
            on("the hook", ready(())).await;
            pending::<()>().await;
        };
        assert_eq!(told(database).await, INSIDE);
        on("what nobody asks for", ready(())).await;
    }
}
