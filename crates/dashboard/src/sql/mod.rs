//! The SQL editor: running statements, judging them before they run, and exporting a result.

pub(crate) mod check;
pub(crate) mod export;
pub(crate) mod failure;
pub(crate) mod run;
pub(crate) mod statement;
