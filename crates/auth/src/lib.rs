//! Accounts: sign-up, sign-in, sessions, the signed-in user, and their administration, as Supabase's auth
//! service answers it. One file per flow; `model/` holds the SQL, `error.rs` every public code.

mod admin;
mod answer;
mod bearer;
mod client;
mod contact;
mod error;
mod glob;
mod hooks;
mod invite;
mod json;
mod letters;
mod login;
mod logout;
mod mailbox;
mod metadata;
mod model;
mod one_time;
mod otp;
mod outside;
mod pkce;
mod public;
mod query;
mod reauthenticate;
mod recover;
mod redirect;
mod refusal;
mod resend;
mod router;
pub mod settings;
mod signup;
mod sms;
pub mod state;
mod tokens;
mod unsent;
mod user;
mod verify;

pub use hooks::{HookName, HookSetting};
pub use letters::{LetterSettings, UrlPaths};
pub use mailbox::mailbox_router;
pub use outside::{Outside, OutsideError, OutsideSettings, TemplateSetting};
pub use router::router;
pub use settings::Settings;
pub use sms::{SmsAccount, SmsSettings};
pub use state::{Deps, State};
