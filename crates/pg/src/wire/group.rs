//! Statements that travel together, and what comes back of them.

use postgres_protocol::message::backend::Message;
use tokio_postgres::types::Type;

use super::connection::{broken, unexpected};
use super::row::{Columns, columns};
use super::{Connection, Row};
use crate::context::Bounds;
use crate::typed::typed;
use crate::{Context, Error, Param, Query};

/// What came back of a statement.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Its rows.
    pub(crate) rows: Vec<Row>,
    /// How many rows it affected.
    pub(crate) affected: u64,
}

/// Statements that are sent without waiting for the answers between them, unless one has to be prepared first.
pub(crate) struct Group<'a> {
    connection: &'a mut Connection,
    prepares: bool,
    answers: Vec<Answer>,
}

/// A statement that was added and is not answered yet.
pub(super) enum Step {
    /// Nobody wants to know what comes back.
    Plain,
    /// Its rows have these columns; those of an unnamed one are told with the rows.
    Rows(Option<Columns>),
}

impl<'a> Group<'a> {
    /// Nothing more than what was deferred. Where `prepares`, statements are prepared once per connection.
    pub(crate) fn new(connection: &'a mut Connection, prepares: bool) -> Self {
        Self { connection, prepares, answers: Vec::new() }
    }

    /// A whole transaction up to its commit.
    ///
    /// PostgreSQL treats a group as one transaction even if nothing says so: it commits at the end and is undone when
    /// a statement fails. That is made use of where the context asks for nothing that only `begin` can say, and where
    /// all is prepared, so that it is one group indeed.
    pub(crate) async fn transaction(&mut self, context: &Context, queries: &[Query<'_>]) -> Result<(), Error> {
        let is_one = !self.prepares || queries.iter().all(|query| self.connection.statement(query.sql).is_some());
        let bounds = if is_one { context.bounds() } else { Bounds::Said(context.begin()) };
        self.begin(context, bounds)?;
        for query in queries {
            self.add(*query).await?;
        }
        if let Bounds::Said(_) = bounds {
            self.plain("commit", &[])?;
        }
        Ok(())
    }

    /// The beginning of a transaction.
    pub(crate) fn begin(&mut self, context: &Context, bounds: Bounds) -> Result<(), Error> {
        self.connection.forget();
        if let Bounds::Said(begin) = bounds {
            self.plain(begin, &[])?;
        }
        if let Some((sql, values)) = context.statement(bounds) {
            self.plain(&sql, &values)?;
        }
        Ok(())
    }

    /// A statement without rows whose values are text.
    pub(crate) fn plain(&mut self, sql: &str, texts: &[&str]) -> Result<(), Error> {
        if self.prepares {
            self.connection.add_plain(sql, texts)?;
        } else {
            let texts: Vec<_> = texts.iter().map(|text| (text as Param<'_>, Type::TEXT)).collect();
            self.connection.add_unnamed(sql, &texts)?;
        }
        self.connection.steps.push(Step::Plain);
        Ok(())
    }

    /// A statement. What was added before is sent first if it has to be prepared: what its names mean depends on the
    /// search path, and whether they may be looked up on the role.
    pub(crate) async fn add(&mut self, query: Query<'_>) -> Result<(), Error> {
        let columns = self.encode(query).await?;
        self.connection.steps.push(Step::Rows(columns));
        Ok(())
    }

    /// A statement of which nobody wants to know what comes back. It is sent with what comes next, even if this group
    /// ends before that; should it fail, so does that.
    pub(crate) async fn defer(&mut self, query: Query<'_>) -> Result<(), Error> {
        self.encode(query).await?;
        self.connection.steps.push(Step::Plain);
        Ok(())
    }

    /// A statement that is parsed for this one time, though others are prepared.
    pub(crate) fn once(&mut self, query: Query<'_>) -> Result<(), Error> {
        self.connection.add_unnamed(query.sql, &typed(query.params))?;
        self.connection.steps.push(Step::Rows(None));
        Ok(())
    }

    async fn encode(&mut self, query: Query<'_>) -> Result<Option<Columns>, Error> {
        if !self.prepares {
            self.connection.add_unnamed(query.sql, &typed(query.params))?;
            return Ok(None);
        }
        let statement = match self.connection.statement(query.sql).cloned() {
            Some(statement) => statement,
            None => {
                self.exchange().await?;
                self.connection.prepare(query.sql).await?
            }
        };
        self.connection.add(&statement, query.params)?;
        Ok(Some(statement.columns()))
    }

    /// Sends what was added and reads all answers: one for each statement that was given to [`Group::add`].
    pub(crate) async fn finish(mut self) -> Result<Vec<Answer>, Error> {
        self.exchange().await?;
        Ok(self.answers)
    }

    /// Sends what was added and reads the answers of all but the last statement with rows, whose rows are to be read
    /// from the connection. Tells with the answers whether a commit stands behind it.
    pub(crate) async fn streamed(mut self) -> Result<(Vec<Answer>, bool), Error> {
        let mut steps = std::mem::take(&mut self.connection.steps);
        let last = steps.iter().rposition(|step| matches!(step, Step::Rows(_))).unwrap_or_default();
        let behind = steps.split_off(last + 1);
        let last = steps.pop();
        self.connection.send_group().await?;
        self.answers(steps).await?;
        if let Some(Step::Rows(columns)) = last {
            self.connection.expect(columns);
        }
        Ok((self.answers, !behind.is_empty()))
    }

    async fn exchange(&mut self) -> Result<(), Error> {
        let steps = std::mem::take(&mut self.connection.steps);
        if steps.is_empty() {
            return Ok(());
        }
        self.connection.send_group().await?;
        self.answers(steps).await?;
        self.connection.end().await
    }

    async fn answers(&mut self, steps: Vec<Step>) -> Result<(), Error> {
        for step in steps {
            if let Some(answer) = self.connection.answer(step).await? {
                self.answers.push(answer);
            }
        }
        Ok(())
    }
}

impl Connection {
    /// What comes back of a step, where somebody wants to know.
    async fn answer(&mut self, step: Step) -> Result<Option<Answer>, Error> {
        match step {
            Step::Plain => self.skip().await.map(|()| None),
            Step::Rows(columns) => {
                self.expect(columns);
                let mut rows = Vec::new();
                loop {
                    match self.next().await? {
                        Next::Row(row) => rows.push(row),
                        Next::End(affected) => return Ok(Some(Answer { rows, affected })),
                    }
                }
            }
        }
    }

    /// Tells what columns the rows have that come next.
    fn expect(&mut self, columns: Option<Columns>) {
        self.columns = columns.unwrap_or_else(|| Columns::from([]));
    }

    /// The next row of the statement that is being answered; none after the last one.
    pub(crate) async fn row(&mut self) -> Result<Option<Row>, Error> {
        Ok(match self.next().await? {
            Next::Row(row) => Some(row),
            Next::End(_) => None,
        })
    }

    async fn next(&mut self) -> Result<Next, Error> {
        loop {
            match self.message().await? {
                Message::BindComplete | Message::NoData => {}
                Message::RowDescription(body) => self.columns = columns(&body).map_err(broken)?,
                Message::DataRow(body) => {
                    return Ok(Next::Row(Row::new(self.columns.clone(), body).map_err(broken)?));
                }
                Message::CommandComplete(body) => return Ok(Next::End(affected(body.tag().map_err(broken)?))),
                Message::EmptyQueryResponse => return Ok(Next::End(0)),
                Message::ErrorResponse(body) => return Err(self.failed(&body).await),
                _ => return Err(unexpected()),
            }
        }
    }

    async fn skip(&mut self) -> Result<(), Error> {
        loop {
            match self.message().await? {
                Message::BindComplete | Message::NoData | Message::RowDescription(_) | Message::DataRow(_) => {}
                Message::CommandComplete(_) | Message::EmptyQueryResponse => return Ok(()),
                Message::ErrorResponse(body) => return Err(self.failed(&body).await),
                _ => return Err(unexpected()),
            }
        }
    }

    /// What comes behind the rows of [`Group::streamed`].
    pub(crate) async fn conclude(&mut self, is_committed: bool) -> Result<(), Error> {
        if is_committed {
            self.skip().await?;
        }
        self.end().await
    }

    /// Runs constant SQL without parameters, one or several statements.
    pub(crate) async fn simple(&mut self, sql: &str) -> Result<(), Error> {
        self.add_simple(sql)?;
        self.send().await?;
        loop {
            match self.message().await? {
                Message::ReadyForQuery(body) => return self.ready(body.status()),
                Message::CommandComplete(_)
                | Message::EmptyQueryResponse
                | Message::RowDescription(_)
                | Message::DataRow(_) => {}
                Message::ErrorResponse(body) => return Err(self.failed(&body).await),
                _ => return Err(unexpected()),
            }
        }
    }
}

/// What comes next of a statement.
enum Next {
    Row(Row),
    /// The end, with the number of rows that were affected.
    End(u64),
}

/// `INSERT 0 5`, `UPDATE 3`, `BEGIN`.
fn affected(tag: &str) -> u64 {
    tag.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
