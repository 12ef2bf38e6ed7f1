//! `vestibule`: accounts, data API, files and the operators' console over PostgreSQL, in one program.

#![expect(unreachable_pub, reason = "in a program `pub` says what a module offers to the others")]

mod cli;
mod home;
mod project;
mod server;
mod services;
mod settings;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
