//! `vestibule migrate`: brings a database up to date, for servers whose login may not.

use anyhow::Result;
use pg::migrate::Before;

/// Migrates the database as its administrator.
///
/// # Errors
/// When no database is given and none runs, or a migration fails.
pub(super) async fn run(common: &super::Common) -> Result<()> {
    let settings = common.settings(Vec::new())?;
    crate::telemetry::start(&settings.log, settings.log_json)?;
    let administrator = super::local::administrator(&settings)?;
    let before = pg::migrate::migrate(&administrator).await?;
    super::print_out(match before {
        Before::Empty => "the database is set up\n",
        Before::Supabases => "the accounts of Supabase's service are taken over\n",
        Before::Ours => "the database is up to date\n",
    })
}
