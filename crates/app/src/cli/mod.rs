//! The command line: one module per command.

mod completions;
mod database;
mod keys;
mod local;
mod migrate;
mod serve;
mod sql;
mod start;
mod status;
mod storage;
mod users;

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::settings::{Settings, table};

/// Supabase's user management as one program.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Debug, Args)]
struct Common {
    /// Data directory [default: .vestibule]
    #[arg(long, global = true, value_name = "DIR", visible_alias = "data-dir")]
    home: Option<PathBuf>,
    /// Folder that holds `supabase/` [default: the current one]
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// Use this database instead of the one in the data directory, as an administrator (also: DATABASE_URL)
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server with a PostgreSQL of its own
    Start(start::Start),
    /// Start the server over an existing PostgreSQL (--database-url or DATABASE_URL)
    Serve(serve::Serve),
    /// Bring the database up to date, as its administrator (--database-url or DATABASE_URL)
    Migrate,
    /// Show URLs and keys
    Status(status::Status),
    /// Run SQL as the administrator
    Sql(sql::Sql),
    /// List, create, show, delete and export users
    #[command(subcommand)]
    Users(users::Users),
    /// Work on stored files
    #[command(subcommand)]
    Storage(storage::Storage),
    /// Show the project's keys, and change its signing keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Print the version
    Version,
    /// Print the configuration page
    #[command(hide = true)]
    Settings,
    /// Print completions for a shell
    Completions(completions::Completions),
}

/// Reads the command line and does what it says.
///
/// # Errors
/// One line that says what failed on what, and what to do.
pub fn run() -> Result<()> {
    let Cli { common, command } = Cli::parse();
    match command {
        Command::Start(start) => in_runtime(start.run(&common)),
        Command::Serve(serve) => in_runtime(serve.run(&common)),
        Command::Migrate => in_runtime(migrate::run(&common)),
        Command::Status(status) => in_runtime(status.run(&common)),
        Command::Sql(sql) => in_runtime(sql.run(&common)),
        Command::Users(users) => in_runtime(users.run(&common)),
        Command::Storage(storage) => in_runtime(storage.run(&common)),
        Command::Keys(keys) => keys.run(&common),
        Command::Version => print_out(&format!("vestibule {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Settings => print_out(&table::page()),
        Command::Completions(completions) => completions.run(),
    }
}

fn in_runtime(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build().context("cannot start the runtime")?.block_on(work)
}

/// Writes to standard output; a reader that went away (`| head`) is no error.
fn print_out(text: &str) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

impl Common {
    /// The settings, with these flags and those of a command on top.
    fn settings(&self, flags: Vec<(&'static str, Option<String>)>) -> Result<Settings> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let mut all = vec![
            ("VESTIBULE_HOME", path(&self.home)),
            ("VESTIBULE_PROJECT", path(&self.project)),
            ("DATABASE_URL", self.database_url.clone()),
        ];
        all.extend(flags);
        let environment: HashMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Settings::load(&all, &environment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
