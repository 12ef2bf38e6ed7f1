//! One connection: its messages, the statements that it has prepared, and where in a transaction it is.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend::{self, BindError};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio_postgres::types::{Format, Type};

use super::group::Step;
use super::row::{Columns, columns, type_of};
use super::stream::Stream;
use crate::error::{Cause, DbError};
use crate::{Error, Param};

/// How much is read at a time, and kept ready for, in bytes.
const READ: usize = 8 * 1024;

/// Buffers that a large statement or row has made larger than this are given up, in bytes.
const KEPT: usize = 64 * 1024;

/// How many prepared statements a connection keeps; over that all are forgotten, since callers choose the shape
/// of data requests and could make up new ones without end.
const MAX_PREPARED: usize = 1000;

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Outside a transaction; nothing is under way.
    Idle,
    /// In a transaction.
    Open,
    /// In a transaction that can only be undone.
    Failed,
    /// Between the messages of a group, or broken: what comes next is not known.
    Doubtful,
}

/// A connection that has logged in.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    inbound: BytesMut,
    outbound: BytesMut,
    statements: HashMap<Box<str>, Statement>,
    /// What the server is told to parse in the group under way, in order; a statement without a name is none.
    parsing: VecDeque<Option<(Box<str>, Statement)>>,
    names: u64,
    /// What was added and not answered yet.
    pub(super) steps: Vec<Step>,
    status: Status,
    /// The columns of the rows that are being read.
    pub(super) columns: Columns,
}

/// A statement that the server knows by a name.
#[derive(Clone)]
pub(super) struct Statement(Arc<Known>);

struct Known {
    name: String,
    params: Vec<Type>,
    columns: Columns,
}

impl Statement {
    pub(super) fn columns(&self) -> Columns {
        Arc::clone(&self.0.columns)
    }
}

