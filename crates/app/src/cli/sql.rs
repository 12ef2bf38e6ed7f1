//! `vestibule sql`.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use pg::Session;

use super::database::{self, Format};
use super::local;

/// Flags of `sql`.
#[derive(Debug, Args)]
pub(super) struct Sql {
    /// The statements; `-` or nothing reads standard input
    query: Option<String>,
    /// Run a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// How results are printed
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

impl Sql {
    pub(super) async fn run(self, common: &super::Common) -> Result<()> {
        let settings = common.settings(Vec::new())?;
        let place = self.file.as_ref().map(|file| file.display().to_string());
        let sql = self.text()?;
        if sql.trim().is_empty() {
            bail!("there is no SQL to run");
        }
        let mut session = Session::open(&local::administrator(&settings)?).await?;
        let printed = database::print(&session, &sql, self.format, place.as_deref()).await;
        for notice in session.notices() {
            eprintln!("{notice}");
        }
        printed
    }

    fn text(&self) -> Result<String> {
        match (&self.file, self.query.as_deref()) {
            (Some(file), _) => std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display())),
            (None, Some(query)) if query != "-" => Ok(query.to_owned()),
            _ => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
                Ok(text)
            }
        }
    }
}
