//! The storage service through its router, on a real database and a real folder.

mod buckets;
mod download;
mod hostile;
mod limits;
mod list;
mod move_copy;
mod names;
mod ownership;
mod remove;
mod rls;
mod signed;
mod upload;
mod world;
