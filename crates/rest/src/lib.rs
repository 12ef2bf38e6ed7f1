//! The data API: PostgREST-compatible REST over the tables, views and functions of exposed schemas, under row
//! level security.
//!
//! A request passes the stages in this order, each a module: `request` (what is asked for) → `schema` (what
//! there is) → `plan` (what is to be done; all names resolved) → `sql` (one statement) → `execute` → `response`.

mod advisors;
pub mod error;
mod execute;
mod handler;
mod identity;
mod openapi;
pub mod plan;
pub mod request;
mod response;
pub mod schema;
pub mod settings;
pub mod sql;
mod state;

use axum::Router;
use axum::routing::get;

pub use error::Error;
pub use settings::{InvalidSetting, OpenApiMode, Settings, TxEnd};
pub use state::{Deps, State};

/// Everything below `/rest/v1`; paths are without that prefix.
pub fn router(state: State) -> Router {
    Router::new()
        .route("/advisors/security", get(advisors::security).fallback(handler::handle))
        .fallback(handler::handle)
        .with_state(state)
}
