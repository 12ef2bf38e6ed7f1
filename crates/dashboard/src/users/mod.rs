//! The users of the application. Changes go through the auth service's admin API; listing, searching, sessions
//! and ownership are read from the database.

mod auth_api;
pub(crate) mod change;
pub(crate) mod detail;
pub(crate) mod export;
pub(crate) mod list;
pub(crate) mod metadata;
pub(crate) mod ownership;
mod search;
