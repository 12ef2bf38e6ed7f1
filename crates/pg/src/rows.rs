//! Rows of a statement that are fetched one by one, in a transaction that ends behind them.

use crate::db::Lease;
use crate::wire::Row;
use crate::{Context, Error, Query};

/// The first row of a statement, if there is any, and the others.
#[derive(Debug)]
pub struct Streamed {
    /// The rows of the statements before it.
    pub before: Vec<Vec<Row>>,
    /// The first row.
    pub first: Option<Row>,
    /// All further rows.
    pub rows: Rows,
}

/// Rows that still come. Dropped before its end it closes its connection, which is in the middle of them.
pub struct Rows {
    lease: Option<Lease>,
    is_committed: bool,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Rows {
    pub(crate) async fn open(
        mut lease: Lease,
        context: &Context,
        before: &[Query<'_>],
        last: Query<'_>,
    ) -> Result<Streamed, Error> {
        let queries: Vec<Query<'_>> = before.iter().copied().chain([last]).collect();
        let mut group = lease.group();
        let opened = async {
            group.transaction(context, &queries).await?;
            group.streamed().await
        };
        let (answers, is_committed) = match opened.await {
            Ok(opened) => opened,
            Err(error) => return Err(lease.undone(error).await),
        };
        let mut rows = Self { lease: Some(lease), is_committed };
        let first = rows.next().await?;
        let before = answers.into_iter().map(|answer| answer.rows).collect();
        Ok(Streamed { before, first, rows })
    }

    /// The next row; after the last one the transaction has ended and the connection is given back.
    ///
    /// # Errors
    /// [`Error::Query`]; the stream is over then.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        let Some(lease) = &mut self.lease else { return Ok(None) };
        let connection = lease.connection();
        let next = match connection.row().await {
            Ok(None) => connection.conclude(self.is_committed).await.map(|()| None),
            next => next,
        };
        match next {
            Ok(Some(row)) => Ok(Some(row)),
            Ok(None) => {
                self.lease = None;
                Ok(None)
            }
            Err(error) => match self.lease.take() {
                Some(lease) => Err(lease.undone(error).await),
                None => Err(error),
            },
        }
    }
}
