//! SQL: one file per table, each statement a constant beside the row it reads.

pub(crate) mod buckets;
pub(crate) mod listing;
pub(crate) mod objects;
