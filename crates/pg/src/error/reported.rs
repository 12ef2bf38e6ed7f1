//! An error as PostgreSQL reports it.

use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorResponseBody;
use tokio_postgres::error::{ErrorPosition, SqlState};

/// What PostgreSQL says about an error; the fields are those of its protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DbError {
    code: SqlState,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<ErrorPosition>,
    context: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    constraint: Option<String>,
}

impl std::fmt::Display for DbError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (SQLSTATE {})", self.message, self.code.code())
    }
}

impl DbError {
    /// Reads the fields of a message; those that are not known are left out.
    pub(crate) fn read(body: &ErrorResponseBody) -> Self {
        let mut error = Self {
            code: SqlState::INTERNAL_ERROR,
            message: String::new(),
            detail: None,
            hint: None,
            position: None,
            context: None,
            schema: None,
            table: None,
            column: None,
            constraint: None,
        };
        let (mut inner_position, mut inner_query) = (None, None);
        let mut fields = body.fields();
        // A message that ends in the middle of a field has told what it told.
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            match field.type_() {
                b'C' => error.code = SqlState::from_code(&text),
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'P' => error.position = text.parse().ok().map(ErrorPosition::Original),
                b'p' => inner_position = text.parse().ok(),
                b'q' => inner_query = Some(text),
                b'W' => error.context = Some(text),
                b's' => error.schema = Some(text),
                b't' => error.table = Some(text),
                b'c' => error.column = Some(text),
                b'n' => error.constraint = Some(text),
                _ => {}
            }
        }
        if let (None, Some(position), Some(query)) = (&error.position, inner_position, inner_query) {
            error.position = Some(ErrorPosition::Internal { position, query });
        }
        error
    }

    /// PostgreSQL's code.
    #[must_use]
    pub fn code(&self) -> &SqlState {
        &self.code
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The detail, which may quote values of rows.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What may help.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Where in the statement, or in one that a function ran, the error is.
    #[must_use]
    pub fn position(&self) -> Option<&ErrorPosition> {
        self.position.as_ref()
    }

    /// The functions that it came from, the innermost first, a line each.
    #[must_use]
    pub fn where_(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// The schema of the table.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// The column.
    #[must_use]
    pub fn column(&self) -> Option<&str> {
        self.column.as_deref()
    }

    /// The violated constraint.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        self.constraint.as_deref()
    }

    /// Whether a prepared statement's result changed with the schema, so that preparing it anew mends it.
    pub(crate) fn is_stale_plan(&self) -> bool {
        self.code == SqlState::FEATURE_NOT_SUPPORTED
            && self.message.starts_with("cached plan must not change result type")
    }
}

impl From<&tokio_postgres::error::DbError> for DbError {
    fn from(error: &tokio_postgres::error::DbError) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            code: error.code().clone(),
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            position: error.position().cloned(),
            context: owned(error.where_()),
            schema: owned(error.schema()),
            table: owned(error.table()),
            column: owned(error.column()),
            constraint: owned(error.constraint()),
        }
    }
}
