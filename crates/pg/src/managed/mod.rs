//! A PostgreSQL server of our own, as a child process.
