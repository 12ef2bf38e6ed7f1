//! Exporting the result of a statement as CSV.

use axum::extract::State as Extract;
use axum::response::Response;

use super::run::{explain, note, refuse_impossible};
use super::statement::split_runnable;
use crate::error::Error;
use crate::export::download;
use crate::extract::Form;
use crate::operators::sessions::Operator;
use crate::state::State;

/// `POST /sql/export.csv`: a form, since a download is a navigation and carries no headers of its own.
pub(crate) async fn export(
    Extract(state): Extract<State>,
    operator: Operator,
    Form(fields): Form,
) -> Result<Response, Error> {
    operator.check_csrf(fields.one("csrf_token")?.unwrap_or_default())?;
    let query = fields.one("query")?.ok_or_else(|| Error::Invalid("`query` is missing".into()))?;
    let statements = split_runnable(query);
    refuse_impossible(&statements, false)?;
    if statements.iter().filter(|statement| statement.returns_rows()).count() > 1 {
        return Err(Error::Invalid("several statements give rows, and a CSV file holds one table: select one".into()));
    }
    note(&state, &operator, "sql.export", query).await?;
    let session = state.open_session().await?;
    let file = format!("query-{}", state.deps().clock.now().strftime("%Y%m%d-%H%M%S"));
    download(session, query, &file).await.map_err(|error| explain(error, query))
}
