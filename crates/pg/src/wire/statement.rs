//! Statements as messages: prepared ones, known by a name, and unnamed ones.

use std::io;
use std::sync::Arc;

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend::{self, BindError};
use tokio_postgres::types::{Format, Type};

use super::connection::{Connection, Status, broken, unexpected};
use super::row::{Columns, columns, type_of};
use crate::error::Cause;
use crate::{Error, Param};

/// How many prepared statements a connection keeps; over that all are forgotten, since callers choose the shape
/// of data requests and could make up new ones without end.
const MAX_PREPARED: usize = 1000;

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
    pub(super) fn statement(&self, sql: &str) -> Option<&Statement> {
        self.statements.get(sql)
    }

    /// Tells the server to forget statements, with the next group, when there are too many.
    pub(super) fn forget(&mut self) {
        if self.statements.len() > MAX_PREPARED {
            for (_, statement) in self.statements.drain() {
                // The name is ours and fits.
                let _ = frontend::close(b'S', &statement.0.name, &mut self.outbound);
            }
        }
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
        let added = frontend::parse(&statement.0.name, sql, oids, &mut self.outbound).map_err(unsent);
        self.or_doubt(added)?;
        self.parsing.push_back(Some((sql.into(), statement.clone())));
        self.add(&statement, &params)
    }

    /// Adds statements without parameters and without results, which are a group of their own.
    pub(super) fn add_simple(&mut self, sql: &str) -> Result<(), Error> {
        let added = frontend::query(sql, &mut self.outbound).map_err(unsent);
        self.or_doubt(added)
    }

    /// Prepares a statement, in one round trip.
    ///
    /// # Errors
    /// [`Error::Query`]; a transaction around it has failed then.
    pub(super) async fn prepare(&mut self, sql: &str) -> Result<Statement, Error> {
        let name = self.name();
        let parse = frontend::parse(&name, sql, [], &mut self.outbound);
        let added = parse.and_then(|()| frontend::describe(b'S', &name, &mut self.outbound)).map_err(unsent);
        self.or_doubt(added)?;
        self.send_group().await?;
        let mut known = Known { name, params: Vec::new(), columns: Columns::from([]) };
        loop {
            match self.message().await? {
                Message::ParseComplete => {}
                Message::ParameterDescription(body) => {
                    let types = body.parameters().map(|oid| Ok(type_of(oid))).collect();
                    known.params = types.map_err(broken)?;
                }
                Message::RowDescription(body) => {
                    known.columns = columns(&body).map_err(broken)?;
                    break;
                }
                Message::NoData => break,
                Message::ErrorResponse(body) => return Err(self.failed(&body).await),
                _ => return Err(unexpected()),
            }
        }
        self.end().await?;
        let statement = Statement(Arc::new(known));
        self.statements.insert(sql.into(), statement.clone());
        Ok(statement)
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
}

/// A message that cannot be made, of a text with a zero in it or too long.
fn unsent(error: io::Error) -> Error {
    Error::Query(Cause::Value(error.into()))
}
