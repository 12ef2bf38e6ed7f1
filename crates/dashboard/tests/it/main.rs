//! The console through its HTTP API, each test on its own database.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must stop")]

mod console;
mod csv_exports;
mod edits;
mod operators;
mod sessions;
mod sql;
mod tables;
mod throttling;
mod users;
mod web;
