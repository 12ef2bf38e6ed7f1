//! The programs of this crate, run as they are.

mod with_postgres;
