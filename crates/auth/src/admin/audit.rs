//! `GET /admin/audit`: what users and administrators did, newest first.

use axum::extract::State as With;
use axum::response::{IntoResponse, Response};
use http::Uri;

use crate::bearer::Admin;
use crate::error::Error;
use crate::json::Json;
use crate::model::audit_list::{self, Field};
use crate::paging::Paging;
use crate::query::Query;
use crate::state::State;

/// Lists entries, of which `query=<field>:<text>` chooses some: `author`, `action` or `type`, with the text inside.
pub(crate) async fn list(With(state): With<State>, _: Admin, uri: Uri, query: Query) -> Result<Response, Error> {
    let paging = Paging::read(&query)?;
    let (field, text) = choice(query.first("query"))?;
    let (entries, total) = audit_list::list(&state.db, field, text, paging)
        .await
        .map_err(Error::database("Error searching for audit logs"))?;
    Ok((paging.headers(&uri, &query, total), Json(entries)).into_response())
}

fn choice(query: &str) -> Result<(Field, &str), Error> {
    if query.is_empty() {
        return Ok((Field::All, ""));
    }
    let (name, text) =
        query.split_once(':').ok_or_else(|| Error::validation(format!("Invalid query scope: {query}")))?;
    let field = match name {
        "author" => Field::Author,
        "action" => Field::Action,
        "type" => Field::Type,
        _ => return Err(Error::validation(format!("Invalid query scope: {query}"))),
    };
    Ok((field, text))
}
