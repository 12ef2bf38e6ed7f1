//! One connection: its messages, the statements that it has prepared, and where in a transaction it is.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use postgres_protocol::message::backend::{ErrorResponseBody, Message};
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio_postgres::types::Type;

use super::group::Step;
use super::row::Columns;
use super::statement::Statement;
use super::stream::Stream;
use crate::Error;
use crate::error::{Cause, DbError};

/// How much is read at a time, and kept ready for, in bytes.
const READ: usize = 8 * 1024;

/// Buffers that a large statement or row has made larger than this are given up, in bytes.
const KEPT: usize = 64 * 1024;

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
    pub(super) outbound: BytesMut,
    pub(super) statements: HashMap<Box<str>, Statement>,
    /// What the server is told to parse in the group under way, in order; a statement without a name is none.
    pub(super) parsing: VecDeque<Option<(Box<str>, Statement)>>,
    /// How many names were given to statements.
    pub(super) names: u64,
    /// What was added and not answered yet.
    pub(super) steps: Vec<Step>,
    pub(super) status: Status,
    /// The columns of the rows that are being read.
    pub(super) columns: Columns,
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

    /// The value of a setting.
    pub(super) async fn show(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.add_unnamed("select current_setting($1)", &[(&name, Type::TEXT)])?;
        self.send_group().await?;
        let mut value = None;
        while let Some(row) = self.row().await? {
            value = row.try_get(0)?;
        }
        self.end().await?;
        Ok(value)
    }

    /// Sends what was added as a group.
    pub(super) async fn send_group(&mut self) -> Result<(), Error> {
        frontend::sync(&mut self.outbound);
        self.send().await
    }

    /// Sends what was added, which has the end of a group in it.
    pub(super) async fn send(&mut self) -> Result<(), Error> {
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

pub(super) fn unexpected() -> Error {
    broken(io::Error::other("the database sent a message that does not belong here"))
}
