//! A connection of one's own, outside any pool, for administrators: any SQL as text, streamed, with notices,
//! and cancelled when it is dropped.

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, CancelToken, Client, NoTls, SimpleQueryMessage};

use crate::{Error, Param, Target};

/// A connection that is logged in as an administrator. Dropping it cancels what still runs and closes it.
pub struct Session {
    client: Client,
    messages: mpsc::Receiver<AsyncMessage>,
    target: Target,
}

impl Session {
    /// Opens a connection.
    ///
    /// # Errors
    /// [`Error::Connect`] when the server cannot be reached or refuses.
    pub async fn open(target: &Target) -> Result<Self, Error> {
        let (client, messages) = target.connect().await?;
        Ok(Self { client, messages, target: target.clone() })
    }

    /// Runs any number of statements as text and streams what comes: for each statement a description of its
    /// columns if it has any, its rows, and its completion. Values are PostgreSQL's text.
    ///
    /// # Errors
    /// [`Error::Query`], here or in the stream.
    pub async fn run(&self, sql: &str) -> Result<impl Stream<Item = Result<SimpleQueryMessage, Error>> + use<>, Error> {
        let stream = self.client.simple_query_raw(sql).await?;
        Ok(stream.map(|message| message.map_err(Error::from)))
    }

    /// Runs statements for their effect.
    ///
    /// # Errors
    /// [`Error::Query`] of the first that fails.
    pub async fn batch(&self, sql: &str) -> Result<(), Error> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Runs one statement with parameters.
    ///
    /// # Errors
    /// [`Error::Query`].
    pub async fn query(&self, sql: &str, params: &[Param<'_>]) -> Result<Vec<tokio_postgres::Row>, Error> {
        Ok(self.client.query(sql, params).await?)
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
