//! The database layer against a real PostgreSQL.

mod isolation;
mod migrations;
mod pooler;
mod wire;
