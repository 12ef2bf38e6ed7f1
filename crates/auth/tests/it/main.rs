//! The account service as its clients see it: the router in process, each test on a database of its own.
//! Numbers in comments are those of the pinned behaviours in the reference.

mod admin_change;
mod admin_delete;
mod admin_list;
mod admin_more;
mod admin_ranks;
mod anonymous;
mod audit;
mod authenticator;
mod bad_input;
mod bearer;
mod clean_up;
mod hooks;
mod identities;
mod invite;
mod letters;
mod limits;
mod login;
mod logout;
mod mailbox;
mod mfa;
mod otp;
mod phone;
mod protection;
mod public;
mod reauthenticate;
mod recover;
mod recovery_codes;
mod refresh;
mod refresh_counted;
mod resend;
mod sessions;
mod signup;
mod support;
mod user;
mod verify;
