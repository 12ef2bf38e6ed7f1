//! Objects: one file per use. Every way of putting a file in ends in [`store`], every way of reading one in
//! [`serve`].

mod conditions;
pub(crate) mod info;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod relocate;
pub(crate) mod remove;
pub(crate) mod serve;
pub(crate) mod store;
pub(crate) mod upload;
