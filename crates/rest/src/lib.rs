//! The data API: PostgREST-compatible REST over the tables, views and functions of exposed schemas, under row
//! level security.
//!
//! A request passes the stages in this order, each a module: `request` (what is asked for) → `schema` (what
//! there is) → `plan` (what is to be done; all names resolved) → `sql` (one statement) → `execute` → `response`.

pub mod error;
pub mod request;
pub mod settings;

pub use error::Error;
pub use settings::Settings;
