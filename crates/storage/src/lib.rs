//! Files with owners: buckets and objects as Supabase's storage API serves them, under the row level security
//! of `storage.buckets` and `storage.objects`.
//!
//! A request runs as its caller: each statement that decides anything is sent with the role and the claims of
//! the bearer token, so the project's policies judge it. The bytes lie in a [`backend`], named by the version in
//! the object's row and never by a name that a user chose; a row always refers to a file that is complete.
//!
//! Rooms: [`objects`] (one file per use of an object), `buckets`, `signing`, `form` (multipart bodies), `model`
//! (SQL), [`backend`] (where bytes lie). Resumable uploads, the S3 protocol and image renditions are to become
//! rooms beside `objects` that end in the same `objects::store`.

pub mod backend;
mod body;
mod buckets;
mod caller;
mod error;
mod form;
mod health;
mod limits;
mod model;
mod names;
pub mod objects;
mod ownership;
mod routes;
mod settings;
mod signing;
mod state;
mod timestamps;

pub use error::Error;
pub use ownership::{ReassignError, reassign};
pub use routes::router;
pub use settings::{InvalidSettings, Settings};
pub use state::{Deps, State};
