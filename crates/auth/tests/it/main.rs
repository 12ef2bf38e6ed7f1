//! The account service as its clients see it: the router in process, each test on a database of its own.
//! `Behaviour 17: …` above a test names one of the pinned behaviours of the reference; `pinned` sees to it that each
//! of them that is ours to show is named.

mod admin_change;
mod admin_delete;
mod admin_list;
mod admin_more;
mod admin_ranks;
mod advisories;
mod anonymous;
mod at_once;
mod audit;
mod authenticator;
mod bad_input;
mod bearer;
mod clean_up;
mod encryption;
mod enumeration;
mod hooks;
mod identities;
mod invite;
mod letters;
mod limits;
mod login;
mod logout;
mod mailbox;
mod mfa;
mod mfa_hook;
mod mfa_phone;
mod notifications;
mod otp;
mod phone;
mod pinned;
mod protection;
mod public;
mod reauthenticate;
mod recover;
mod recovery_codes;
mod refresh;
mod refresh_counted;
mod resend;
mod send_limits;
mod sessions;
mod signup;
mod support;
mod user;
mod verify;
