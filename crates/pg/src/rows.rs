//! Rows of a statement that are fetched one by one, in a transaction that ends behind them.

use std::pin::Pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Row, RowStream, SimpleQueryStream};

use crate::db::{Lease, send};
use crate::{Context, Error, Param, Query};

/// The first row of a statement, if there is any, and the others.
#[derive(Debug)]
pub struct Streamed {
    /// The first row.
    pub first: Option<Row>,
    /// All further rows.
    pub rows: Rows,
}

/// Rows that still come. Dropped before its end it closes its connection, which is in the middle of them.
pub struct Rows {
    rows: Pin<Box<RowStream>>,
    commit: Pin<Box<SimpleQueryStream>>,
    lease: Option<Lease>,
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl Rows {
    pub(crate) async fn open(
        lease: &Lease,
        context: &Context,
        before: &[Query<'_>],
        last: Query<'_>,
    ) -> Result<(Option<Row>, Self), tokio_postgres::Error> {
        let client = lease.client();
        let settings = context.statement();
        let apply = match &settings {
            Some((text, _)) => Some(lease.ready(text).await?),
            None => None,
        };
        let values: Vec<Param<'_>> =
            settings.iter().flat_map(|(_, values)| values).map(|value| value as Param<'_>).collect();
        let applied = async {
            match &apply {
                Some(ready) => ready.query(client, &values).await.map(drop),
                None => Ok(()),
            }
        };
        let run = async {
            let answers = send(lease, before).await;
            let rows = lease.ready(last.sql).await?.stream(client, last.params).await;
            for answer in answers {
                answer.wait().await?;
            }
            rows
        };
        let (begin, applied, rows) = tokio::join!(biased; client.batch_execute(context.begin()), applied, run);
        let mut rows = Box::pin(begin.and(applied).and(rows)?);
        let first = rows.try_next().await?;
        // Sent now, answered behind the rows.
        let commit = Box::pin(client.simple_query_raw("commit").await?);
        Ok((first, Self { rows, commit, lease: None }))
    }

    /// Takes the connection that the rows come over.
    pub(crate) fn hold(&mut self, lease: Lease) {
        self.lease = Some(lease);
    }

    /// The next row; after the last one the transaction has ended and the connection is given back.
    ///
    /// # Errors
    /// [`Error::Query`]; the stream is over then.
    pub async fn next(&mut self) -> Result<Option<Row>, Error> {
        if self.lease.is_none() {
            return Ok(None);
        }
        match self.advance().await {
            Ok(Some(row)) => Ok(Some(row)),
            Ok(None) => {
                self.lease.take().iter_mut().for_each(Lease::release);
                Ok(None)
            }
            Err(error) => {
                drop(self.lease.take());
                Err(Error::Query(error))
            }
        }
    }

    async fn advance(&mut self) -> Result<Option<Row>, tokio_postgres::Error> {
        if let Some(row) = self.rows.try_next().await? {
            return Ok(Some(row));
        }
        while self.commit.try_next().await?.is_some() {}
        Ok(None)
    }
}
