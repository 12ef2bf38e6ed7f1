//! A row as the server sent it; values are read when asked for.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::{DataRowBody, RowDescriptionBody};
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::error::Cause;

/// A column of a result.
#[derive(Clone, Debug)]
pub struct Column {
    name: Box<str>,
    type_: Type,
}

impl Column {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type. Of types that PostgreSQL does not bring along only the number is known.
    #[must_use]
    pub fn type_(&self) -> &Type {
        &self.type_
    }
}

/// The columns of a statement, which its rows share.
pub(super) type Columns = Arc<[Column]>;

/// Reads the columns of a result.
pub(super) fn columns(description: &RowDescriptionBody) -> std::io::Result<Columns> {
    description
        .fields()
        .map(|field| Ok(Column { name: field.name().into(), type_: type_of(field.type_oid()) }))
        .collect::<Vec<_>>()
        .map(Columns::from)
}

/// The type of a number. One that a user or an extension made gets no name: its values are read and written as text
/// or as they are.
pub(super) fn type_of(oid: u32) -> Type {
    Type::from_oid(oid).unwrap_or_else(|| Type::new(String::new(), oid, Kind::Simple, String::new()))
}

/// A row of a result.
#[derive(Clone)]
pub struct Row {
    columns: Columns,
    body: DataRowBody,
    ranges: Vec<Option<Range<usize>>>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values are left out: they may be secrets.
        f.debug_struct("Row").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// What names a column: its number from 0, or its name.
pub trait RowIndex: Copy + std::fmt::Display {
    /// Its number, if there is such a column.
    fn find(&self, columns: &[Column]) -> Option<usize>;
}

impl RowIndex for usize {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        (*self < columns.len()).then_some(*self)
    }
}

impl RowIndex for &str {
    fn find(&self, columns: &[Column]) -> Option<usize> {
        columns.iter().position(|column| *column.name == **self)
    }
}

impl Row {
    /// A row of a statement that has these columns.
    pub(super) fn new(columns: Columns, body: DataRowBody) -> std::io::Result<Self> {
        let ranges: Vec<_> = body.ranges().collect()?;
        if ranges.len() != columns.len() {
            return Err(std::io::Error::other("a row has other columns than its statement"));
        }
        Ok(Self { columns, body, ranges })
    }

    /// What is known of the columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The bytes of a value as they came, without copying them; none if it is null, or there is no such column.
    #[must_use]
    pub fn bytes(&self, at: usize) -> Option<Bytes> {
        let range = self.ranges.get(at)?.clone()?;
        Some(self.body.buffer_bytes().slice(range))
    }

    /// A value.
    ///
    /// # Panics
    /// When there is no such column, or it is of another type, which the statement decides.
    #[track_caller]
    pub fn get<'a, I: RowIndex, T: FromSql<'a>>(&'a self, index: I) -> T {
        self.value(&index).unwrap_or_else(|error| unreadable(&index, &error))
    }

    /// A value.
    ///
    /// # Errors
    /// [`crate::Error::Query`] when there is no such column, or it is of another type.
    pub fn try_get<'a, I: RowIndex, T: FromSql<'a>>(&'a self, index: I) -> Result<T, crate::Error> {
        self.value(&index).map_err(|error| {
            crate::Error::Query(Cause::Value(format!("the column {index} cannot be read: {error}").into()))
        })
    }

    fn value<'a, T: FromSql<'a>>(
        &'a self,
        index: &impl RowIndex,
    ) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
        let at = index.find(&self.columns).ok_or("there is no such column")?;
        let type_ = &self.columns[at].type_;
        if !T::accepts(type_) {
            return Err(format!("it is of the type {type_}").into());
        }
        let bytes = self.ranges[at].clone().map(|range| &self.body.buffer()[range]);
        T::from_sql_nullable(type_, bytes)
    }
}

#[expect(clippy::panic, reason = "documented: a statement and the reading of its rows stand side by side")]
#[track_caller]
fn unreadable<T>(index: &impl RowIndex, error: &dyn std::fmt::Display) -> T {
    panic!("the column {index} cannot be read: {error}")
}
