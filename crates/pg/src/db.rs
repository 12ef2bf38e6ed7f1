//! The pool, and reading in one round trip.

use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::DbError;
use crate::rows::{Rows, Streamed};
use crate::wire::{Connection, Group, Row, Status};
use crate::{Context, Error, Param, Target, Transaction};

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
    pool: Pool<Logins>,
    target: Arc<Target>,
    settings: PoolSettings,
    /// How many more connections may be taken this way, where that is bounded.
    turns: Option<Arc<Semaphore>>,
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
        let target = Arc::new(target);
        let logins = Logins { tls: target.tls()?, target: Arc::clone(&target) };
        let pool = Pool::builder(logins)
            .max_size(settings.max_connections)
            // The connection that was used last has its backend's caches warm, and has prepared what is asked often.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(settings.wait))
            .create_timeout(Some(settings.wait))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Settings(error.to_string()))?;
        Ok(Self { pool, target, settings: settings.clone(), turns: None })
    }

    /// The same pool, of which all who take this way have at most half at once: for transactions that wait for
    /// somebody else. Who has to wait for a turn holds no connection meanwhile, and the other half stays free. For how
    /// long one waits for the others is the caller's to say: it is not the database that is slow.
    #[must_use]
    pub fn half(&self) -> Self {
        let turns = (self.pool.status().max_size / 2).max(1);
        Self { turns: Some(Arc::new(Semaphore::new(turns))), ..self.clone() }
    }

    /// Further connections of the same kind: for what must not wait for a free one of this pool.
    ///
    /// # Errors
    /// As [`Db::new`].
    pub fn beside(&self, max_connections: usize) -> Result<Self, Error> {
        Self::new(Target::clone(&self.target), &PoolSettings { max_connections, ..self.settings.clone() })
    }

    /// How many connections the pool has at most.
    #[must_use]
    pub fn max_connections(&self) -> usize {
        self.pool.status().max_size
    }

    /// What the pool connects to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Runs one statement in a transaction of its own with the context's settings: all of it travels together, so
    /// it costs one round trip once the statement is prepared.
    ///
    /// The statement may write too unless the context is read only; it is for whatever needs no decision
    /// between statement and commit.
    ///
    /// # Errors
    /// [`Error`] of what failed; nothing is changed then.
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
            Err(error) if is_stale_plan(&error) => self.batch_once(context, queries).await,
            result => result,
        }
    }

    async fn batch_once(&self, context: &Context, queries: &[Query<'_>]) -> Result<Vec<Vec<Row>>, Error> {
        let mut lease = self.lease().await?;
        let mut group = lease.group();
        let answered = async {
            group.transaction(context, queries).await?;
            group.finish().await
        };
        match answered.await {
            Ok(answers) => Ok(answers.into_iter().map(|answer| answer.rows).collect()),
            Err(error) => Err(lease.undone(error).await),
        }
    }

    /// Runs statements like [`Db::batch`], and of the last one gives the rows as they come: the first of them now,
    /// the others in a stream that holds the connection, with what the statements before it gave. Memory is bounded by a few rows.
    ///
    /// # Errors
    /// [`Error`] of the first statement that failed before a row came, or in the stream.
    pub async fn stream(&self, context: &Context, before: &[Query<'_>], last: Query<'_>) -> Result<Streamed, Error> {
        match Rows::open(self.lease().await?, context, before, last).await {
            Err(error) if is_stale_plan(&error) => Rows::open(self.lease().await?, context, before, last).await,
            result => result,
        }
    }

    /// Begins a transaction with the context's settings. It is begun with its first statement, in the same round
    /// trip, so that a setting that is refused (an unknown role is SQLSTATE 22023) shows there.
    ///
    /// Dropping it undoes it. A connection that is dropped while a statement runs is closed, not reused.
    ///
    /// # Errors
    /// [`Error`] when no connection is free.
    pub async fn write(&self, context: &Context) -> Result<Transaction, Error> {
        Ok(Transaction::new(self.lease().await?, context.clone()))
    }

    /// Runs one constant statement outside any transaction, as `vacuum` wants it.
    ///
    /// # Errors
    /// [`Error`] of the statement.
    pub async fn maintain(&self, sql: &'static str) -> Result<(), Error> {
        self.lease().await?.connection().simple(sql).await
    }

    async fn lease(&self) -> Result<Lease, Error> {
        let turn = self.turn().await;
        let object = self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error,
            PoolError::Timeout(_) => Error::PoolTimeout,
            other => Error::Settings(other.to_string()),
        })?;
        Ok(Lease { object: Some(object), prepares: self.settings.prepares, _turn: turn })
    }

    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.turns.as_ref()?).acquire_owned().await.ok() // nobody closes it
    }
}

/// Opens the connections of a pool.
struct Logins {
    target: Arc<Target>,
    tls: Option<MakeRustlsConnect>,
}

impl Manager for Logins {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        Connection::open(&self.target, self.tls.as_ref()).await
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Error> {
        if connection.is_usable() { Ok(()) } else { Err(RecycleError::message("the connection has ended")) }
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

/// Whether a prepared statement's result changed with the schema; its connection was closed, so that the next one
/// prepares it anew.
fn is_stale_plan(error: &Error) -> bool {
    error.db().is_some_and(DbError::is_stale_plan)
}

/// A connection taken from the pool. It goes back if it is outside a transaction: a future that is dropped midway, as
/// the handler of a client that hangs up is, leaves it in an unknown state, and then it is closed.
pub(crate) struct Lease {
    object: Option<Object<Logins>>,
    prepares: bool,
    /// Given up behind the connection.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Statements that are sent together.
    pub(crate) fn group(&mut self) -> Group<'_> {
        let prepares = self.prepares;
        Group::new(self.connection(), prepares)
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        self.object.as_mut().expect("a lease holds its connection until it is dropped")
    }

    /// Undoes what a failed statement has left open, and gives the connection back where that works.
    pub(crate) async fn undone(mut self, error: Error) -> Error {
        let connection = self.connection();
        connection.discard();
        if matches!(connection.status(), Status::Open | Status::Failed) {
            // When it fails the connection is in doubt, and closed.
            let _ = connection.simple("rollback").await;
        }
        error
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut object) = self.object.take() else { return };
        object.discard();
        if object.status() != Status::Idle {
            drop(Object::take(object));
        }
    }
}
