//! The tables: row types, and each table's statements beside them. Every time is given by the caller.

pub(crate) mod audit;
pub(crate) mod audit_list;
pub(crate) mod challenges;
pub(crate) mod clean_up;
pub(crate) mod factors;
pub(crate) mod flow_states;
pub(crate) mod identities;
pub(crate) mod letters_asked;
pub(crate) mod mailbox;
pub(crate) mod one_time_tokens;
pub(crate) mod rate_limits;
pub(crate) mod recovery_codes;
pub(crate) mod refresh_tokens;
pub(crate) mod session_list;
pub(crate) mod sessions;
mod time;
pub(crate) mod users;
