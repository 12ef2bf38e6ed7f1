//! `vestibule start`: the server with a PostgreSQL of its own.

use std::time::Instant;

use anyhow::{Result, anyhow};
use clap::Args;
use pg::managed::{self, Cluster};

use super::serve::{Given, Listen, Server, stop_signal};
use crate::home::Home;
use crate::{server, telemetry};

/// Flags of `start`.
#[derive(Debug, Args)]
pub(super) struct Start {
    #[command(flatten)]
    listen: Listen,
    /// Port of the database [default: 54322]
    #[arg(long, value_name = "PORT")]
    db_port: Option<String>,
    /// Folder with `postgres` and `initdb` [default: PATH, then the usual places, then a download]
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<String>,
}

impl Start {
    pub(super) async fn run(self, common: &super::Common) -> Result<()> {
        let begun = Instant::now();
        let mut flags = self.listen.flags();
        flags.extend([("VESTIBULE_DB_PORT", self.db_port), ("VESTIBULE_PG_BIN", self.pg_bin)]);
        let mut settings = common.settings(flags)?;
        telemetry::start(&settings.log, settings.log_json)?;
        if settings.database_url.take().is_some() {
            tracing::warn!("`start` runs its own database and ignores DATABASE_URL: `serve` uses it");
        }
        let stop = stop_signal()?;
        let home = Home::open(&settings.home)?;
        let given = Given::read(&settings, &home).await?;
        // Before the database is started: a taken port is the most common failure.
        let listener = server::bind(settings.address()).await?;
        let cluster = Cluster::start(managed::Settings {
            home: home.path().to_owned(),
            port: settings.database_port,
            pg_bin: settings.pg_bin.clone(),
            run_as: settings.pg_user.clone(),
            ..managed::Settings::default()
        })
        .await
        .map_err(|error| with_hint(&error))?;
        let died = cluster.died();
        let broken = async { with_hint(&died.await) };
        let server = Server { settings, home, given, listener, database: cluster.url(), begun, tells_secrets: true };
        let served = server.run(broken, stop).await;
        cluster.stop().await;
        served
    }
}

fn with_hint(error: &managed::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow!("{error}\nhint: {hint}"),
        None => anyhow!("{error}"),
    }
}
