//! A transaction with its caller's settings applied.

use crate::context::Bounds;
use crate::db::Lease;
use crate::wire::{Answer, Connection, Group, Row, Status};
use crate::{Context, Error, Param, Query};

/// An open transaction; dropped without [`Transaction::commit`] it is undone.
#[must_use = "a transaction that is dropped is undone"]
pub struct Transaction {
    /// Taken when it is dropped.
    lease: Option<Lease>,
    /// What it begins with; gone once that has been sent.
    context: Option<Context>,
    /// Whether a function of somebody else has run, which may have set anything for the session.
    has_called: bool,
    /// What is done once the changes last.
    afterwards: Vec<Box<dyn FnOnce() + Send>>,
}

impl Transaction {
    pub(crate) fn new(lease: Lease, context: Context) -> Self {
        Self { lease: Some(lease), context: Some(context), has_called: false, afterwards: Vec::new() }
    }

    /// Runs a statement and returns its rows. The statement is prepared once per connection.
    ///
    /// # Errors
    /// [`Error::Query`]; the transaction can then only be rolled back (or back to a savepoint).
    pub async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        Ok(self.run(sql, params).await?.rows)
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
        Ok(self.run(sql, params).await?.affected)
    }

    /// Runs a statement that calls a function which is not ours, and returns its one row. It is parsed each time, since
    /// the function may be another one by now; and what it sets for the session ends with the transaction, so that it
    /// does not meet whoever gets the connection next.
    ///
    /// # Errors
    /// As [`Transaction::query_one`].
    pub async fn call(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Row, Error> {
        self.has_called = true;
        let mut group = self.group()?;
        group.once(Query { sql, params })?;
        let mut rows = group.finish().await?.pop().unwrap_or_default().rows;
        let found = rows.len();
        rows.pop().filter(|_| found == 1).ok_or(Error::RowCount { found, expected: "one" })
    }

    /// Runs a statement with the next one, or with the commit, in the same round trip.
    ///
    /// # Errors
    /// When a value does not fit, or the statement cannot be prepared. If it fails, what comes next does.
    pub async fn defer(&mut self, sql: &str, params: &[Param<'_>]) -> Result<(), Error> {
        self.group()?.defer(Query { sql, params }).await
    }

    /// Runs constant SQL without parameters: savepoints, several statements, statements that cannot be prepared.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        self.group()?.finish().await?;
        self.connection().simple(sql).await
    }

    /// Does something as soon as the changes last, and nothing when they are undone. It must not wait for anybody.
    pub fn after_commit(&mut self, what: impl FnOnce() + Send + 'static) {
        self.afterwards.push(Box::new(what));
    }

    /// Makes the changes last.
    ///
    /// # Errors
    /// [`Error::Query`] when a deferred constraint fails or the connection broke.
    pub async fn commit(mut self) -> Result<(), Error> {
        // Where nothing was begun there is nothing to commit.
        if self.context.is_none() {
            let has_called = self.has_called;
            let mut group = self.group()?;
            if has_called {
                // Rolled back, there would be nothing left of what was set. The role is none of all.
                group.plain("set session authorization default", &[])?;
                group.plain("reset all", &[])?;
            }
            group.plain("commit", &[])?;
            group.finish().await?;
        }
        self.afterwards.drain(..).for_each(|what| what());
        Ok(())
    }

    /// Undoes the changes and waits until that is done.
    ///
    /// # Errors
    /// [`Error::Query`] when the connection broke.
    pub async fn rollback(mut self) -> Result<(), Error> {
        let connection = self.connection();
        connection.discard();
        if connection.status() == Status::Idle {
            return Ok(());
        }
        connection.simple("rollback").await
    }

    async fn run(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Answer, Error> {
        let mut group = self.group()?;
        group.add(Query { sql, params }).await?;
        Ok(group.finish().await?.pop().unwrap_or_default())
    }

    /// What is sent next, with the beginning of the transaction in front of its first statement.
    fn group(&mut self) -> Result<Group<'_>, Error> {
        let begin = self.context.take();
        let lease = self.lease.as_mut().expect("a transaction holds its connection until it is dropped");
        let mut group = lease.group();
        if let Some(context) = begin {
            group.begin(&context, Bounds::Said(context.begin()))?;
        }
        Ok(group)
    }

    fn connection(&mut self) -> &mut Connection {
        self.lease.as_mut().expect("a transaction holds its connection until it is dropped").connection()
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(mut lease) = self.lease.take() else { return };
        let connection = lease.connection();
        connection.discard();
        if !matches!(connection.status(), Status::Open | Status::Failed) {
            return; // back to the pool, or closed where a statement was broken off
        }
        // An early return after an error is ordinary; undo in the background and keep the connection.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // When it fails the connection is in doubt, and closed.
                let _ = lease.connection().simple("rollback").await;
            });
        }
    }
}