impl Connection {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            inbound: BytesMut::with_capacity(READ),
            outbound: BytesMut::with_capacity(READ),
            statements: HashMap::new(),
            parsing: VecDeque::new(),
            names: 0,
            steps: Vec::new(),
            status: Status::Idle,
            columns: Columns::from([]),
        }
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    /// Forgets what was added and not sent.
    pub(crate) fn discard(&mut self) {
        self.outbound.clear();
        self.parsing.clear();
        self.steps.clear();
    }

    /// Whether the connection can be used again: nothing was left over, and the server has not ended it meanwhile.
    pub(crate) fn is_usable(&mut self) -> bool {
        // Only what is here already, which costs no system call while nothing is.
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match tokio_util::io::poll_read_buf(Pin::new(&mut self.stream), &mut context, &mut self.inbound) {
                Poll::Pending => break,
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(_) => return false,
            }
        }
        // Notices and changed parameters may come at any time; an error then says why the server ends the connection.
        loop {
            match Message::parse(&mut self.inbound) {
                Ok(Some(message)) if is_unasked(&message) => {}
                Ok(None) => return true,
                Ok(Some(_)) | Err(_) => return false,
            }
        }
    }

    pub(super) fn statement(&self, sql: &str) -> Option<&Statement> {
        self.statements.get(sql)
    }

    /// Tells the server to forget statements, with the next group, when there are too many.
    pub(crate) fn forget(&mut self) -> Result<(), Error> {
        if self.statements.len() > MAX_PREPARED {
            for (_, statement) in self.statements.drain() {
                frontend::close(b'S', &statement.0.name, &mut self.outbound).map_err(unsent)?;
            }
        }
        Ok(())
    }

    /// Adds a prepared statement with its parameters to what is sent next.
    pub(super) fn add(&mut self, statement: &Statement, params: &[Param<'_>]) -> Result<(), Error> {
        let added = self.try_add(statement, params);
        self.or_doubt(added)
    }

    fn try_add(&mut self, statement: &Statement, params: &[Param<'_>]) -> Result<(), Error> {
        let known = &statement.0;
        if known.params.len() != params.len() {
            let why = format!("a statement takes {} values and was given {}", known.params.len(), params.len());
            return Err(Error::Query(Cause::Value(why.into())));
        }
        self.bind(&known.name, params.iter().copied().zip(&known.params))?;
        self.execute()
    }

    /// Adds a statement that is parsed for this one time.
    pub(super) fn add_unnamed(&mut self, sql: &str, params: &[(Param<'_>, Type)]) -> Result<(), Error> {
        let added = self.try_add_unnamed(sql, params);
        self.or_doubt(added)
    }

    fn try_add_unnamed(&mut self, sql: &str, params: &[(Param<'_>, Type)]) -> Result<(), Error> {
        let types = params.iter().map(|(_, type_)| type_.oid());
        frontend::parse("", sql, types, &mut self.outbound).map_err(unsent)?;
        self.parsing.push_back(None);
        self.bind("", params.iter().map(|(param, type_)| (*param, type_)))?;
        frontend::describe(b'P', "", &mut self.outbound).map_err(unsent)?;
        self.execute()
    }

    /// After half a message nothing more can be sent.
    fn or_doubt(&mut self, added: Result<(), Error>) -> Result<(), Error> {
        added.inspect_err(|_| self.status = Status::Doubtful)
    }

    /// Adds a statement that takes only text and whose rows nobody reads. It can be prepared in the same group, since
    /// nothing about it has to be asked.
    pub(super) fn add_plain(&mut self, sql: &str, texts: &[&str]) -> Result<(), Error> {
        let params: Vec<Param<'_>> = texts.iter().map(|text| text as Param<'_>).collect();
        if let Some(statement) = self.statements.get(sql).cloned() {
            return self.add(&statement, &params);
        }
        let types = vec![Type::TEXT; params.len()];
        let statement = Statement(Arc::new(Known { name: self.name(), params: types, columns: Columns::from([]) }));
        let oids = statement.0.params.iter().map(Type::oid);
        frontend::parse(&statement.0.name, sql, oids, &mut self.outbound).map_err(unsent)?;
        self.parsing.push_back(Some((sql.into(), statement.clone())));
        self.add(&statement, &params)
    }

    /// Adds statements without parameters and without results, which are a group of their own.
    pub(super) fn add_simple(&mut self, sql: &str) -> Result<(), Error> {
        frontend::query(sql, &mut self.outbound).map_err(unsent)
    }

    /// Prepares a statement, in one round trip.
    ///
    /// # Errors
    /// [`Error::Query`]; a transaction around it has failed then.
    pub(super) async fn prepare(&mut self, sql: &str) -> Result<(), Error> {
        let name = self.name();
        frontend::parse(&name, sql, [], &mut self.outbound).map_err(unsent)?;
        frontend::describe(b'S', &name, &mut self.outbound).map_err(unsent)?;
        self.send(true).await?;
        let mut statement = Known { name, params: Vec::new(), columns: Columns::from([]) };
        loop {
            match self.message().await? {
                Message::ParseComplete => {}
                Message::ParameterDescription(body) => {
                    let types = body.parameters().map(|oid| Ok(type_of(oid))).collect();
                    statement.params = types.map_err(broken)?;
                }
                Message::RowDescription(body) => {
                    statement.columns = columns(&body).map_err(broken)?;
                    break;
                }
                Message::NoData => break,
                Message::ErrorResponse(body) => return Err(self.failed(&body).await),
                _ => return Err(unexpected()),
            }
        }
        self.end().await?;
        self.statements.insert(sql.into(), Statement(Arc::new(statement)));
        Ok(())
    }

    /// The value of a setting.
    pub(super) async fn show(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.add_unnamed("select current_setting($1)", &[(&name, Type::TEXT)])?;
        self.send(true).await?;
        let mut value = None;
        while let Some(row) = self.row().await? {
            value = row.try_get(0)?;
        }
        self.end().await?;
        Ok(value)
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("s{}", self.names)
    }

    fn bind<'a>(
        &mut self,
        statement: &str,
        values: impl Iterator<Item = (Param<'a>, &'a Type)> + Clone,
    ) -> Result<(), Error> {
        let format = |format: Format| match format {
            Format::Text => 0,
            Format::Binary => 1,
        };
        let formats: Vec<i16> = values.clone().map(|(param, type_)| format(param.encode_format(type_))).collect();
        let encode = |(param, type_): (Param<'_>, &Type), buffer: &mut BytesMut| {
            param.to_sql_checked(type_, buffer).map(|is_null| match is_null {
                tokio_postgres::types::IsNull::Yes => IsNull::Yes,
                tokio_postgres::types::IsNull::No => IsNull::No,
            })
        };
        frontend::bind("", statement, formats, values, encode, Some(1), &mut self.outbound).map_err(|error| match error
        {
            BindError::Conversion(error) => Error::Query(Cause::Value(error)),
            BindError::Serialization(error) => unsent(error),
        })
    }

    fn execute(&mut self) -> Result<(), Error> {
        frontend::execute("", 0, &mut self.outbound).map_err(unsent)
    }

    /// Sends what was added, with the end of a group behind it unless that is in it already.
    pub(super) async fn send(&mut self, is_to_be_ended: bool) -> Result<(), Error> {
        if is_to_be_ended {
            frontend::sync(&mut self.outbound);
        }
        if self.status == Status::Doubtful {
            return Err(broken(io::Error::other("the connection is in doubt after an error")));
        }
        self.status = Status::Doubtful;
        poll_fn(|context| self.poll_send(context)).await.map_err(broken)?;
        if self.outbound.capacity() > KEPT {
            self.outbound = BytesMut::with_capacity(READ);
        }
        Ok(())
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbound.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, &self.outbound) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => self.outbound.advance(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                // The server may be waiting for us to take in its answers before it reads on.
                Poll::Pending => {
                    let stream = Pin::new(&mut self.stream);
                    match tokio_util::io::poll_read_buf(stream, context, &mut self.inbound) {
                        Poll::Ready(Ok(0)) => return Poll::Ready(Err(closed())),
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// The next message that answers something.
    pub(super) async fn message(&mut self) -> Result<Message, Error> {
        loop {
            match Message::parse(&mut self.inbound).map_err(broken)? {
                Some(Message::ParseComplete) if !self.parsing.is_empty() => {
                    if let Some(Some((sql, statement))) = self.parsing.pop_front() {
                        self.statements.insert(sql, statement);
                    }
                }
                Some(message) if is_unasked(&message) => {}
                Some(message) => return Ok(message),
                None => {
                    self.inbound.reserve(READ);
                    if self.stream.read_buf(&mut self.inbound).await.map_err(broken)? == 0 {
                        return Err(broken(closed()));
                    }
                }
            }
        }
    }

    /// Reads up to the end of a group.
    ///
    /// # Errors
    /// [`Error::Query`] when the commit fails, as that of a transaction which nothing but the group bounds does here.
    pub(super) async fn end(&mut self) -> Result<(), Error> {
        match self.message().await? {
            Message::ReadyForQuery(body) => self.ready(body.status()),
            Message::ErrorResponse(body) => Err(self.failed(&body).await),
            _ => Err(unexpected()),
        }
    }

    /// A group has come to its end.
    pub(super) fn ready(&mut self, status: u8) -> Result<(), Error> {
        self.status = match status {
            b'I' => Status::Idle,
            b'T' => Status::Open,
            b'E' => Status::Failed,
            _ => return Err(unexpected()),
        };
        if self.inbound.is_empty() && self.inbound.capacity() > KEPT {
            self.inbound = BytesMut::with_capacity(READ);
        }
        Ok(())
    }

    async fn skip_to_end(&mut self) -> Result<(), Error> {
        loop {
            if let Message::ReadyForQuery(body) = self.message().await? {
                return self.ready(body.status());
            }
        }
    }

    /// Reads up to the end of the group in which a statement failed: the server has skipped what stood behind it.
    pub(super) async fn failed(&mut self, body: &ErrorResponseBody) -> Error {
        let error = DbError::read(body);
        self.parsing.clear();
        if let Err(error) = self.skip_to_end().await {
            return error;
        }
        if error.is_stale_plan() {
            // The statement would fail again and again.
            self.status = Status::Doubtful;
        }
        Error::Query(Cause::Database(Box::new(error)))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.status != Status::Idle {
            return;
        }
        // A farewell for the server's log, if it can be said at once.
        let mut farewell = BytesMut::new();
        frontend::terminate(&mut farewell);
        let mut context = Context::from_waker(Waker::noop());
        let _ = Pin::new(&mut self.stream).poll_write(&mut context, &farewell);
        let _ = Pin::new(&mut self.stream).poll_flush(&mut context);
    }
}

/// Whether a message answers nothing, so that it may come at any time.
fn is_unasked(message: &Message) -> bool {
    matches!(
        message,
        Message::NoticeResponse(_)
            | Message::ParameterStatus(_)
            | Message::NotificationResponse(_)
            | Message::CloseComplete
    )
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the database closed the connection")
}

pub(super) fn broken(error: io::Error) -> Error {
    Error::Query(Cause::Broken(error))
}

/// A message that cannot be made, of a text with a zero in it or too long.
fn unsent(error: io::Error) -> Error {
    Error::Query(Cause::Value(error.into()))
}

pub(super) fn unexpected() -> Error {
    broken(io::Error::other("the database sent a message that does not belong here"))
}
