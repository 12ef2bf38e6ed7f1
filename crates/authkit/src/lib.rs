//! What accounts need from the outside world and what needs no database: letters and how they are sent, short messages,
//! hooks, captchas, leaked passwords; password hashes and rules, secrets stored encrypted, codes and tokens; Go's duration syntax, the form of email
//! addresses and phone numbers.
//!
//! Everything that calls out is given a client of [`outbound`].

pub mod address;
pub mod breached;
pub mod captcha;
pub mod duration;
pub mod hash;
pub mod hook;
pub mod mailer;
pub mod otp;
pub mod outbound;
pub mod recipient;
pub mod refresh;
pub mod sealed;
pub mod sms;
pub mod strength;
pub mod template;
pub mod totp;

pub use hash::{Hasher, StoredHash};
pub use sealed::{DbEncryption, Sealer};
pub use strength::PasswordRules;
