//! Pinned behaviours that no other test shows, by subject; and that none of them is forgotten.

mod accounts;
mod administration;
mod codes;
mod named;
mod passwords;
mod sessions;
