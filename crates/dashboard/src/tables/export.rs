//! A whole table as CSV, secrets masked.

use axum::extract::State as Extract;
use axum::response::Response;
use pg::ident;
use serde_json::json;

use super::catalog::Table;
use super::projection;
use crate::audit::Entry;
use crate::error::Error;
use crate::export::download;
use crate::extract::Path;
use crate::operators::sessions::Operator;
use crate::state::State;

/// `GET /tables/<schema>/<table>/export.csv`
pub(crate) async fn export(
    Extract(state): Extract<State>,
    operator: Operator,
    Path((schema, name)): Path<(String, String)>,
) -> Result<Response, Error> {
    let table = Table::find(&state, &schema, &name).await?;
    let key: Vec<_> = table.key().iter().map(|column| format!("source.{}", ident::quote(&column.name))).collect();
    let order = if key.is_empty() { String::new() } else { format!(" order by {}", key.join(", ")) };
    let columns = projection::for_csv(&table, "source");
    let sql = format!("select {columns} from {} source{order}", table.quoted());
    let target = Some(format!("{schema}.{name}"));
    Entry { operator: &operator, action: "table.export", target, detail: json!({}) }.write(state.db()).await?;
    let session = state.open_session().await?;
    let file = format!("{schema}.{name}-{}", state.deps().clock.now().strftime("%Y%m%d-%H%M%S"));
    download(session, &sql, &file).await.map_err(Error::from_operators_input)
}
