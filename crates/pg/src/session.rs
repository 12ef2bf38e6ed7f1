//! A connection of one's own, outside any pool, for administrators: any SQL as text, streamed, with notices,
//! and cancelled when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, CancelToken, Client, NoTls, SimpleQueryMessage};

use crate::typed::typed;
use crate::{Error, Param, Target};

/// A connection that is logged in as an administrator. Dropping it cancels what still runs and closes it.
pub struct Session {
    client: Client,
    messages: mpsc::Receiver<AsyncMessage>,
    target: Target,
    running: Running,
}

/// How many statements have not ended yet.
#[derive(Clone, Default)]
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(&self) -> Ended {
        self.0.fetch_add(1, Ordering::AcqRel);
        Ended(self.clone())
    }
}

/// Counts a statement as ended when [`Ended::now`] is called; one that is only dropped was broken off.
struct Ended(Running);

impl Ended {
    fn now(&self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Session {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`Error::Connect`] when the server cannot be reached or refuses.
    pub async fn open(target: &Target) -> Result<Self, Error> {
        let (client, messages) = target.connect().await?;
        Ok(Self { client, messages, target: target.clone(), running: Running::default() })
    }

    /// Runs any number of statements as text and streams what comes: for each statement a description of its
    /// columns if it has any, its rows, and its completion. Values are PostgreSQL's text.
    ///
    /// # Errors
    /// [`Error::Query`], here or in the stream.
    pub async fn run(&self, sql: &str) -> Result<impl Stream<Item = Result<SimpleQueryMessage, Error>> + use<>, Error> {
        let mut ended = Some(self.running.begin());
        let stream = self.client.simple_query_raw(sql).await?;
        let end = futures_util::stream::poll_fn(move |_| {
            if let Some(ended) = ended.take() {
                ended.now();
            }
            std::task::Poll::Ready(None)
        });
        Ok(stream.map(|message| message.map_err(Error::from)).chain(end))
    }

    /// Runs statements for their effect.
    ///
    /// # Errors
    /// [`Error::Query`] of the first that fails.
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        let ended = self.running.begin();
        let result = self.client.batch_execute(sql).await;
        ended.now();
        Ok(result?)
    }

    /// Runs one statement with parameters, unnamed: in one round trip, and through a pooler too.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<tokio_postgres::Row>, Error> {
        let ended = self.running.begin();
        let result = self.client.query_typed(sql, &typed(params)).await;
        ended.now();
        Ok(result?)
    }

    /// Names and type names of the columns that one statement would return, without running it.
    ///
    /// # Errors
    /// [`Error::Query`] when it does not parse or holds several statements.
    pub async fn describe(&self, sql: &str) -> Result<Vec<(String, String)>, Error> {
        let statement = self.client.prepare(sql).await?;
        Ok(statement
            .columns()
            .iter()
            .map(|column| (column.name().to_owned(), column.type_().name().to_owned()))
            .collect())
    }

    /// The notices that have arrived so far, as `SEVERITY: message`.
    pub fn notices(&mut self) -> Vec<String> {
        let mut notices = Vec::new();
        while let Ok(message) = self.messages.try_recv() {
            if let AsyncMessage::Notice(notice) = message {
                notices.push(format!("{}: {}", notice.severity(), notice.message()));
            }
        }
        notices
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.running.0.load(Ordering::Acquire) == 0 {
            return;
        }
        // The server notices a closed connection only when it next writes; a cancel ends the statement now.
        let (token, target) = (self.client.cancel_token(), self.target.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(cancel(token, target));
        }
    }
}

async fn cancel(token: CancelToken, target: Target) {
    let cancelled = match target.tls() {
        Ok(Some(tls)) => token.cancel_query(tls).await,
        _ => token.cancel_query(NoTls).await,
    };
    if let Err(error) = cancelled {
        tracing::debug!(%error, "could not cancel a statement");
    }
}
