//! The pool, and reading in one round trip.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, QueueMode, RecyclingMethod, Runtime};
use tokio::sync::oneshot;
use tokio_postgres::error::SqlState;
use tokio_postgres::{NoTls, Row};

use crate::rows::{Rows, Streamed};
use crate::run::Ready;
use crate::{Context, Error, Param, Target, Transaction};

/// How many prepared statements a connection keeps; over that all are forgotten, since callers choose the shape
/// of data requests and could make up new ones without end.
const MAX_PREPARED: usize = 1000;

/// How a pool behaves.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// The most connections that are open at once.
    pub max_connections: usize,
    /// How long a request waits for a free connection.
    pub wait: Duration,
    /// Statements are prepared once per connection. Not through a pooler in transaction mode, which gives each
    /// transaction another connection: there they are parsed each time, still in the same round trip.
    pub prepares: bool,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self { max_connections: 10, wait: Duration::from_secs(10), prepares: true }
    }
}

/// A pool of connections that are logged in as one role. Cheap to clone. Connections are opened when needed.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    target: Arc<Target>,
    prepares: bool,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Db").field(&self.target).finish()
    }
}

impl Db {
    /// A pool for `target`. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Settings`] when TLS cannot be set up.
    pub fn new(target: Target, settings: &PoolSettings) -> Result<Self, Error> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match target.tls()? {
            Some(tls) => Manager::from_config(target.config(), tls, recycling),
            None => Manager::from_config(target.config(), NoTls, recycling),
        };
        let pool = Pool::builder(manager)
            .max_size(settings.max_connections)
            // The connection that was used last has its backend's caches warm, and has prepared what is asked often.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(settings.wait))
            .create_timeout(Some(settings.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Settings(error.to_string()))?;
        Ok(Self { pool, target: Arc::new(target), prepares: settings.prepares })
    }

    /// What the pool connects to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Runs one statement in a transaction of its own with the context's settings: begin, settings, statement
    /// and commit travel together, so it costs one round trip once the statement is prepared.
    ///
    /// The statement may write too unless the context is read only; it is for whatever needs no decision
    /// between statement and commit.
    ///
    /// # Errors
    /// [`Error`] of the first of the four that failed; nothing is changed then.
    pub async fn read(&self, context: &Context, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        let mut results = self.batch(context, &[Query { sql, params }]).await?;
        Ok(results.pop().unwrap_or_default())
    }

    /// The same with several statements, which see each other's effects: one round trip once all are prepared.
    ///
    /// # Errors
    /// [`Error`] of the first that failed; nothing is changed then.
    pub async fn batch(&self, context: &Context, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        match self.batch_once(context, queries).await {
            // A prepared statement whose result changed with the schema; the failed connection was closed.
            Err(error) if is_stale_plan(&error) => self.batch_once(context, queries).await,
            result => result,
        }
    }

    async fn batch_once(&self, context: &Context, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        let mut lease = self.lease().await?;
        let client = lease.client();
        let settings = context.statement();
        let prepared_settings = match &settings {
            Some((text, _)) => Some(lease.ready(text).await?),
            None => None,
        };
        let values: Vec<Param<'_>> =
            settings.iter().flat_map(|(_, values)| values).map(|value| value as Param<'_>).collect();
        let apply = async {
            match &prepared_settings {
                Some(ready) => ready.query(client, &values).await.map(drop),
                None => Ok(()),
            }
        };
        // Statements are prepared inside the transaction: what their names mean depends on the search path, and
        // whether they may be looked up on the role. The commit is sent right behind them, in the same batch
        // when all were prepared before; when preparing fails it ends the failed transaction.
        let (sent, is_sent) = oneshot::channel();
        let run = async {
            let answers = send(&lease, queries).await;
            // Nobody listens any more when the whole batch was dropped.
            let _ = sent.send(());
            let mut results = Vec::with_capacity(queries.len());
            for answer in answers {
                results.push(answer.wait().await?);
            }
            Ok(results)
        };
        let finish = async {
            let _ = is_sent.await;
            client.batch_execute("commit").await
        };
        let (begin, apply, results, commit) =
            tokio::join!(biased; client.batch_execute(context.begin()), apply, run, finish);
        let outcome = begin.and(apply).and(results).and_then(|results| commit.map(|()| results));
        match outcome {
            Ok(results) => {
                lease.release();
                Ok(results)
            }
            Err(error) => Err(lease.settle(error)),
        }
    }

    /// Runs statements like [`Db::batch`], and of the last one gives the rows as they come: the first of them now,
    /// the others in a stream that holds the connection, with what the statements before it gave. Memory is bounded by a few rows.
    ///
    /// # Errors
    /// [`Error`] of the first statement that failed before a row came, or in the stream.
    pub async fn stream(&self, context: &Context, before: &[Query<'_>], last: Query<'_>) -> Result<Streamed, Error> {
        match self.stream_once(context, before, last).await {
            Err(error) if is_stale_plan(&error) => self.stream_once(context, before, last).await,
            result => result,
        }
    }

    async fn stream_once(&self, context: &Context, before: &[Query<'_>], last: Query<'_>) -> Result<Streamed, Error> {
        let mut lease = self.lease().await?;
        match Rows::open(&lease, context, before, last).await {
            Ok(mut streamed) => {
                streamed.rows.hold(lease);
                Ok(streamed)
            }
            Err(error) => {
                // The transaction may still be open; a connection in doubt is closed.
                match lease.client().batch_execute("rollback").await {
                    Ok(()) => Err(lease.settle(error)),
                    Err(_) => Err(Error::Query(error)),
                }
            }
        }
    }

    /// Begins a transaction with the context's settings applied, in one round trip.
    ///
    /// Dropping it undoes it. A connection that is dropped while a statement runs is closed, not reused.
    ///
    /// # Errors
    /// [`Error`] when no connection is free or a setting is refused (an unknown role is SQLSTATE 22023).
    pub async fn write(&self, context: &Context) -> Result<Transaction, Error> {
        let lease = self.lease().await?;
        let client = lease.client();
        let settings = context.statement();
        let begun = match &settings {
            Some((text, values)) => {
                let ready = lease.ready(text).await?;
                let values: Vec<Param<'_>> = values.iter().map(|value| value as Param<'_>).collect();
                let (begin, apply) = tokio::join!(
                    biased;
                    client.batch_execute(context.begin()),
                    ready.query(client, &values),
                );
                begin.and(apply).map(drop)
            }
            None => client.batch_execute(context.begin()).await,
        };
        // On an error the lease drops unreleased, which closes the connection with its open transaction.
        begun?;
        Ok(Transaction::begun(lease))
    }

    async fn lease(&self) -> Result<Lease, Error> {
        let object = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Error::Connect(error),
            PoolError::Timeout(_) => Error::PoolTimeout,
            other => Error::Settings(other.to_string()),
        })?;
        if object.statement_cache.size() > MAX_PREPARED {
            object.statement_cache.clear();
        }
        Ok(Lease { object: Some(object), prepares: self.prepares })
    }
}

