//! All users as CSV, without their secrets.

use axum::extract::State as Extract;
use axum::response::Response;
use serde_json::json;

use crate::audit::Entry;
use crate::error::Error;
use crate::export::download;
use crate::operators::sessions::Operator;
use crate::state::State;
use crate::tables::catalog::Table;

/// `GET /users/export.csv`
pub(crate) async fn export(Extract(state): Extract<State>, operator: Operator) -> Result<Response, Error> {
    let table = Table::find(&state, "auth", "users").await?;
    let columns = pg::ident::list(table.columns.iter().filter(|column| !column.masked).map(|column| &*column.name));
    let entry = Entry { operator: &operator, action: "users.export", target: None, detail: json!({}) };
    entry.write(state.db()).await?;
    let session = state.open_session().await?;
    let file = format!("users-{}", state.deps().clock.now().strftime("%Y%m%d-%H%M%S"));
    Ok(download(session, &format!("select {columns} from auth.users order by id"), &file).await?)
}
