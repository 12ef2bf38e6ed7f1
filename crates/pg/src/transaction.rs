//! A transaction with its caller's settings applied.

use tokio_postgres::Row;

use crate::db::Lease;
use crate::{Error, Param};

/// An open transaction; dropped without [`Transaction::commit`] it is undone.
#[must_use = "a transaction that is dropped is undone"]
pub struct Transaction {
    lease: Option<Lease>,
    /// Set while a statement runs; a drop then happens in the middle of it.
    busy: bool,
}

impl Transaction {
    pub(crate) fn begun(lease: Lease) -> Self {
        Self { lease: Some(lease), busy: false }
    }

    /// Runs a statement and returns its rows. The statement is prepared once per connection.
    ///
    /// # Errors
    /// [`Error::Query`]; the transaction can then only be rolled back (or back to a savepoint).
    pub async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        self.busy = true;
        let lease = self.lease();
        let result = async { lease.ready(sql).await?.query(lease.client(), params).await }.await;
        self.busy = false;
        Ok(result?)
    }

    /// Runs a statement that returns at most one row.
    ///
    /// # Errors
    /// As [`Transaction::query`], and [`Error::RowCount`] for more than one row.
    pub async fn query_opt(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, Error> {
        let mut rows = self.query(sql, params).await?;
        match rows.len() {
            0 | 1 => Ok(rows.pop()),
            found => Err(Error::RowCount { found, expected: "at most one" }),
        }
    }

    /// Runs a statement that returns exactly one row.
    ///
    /// # Errors
    /// As [`Transaction::query`], and [`Error::RowCount`] for any other number of rows.
    pub async fn query_one(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Row, Error> {
        self.query_opt(sql, params).await?.ok_or(Error::RowCount { found: 0, expected: "one" })
    }

    /// Runs a statement and returns how many rows it affected.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, Error> {
        self.busy = true;
        let lease = self.lease();
        let result = async { lease.ready(sql).await?.execute(lease.client(), params).await }.await;
        self.busy = false;
        Ok(result?)
    }

    /// Runs constant SQL without parameters: savepoints, several statements, statements that cannot be prepared.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.busy = true;
        let result = self.lease().client().batch_execute(sql).await;
        self.busy = false;
        Ok(result?)
    }

    /// Makes the changes last.
    ///
    /// # Errors
    /// [`Error::Query`] when a deferred constraint fails or the connection broke.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.end("commit").await
    }

    /// Undoes the changes and waits until that is done.
    ///
    /// # Errors
    /// [`Error::Query`] when the connection broke.
    pub async fn rollback(mut self) -> Result<(), Error> {
        self.end("rollback").await
    }

    async fn end(&mut self, command: &str) -> Result<(), Error> {
        // Taken out first: if this future is dropped, or the command fails, the lease closes the connection.
        let mut lease = self.lease.take().expect("a transaction ends once");
        lease.client().batch_execute(command).await?;
        lease.release();
        Ok(())
    }

    fn lease(&self) -> &Lease {
        self.lease.as_ref().expect("a transaction holds its connection until it ends")
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        if self.busy {
            return; // dropping the lease closes the connection
        }
        // An early return after an error is ordinary; undo in the background and keep the connection.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if lease.client().batch_execute("rollback").await.is_ok() {
                    lease.release();
                }
            });
        }
    }
}
