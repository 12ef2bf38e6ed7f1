//! The data API through its router, each test on its own database.

mod advisors;
mod api;
mod cors;
mod database_settings;
mod delete;
mod embed;
mod errors;
mod filters;
mod hostile;
mod insert;
mod isolation;
mod media;
mod openapi;
mod parts;
mod plans;
mod pooler;
mod prefer;
mod range;
mod rls;
mod round_trips;
mod rpc;
mod schema_reload;
mod select;
mod update;
mod upsert;
