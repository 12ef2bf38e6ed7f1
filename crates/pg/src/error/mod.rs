//! What can go wrong between us and the database, and what of it operators get to see.

use base::http::Failure;
use tokio_postgres::error::{ErrorPosition, SqlState};

pub use reported::DbError;

mod reported;

/// An error of the database or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection could be made.
    #[error("cannot connect to the database: {0}")]
    Connect(Cause),
    /// The connection string or the TLS set-up is wrong.
    #[error("database settings: {0}")]
    Settings(String),
    /// All connections of the pool stayed in use for too long.
    #[error("no database connection became free in time")]
    PoolTimeout,
    /// A statement failed, or the connection broke under it.
    #[error(transparent)]
    Query(Cause),
    /// A statement gave another number of rows than it must.
    #[error("a statement returned {found} rows, expected {expected}")]
    RowCount {
        /// How many rows came.
        found: usize,
        /// How many there must be.
        expected: &'static str,
    },
}

/// Why a connection could not be made, or a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The database refused.
    #[error("{0}")]
    Database(Box<DbError>),
    /// The connection broke.
    #[error("{0}")]
    Broken(std::io::Error),
    /// A value could not be sent as, or read as, the type that the statement wants.
    #[error("{0}")]
    Value(Box<dyn std::error::Error + Send + Sync>),
    /// The driver failed otherwise.
    #[error("{}", whole(.0))]
    Driver(tokio_postgres::Error),
}

/// The whole chain of an error in one line; the library's own text stops at its first part.
fn whole(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl From<tokio_postgres::Error> for Cause {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::Database(Box::new(db.into())),
            None => Self::Driver(error),
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Query(error.into())
    }
}

impl Error {
    /// What PostgreSQL said, when it was PostgreSQL that failed.
    #[must_use]
    pub fn db(&self) -> Option<&DbError> {
        match self {
            Self::Query(Cause::Database(error)) | Self::Connect(Cause::Database(error)) => Some(error),
            Self::Query(_) | Self::Connect(_) | Self::Settings(_) | Self::PoolTimeout | Self::RowCount { .. } => None,
        }
    }

    /// PostgreSQL's error code.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&SqlState> {
        self.db().map(DbError::code)
    }

    /// The constraint that is violated, if it is one of this schema: names are the database's own, and a table of
    /// another schema that a trigger writes to may well have one of the same.
    #[must_use]
    pub fn constraint_in(&self, schema: &str) -> Option<&str> {
        self.db().filter(|error| error.schema() == Some(schema))?.constraint()
    }

    /// Where in the statement's text the error is: the number of a character, from 1.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        match self.db()?.position()? {
            ErrorPosition::Original(position) => usize::try_from(*position).ok(),
            ErrorPosition::Internal { .. } => None,
        }
    }

    /// The line of `text` that [`Error::position`] is on, from 1.
    #[must_use]
    pub fn line_in(&self, text: &str) -> Option<usize> {
        let before = self.position()?.saturating_sub(1);
        Some(1 + text.chars().take(before).filter(|character| *character == '\n').count())
    }

    /// Whether the database cannot be reached at the moment, so that trying later may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Connect(_) | Self::PoolTimeout | Self::Query(Cause::Broken(_)) => true,
            Self::Query(Cause::Driver(error)) => error.is_closed(),
            Self::Query(_) | Self::Settings(_) | Self::RowCount { .. } => false,
        }
    }

    /// Whether a value did not have the type that the statement wants, or could not be read as it.
    #[must_use]
    pub fn is_about_a_value(&self) -> bool {
        match self {
            Self::Query(Cause::Value(_)) => true,
            Self::Query(Cause::Driver(error)) => !error.is_closed(),
            _ => false,
        }
    }

    /// The real cause, for the log and for operators.
    #[must_use]
    pub fn failure(&self) -> Failure {
        let Some(db) = self.db() else { return Failure::new(self.to_string()) };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Failure {
            message: db.message().to_owned(),
            sqlstate: Some(db.code().code().to_owned()),
            function: db.where_().and_then(innermost_function),
            table: db.table().map(|table| match db.schema() {
                Some(schema) => format!("{schema}.{table}"),
                None => table.to_owned(),
            }),
            column: owned(db.column()),
            constraint: owned(db.constraint()),
            detail: owned(db.detail()),
            hint: owned(db.hint()),
            ..Failure::default()
        }
    }
}

/// The function that PostgreSQL's context names first, which is the innermost one:
/// `PL/pgSQL function public."My Fn"() line 3 at RAISE` gives `public."My Fn"`, `SQL function "f" statement 1` gives `f`.
fn innermost_function(context: &str) -> Option<String> {
    context.lines().find_map(|line| {
        let (language, rest) = line.split_once("function ")?;
        // As these name theirs; PL/pgSQL adds the types of what it takes.
        if ["SQL ", "PL/Perl ", "PL/Python "].contains(&language) {
            return rest.strip_prefix('"')?.split_once('"').map(|(name, _)| name.to_owned());
        }
        let mut is_quoted = false;
        let end = rest.find(|c: char| {
            is_quoted ^= c == '"';
            !is_quoted && (c == '(' || c == ' ')
        });
        let (name, after) = rest.split_at(end?);
        (!name.is_empty() && after.starts_with('(')).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::innermost_function;

    #[test]
    fn the_innermost_function_is_read_from_the_context() {
        let context =
            "SQL statement \"insert into x\"\nPL/pgSQL function public.handle_new_user() line 3 at SQL statement";
        assert_eq!(innermost_function(context).as_deref(), Some("public.handle_new_user"));
        assert_eq!(innermost_function("SQL function \"f\" statement 1").as_deref(), Some("f"));
        let quoted = r#"PL/pgSQL function public."My (new) Fn"(integer) line 3 at RAISE"#;
        assert_eq!(innermost_function(quoted).as_deref(), Some(r#"public."My (new) Fn""#));
        assert_eq!(innermost_function("PL/Python function \"f\"").as_deref(), Some("f"));
        assert_eq!(innermost_function("PL/pgSQL function inline_code_block line 1 at RAISE"), None);
        assert_eq!(innermost_function("COPY t, line 1"), None);
    }
}
