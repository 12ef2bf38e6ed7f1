//! The data API through its router, each test on its own database.

mod api;
mod delete;
mod embed;
mod errors;
mod filters;
mod hostile;
mod insert;
mod media;
mod prefer;
mod range;
mod rls;
mod rpc;
mod schema_reload;
mod select;
mod update;
mod upsert;
