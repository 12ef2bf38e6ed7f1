//! What commands that work beside a server need: the project's keys, the database, and the accounts service in
//! process, so that `users` acts through the same admin API as any client.

use anyhow::{Context, Result};
use base::project::ProjectKeys;
use base::{Clock, Random};
use pg::Target;
use pg::managed::Running;

use crate::home::Home;
use crate::settings::Settings;

/// The administrator's way to the database: the given URL, else that of the running server, else the running
/// database of the data directory.
///
/// # Errors
/// When no database is given and none runs.
pub(super) fn administrator(settings: &Settings) -> Result<Target> {
    if let Some(target) = settings.database()? {
        return Ok(target);
    }
    if let Some(url) = Home::open(&settings.home)?.running()?.and_then(|running| running.database_url) {
        return Ok(Target::parse(&url.into())?);
    }
    let running = Running::find(&settings.home)?.with_context(|| {
        format!(
            "no database runs in {}: start it with `vestibule start`, or name one with --database-url",
            settings.home.display()
        )
    })?;
    Ok(Target::parse(&running.url())?)
}

/// The project's keys: those that the running server uses, else those of the data directory.
///
/// # Errors
/// When there are none yet.
pub(super) fn project_keys(settings: &Settings) -> Result<ProjectKeys> {
    let home = Home::open(&settings.home)?;
    if let Some(running) = home.running()? {
        return Ok(running.keys);
    }
    let mut keys = match home.keys()? {
        Some(keys) => keys,
        // Over an existing database everything may come from the environment.
        None if settings.keys.jwt_secret.is_some() => ProjectKeys::generate(&Random::system(), &Clock::system()),
        None => anyhow::bail!("this project has no keys yet: `vestibule start` makes them"),
    };
    settings.keys.apply(&mut keys);
    Ok(keys)
}