/// A statement with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The statement; it is prepared once per connection, where the pool does that.
    pub sql: &'a str,
    /// Its parameters.
    pub params: &'a [Param<'a>],
}

type Answered = Result<Vec<Row>, tokio_postgres::Error>;

/// What comes back of a statement that was sent.
pub(crate) enum Answer<'a> {
    Here(Answered),
    Awaited(Pin<Box<dyn Future<Output = Answered> + Send + 'a>>),
}

impl Answer<'_> {
    pub(crate) async fn wait(self) -> Answered {
        match self {
            Self::Here(rows) => rows,
            Self::Awaited(rows) => rows.await,
        }
    }
}

/// Sends statements without waiting for their answers, unless one has to be prepared first. One that cannot be
/// prepared is the last.
pub(crate) async fn send<'a>(lease: &'a Lease, queries: &'a [Query<'a>]) -> Vec<Answer<'a>> {
    let client = lease.client();
    let mut answers = Vec::with_capacity(queries.len());
    for query in queries {
        let ready = match driving(&mut answers, lease.ready(query.sql)).await {
            Ok(ready) => ready,
            Err(error) => {
                answers.push(Answer::Here(Err(error)));
                break;
            }
        };
        let mut rows: Pin<Box<dyn Future<Output = Answered> + Send + 'a>> =
            Box::pin(async move { ready.query(client, query.params).await });
        // The first poll sends it.
        let first = poll_fn(|context| Poll::Ready(rows.as_mut().poll(context))).await;
        answers.push(match first {
            Poll::Ready(rows) => Answer::Here(rows),
            Poll::Pending => Answer::Awaited(rows),
        });
    }
    answers
}

/// Takes in what comes of statements that were sent while something else is waited for, which would not come before
/// that was taken.
pub(crate) async fn driving<T>(answers: &mut [Answer<'_>], future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    poll_fn(|context| {
        for answer in answers.iter_mut() {
            if let Answer::Awaited(rows) = answer
                && let Poll::Ready(rows) = rows.as_mut().poll(context)
            {
                *answer = Answer::Here(rows);
            }
        }
        future.as_mut().poll(context)
    })
    .await
}

fn is_stale_plan(error: &Error) -> bool {
    error.sqlstate() == Some(&SqlState::FEATURE_NOT_SUPPORTED)
        && error.db().is_some_and(|db| db.message().starts_with("cached plan must not change result type"))
}

/// A connection taken from the pool. It goes back only when released: a future that is dropped midway, as the
/// handler of a client that hangs up is, leaves it in an unknown state, and then it is closed.
pub(crate) struct Lease {
    object: Option<Object>,
    prepares: bool,
}

impl Lease {
    /// A statement that can be sent at once: preparing it, if need be, is over.
    pub(crate) async fn ready<'a>(&self, sql: &'a str) -> Result<Ready<'a>, tokio_postgres::Error> {
        Ready::new(self.client(), self.prepares, sql).await
    }

    pub(crate) fn client(&self) -> &Object {
        self.object.as_ref().expect("a lease holds its connection until it is released")
    }

    /// Gives the connection back to the pool, which must be outside a transaction.
    pub(crate) fn release(&mut self) {
        drop(self.object.take());
    }

    /// After a failed batch: the server has rolled back, so the connection is clean, unless it is broken or
    /// holds a stale plan.
    fn settle(&mut self, error: tokio_postgres::Error) -> Error {
        let error = Error::Query(error);
        if error.db().is_some() && !is_stale_plan(&error) {
            self.release();
        }
        error
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}
