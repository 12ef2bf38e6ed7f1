//! Rows of a statement that are fetched one by one, in a transaction that ends behind them.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use futures_util::TryStreamExt;
use tokio_postgres::{Row, RowStream, SimpleQueryStream};

use crate::db::{Lease, driving, send};
use crate::{Context, Error, Param, Query};

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
    ) -> Result<Streamed, tokio_postgres::Error> {
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
            let mut answers = send(lease, before).await;
            let ready = driving(&mut answers, lease.ready(last.sql)).await?;
            let mut rows = std::pin::pin!(ready.stream(client, last.params));
            // The first poll sends it; the commit is sent right behind it and answered behind the rows.
            let here = poll_fn(|context| Poll::Ready(rows.as_mut().poll(context))).await;
            let commit = client.simple_query_raw("commit").await?;
            let rows = match here {
                Poll::Ready(rows) => rows,
                Poll::Pending => driving(&mut answers, rows).await,
            };
            let mut results = Vec::with_capacity(before.len());
            for answer in answers {
                results.push(answer.wait().await?);
            }
            Ok((results, rows?, commit))
        };
        let (begin, applied, sent) = tokio::join!(biased; client.batch_execute(context.begin()), applied, run);
        let (before, rows, commit) = begin.and(applied).and(sent)?;
        let mut rows = Box::pin(rows);
        let first = rows.try_next().await?;
        Ok(Streamed { before, first, rows: Self { rows, commit: Box::pin(commit), lease: None } })
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
