//! The operators' console, server side: operators with sessions and roles of their own, users through the auth
//! service's admin API, a database browser, an SQL runner, CSV exports, and the embedded web app.
//!
//! The router expects to be mounted at `/dashboard`, which the session cookie is bound to.

mod access;
mod audit;
mod error;
mod export;
mod extract;
mod guard;
pub mod operators;
mod project;
mod routes;
mod session;
pub mod settings;
mod sql;
mod state;
mod tables;
mod users;
mod web;

pub use routes::router;
pub use settings::Settings;
pub use state::{Deps, State};
