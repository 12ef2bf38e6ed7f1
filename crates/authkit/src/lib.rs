//! What accounts need from the outside world and what needs no database: password hashes and rules, Go's
//! duration syntax, the form of email addresses and phone numbers.

pub mod address;
pub mod duration;
pub mod hash;
pub mod mail;
pub mod mailer;
pub mod outbound;
pub mod strength;
pub mod template;

pub use hash::{Hasher, StoredHash};
pub use strength::PasswordRules;
