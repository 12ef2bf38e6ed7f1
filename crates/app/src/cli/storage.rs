//! `vestibule storage`.

use anyhow::Result;
use clap::Subcommand;
use pg::{Db, PoolSettings};
use uuid::Uuid;

use super::local;

/// What to do with stored files.
#[derive(Debug, Subcommand)]
pub(super) enum Storage {
    /// Give all objects of one user to another, so that the first can be deleted
    Reassign {
        /// The present owner's id
        #[arg(long, value_name = "ID")]
        from: Uuid,
        /// The new owner's id
        #[arg(long, value_name = "ID")]
        to: Uuid,
    },
}

impl Storage {
    pub(super) async fn run(self, common: &super::Common) -> Result<()> {
        let Self::Reassign { from, to } = self;
        let settings = common.settings(Vec::new())?;
        let pool = PoolSettings { max_connections: 1, prepares: settings.prepares, ..PoolSettings::default() };
        let db = Db::new(local::administrator(&settings)?, &pool)?;
        let moved = storage::reassign(&db, from, to).await?;
        super::print_out(&format!("{moved} objects of {from} belong to {to} now\n"))
    }
}
