//! The one way to the database: pools whose connections never carry a role over, transactions with the
//! caller's role and claims, errors by SQLSTATE, identifiers, notifications, migrations and a PostgreSQL of
//! our own.

pub mod adopt;
pub mod bus;
pub mod clamped;
pub mod connect;
mod connection_string;
pub mod context;
pub mod csv;
pub mod db;
pub mod error;
pub mod ident;
pub mod lint;
pub mod managed;
pub mod migrate;
pub mod rows;
mod session;
pub mod statements;
pub mod text;
pub mod transaction;
mod typed;
mod wire;

pub use bus::{Bus, Event};
pub use clamped::Clamped;
pub use connect::Target;
pub use context::{Context, Isolation};
pub use db::{Db, PoolSettings, Query};
pub use error::{Cause, DbError, Error};
pub use rows::{Rows, Streamed};
pub use session::Session;
pub use text::{Raw, Text};
pub use tokio_postgres::error::ErrorPosition;
pub use tokio_postgres::types::{FromSql, Json, ToSql};
pub use tokio_postgres::{Row as SessionRow, SimpleColumn, SimpleQueryMessage, SimpleQueryRow};
pub use transaction::Transaction;
pub use wire::{Column, Row, RowIndex};

/// A bound parameter.
pub type Param<'a> = &'a (dyn ToSql + Sync);
