//! The mailbox: mails that were kept instead of sent, for people and for tests.
//!
//! The API has the paths and fields of Mailpit, which the Supabase CLI brings along. Whoever may read it may
//! sign in as anybody, so it belongs to development: on loopback, and only while no mail server is set.

mod api;
mod page;

use axum::Router;
use axum::routing::get;

use crate::state::State;

/// The mailbox: a page for people at `/`, Mailpit's API below `/api/v1`.
pub fn mailbox_router(state: State) -> Router {
    Router::new()
        .route("/", get(page::list))
        .route("/view/{file}", get(page::view))
        .route("/api/v1/messages", get(api::list).delete(api::delete))
        .route("/api/v1/search", get(api::search))
        .route("/api/v1/message/{id}", get(api::message))
        .route("/api/v1/message/{id}/headers", get(api::headers))
        .fallback(crate::answer::not_found)
        .layer(axum::middleware::from_fn_with_state(state.clone(), crate::answer::finish))
        .with_state(state)
}
