//! The managed PostgreSQL with a real server: each test has a home of its own and a free port.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must say so")]

mod faults;
mod lifecycle;
mod setting;
