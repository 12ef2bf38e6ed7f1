//! The other end of a measurement: sends prepared requests over connections that stay open and prints as one line of
//! JSON how many were answered and how long that took. Or computes password hashes, to know what the machine can do.
//!
//! It shares the machine with the server and its database, so it does as little as possible: one thread for each
//! connection, blocking, and requests that were written out beforehand.

mod connection;
mod hash;
mod requests;
mod run;

use anyhow::Result;
use clap::Parser;

/// Measures a server, or the machine.
#[derive(Debug, Parser)]
enum Command {
    /// Sends requests.
    Run(run::Run),
    /// Compares passwords with a hash, one after the other on every core.
    Hash(hash::Hash),
}

fn main() -> Result<()> {
    let report = match Command::parse() {
        Command::Run(run) => run.report()?,
        Command::Hash(hash) => hash.report()?,
    };
    print(&report)
}

fn print(report: &serde_json::Value) -> Result<()> {
    use std::io::Write;
    Ok(writeln!(std::io::stdout(), "{report}")?)
}
