//! Where log lines go: standard error, as text for people or as JSON for machines.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

/// Starts logging.
///
/// # Errors
/// When `filter` is not a log filter.
pub fn start(filter: &str, json: bool) -> Result<()> {
    let filter =
        EnvFilter::try_new(filter).with_context(|| format!("VESTIBULE_LOG: {filter:?} is not a log filter"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        builder.json().flatten_event(true).init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
    Ok(())
}
