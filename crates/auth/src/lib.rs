//! Accounts: sign-up, sign-in, sessions, the signed-in user, and their administration, as Supabase's auth
//! service answers it. One file per flow; `model/` holds the SQL, `error.rs` every public code.

mod admin;
mod answer;
mod bearer;
mod client;
mod denial;
mod error;
mod glob;
mod json;
mod letters;
mod limits;
mod login;
mod logout;
mod mailbox;
mod metadata;
mod mfa;
mod model;
mod one_time;
mod paging;
mod pkce;
mod protection;
mod public;
mod query;
mod recover;
mod redirect;
mod router;
mod sessions;
pub mod settings;
mod signup;
pub mod state;
mod tokens;
mod user;
mod verify;

pub use limits::RateLimits;
pub use mailbox::mailbox_router;
pub use mfa::MfaSettings;
pub use protection::Protection;
pub use router::router;
pub use settings::Settings;
pub use state::{Deps, State};
