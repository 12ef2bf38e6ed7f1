//! What tests share: a migrated database of their own each, project keys, calling a router without a socket, and a server
//! of names.
//!
//! The server is named by `VESTIBULE_TEST_DATABASE_URL`; `with-postgres` starts one for a command.

#![expect(clippy::panic, reason = "a test that cannot go on must say so")]

pub mod database;
pub mod http;
pub mod names;
pub mod pooler;
pub mod project;

pub use database::TestDb;
pub use http::{Answer, Call};
pub use names::{NameServer, Zone};
pub use project::{keyring, project_keys};
