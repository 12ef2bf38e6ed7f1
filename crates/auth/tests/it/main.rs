//! The account service as its clients see it: the router in process, each test on a database of its own.
//! Numbers in comments are those of the pinned behaviours in the reference.

mod admin_change;
mod admin_delete;
mod admin_list;
mod anonymous;
mod bad_input;
mod bearer;
mod hooks;
mod invite;
mod letters;
mod login;
mod logout;
mod mailbox;
mod otp;
mod phone;
mod public;
mod reauthenticate;
mod recover;
mod refresh;
mod resend;
mod signup;
mod support;
mod user;
mod verify;
