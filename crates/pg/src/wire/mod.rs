//! How pooled connections talk to PostgreSQL: whole transactions as one group of messages.
//!
//! In the frontend/backend protocol each `Sync` ends a group, and the server answers a group at once when it comes to
//! its end. The driver that we use elsewhere puts one behind each statement, which makes four groups of begin,
//! settings, statement and commit: four answers to send and to take in. Here they are one, which costs database and
//! server together about half; `docs/decisions/0004-one-group-of-messages.md` has the figures. Messages are encoded
//! and read, and connections logged in, by the driver's own libraries.

mod connection;
mod group;
mod open;
mod row;
mod statement;
mod stream;

pub(crate) use connection::{Connection, Status};
pub(crate) use group::{Answer, Group};
pub use row::{Column, Row, RowIndex};
