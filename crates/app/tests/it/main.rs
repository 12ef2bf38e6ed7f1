//! The whole program: its layers, and the binary as users run it.

mod accounts_alone;
mod layering;
mod mail_server;
mod program;
mod project;
mod refused;
mod signing_keys;
mod tls;
