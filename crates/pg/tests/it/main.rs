//! The database layer against a real PostgreSQL.

mod adopt;
mod isolation;
mod migrations;
mod pooler;
mod wire;
