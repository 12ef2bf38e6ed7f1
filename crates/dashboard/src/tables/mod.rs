//! The table editor: what schemas, tables and columns there are, their rows, and changes of rows.

pub(crate) mod browse;
pub(crate) mod catalog;
pub(crate) mod cursor;
pub(crate) mod edit;
pub(crate) mod export;
pub(crate) mod filter;
pub(crate) mod lint;
pub(crate) mod masked;
pub(crate) mod page;
pub(crate) mod projection;
pub(crate) mod rows;
