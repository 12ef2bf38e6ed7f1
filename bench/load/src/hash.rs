//! How many passwords the machine can compare with a hash when it does nothing else.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use clap::Args;
use serde_json::{Value, json};

/// What to compute.
#[derive(Debug, Args)]
pub(crate) struct Hash {
    /// A password.
    #[arg(long)]
    password: String,
    /// Its bcrypt hash.
    #[arg(long)]
    hash: String,
    /// For how long.
    #[arg(long)]
    seconds: f64,
}

impl Hash {
    /// Comparisons in a second on all cores together.
    ///
    /// # Errors
    /// When the hash is not that of the password.
    pub(crate) fn report(&self) -> Result<Value> {
        ensure!(bcrypt::verify(&self.password, &self.hash)?, "the hash is not that of the password");
        let cores = std::thread::available_parallelism()?.get();
        let rate = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| self.rate())).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().map_err(|_| anyhow!("a thread failed"))?)
                .sum::<Result<f64>>()
        })?;
        Ok(json!({ "cores": cores, "rate": rate }))
    }

    fn rate(&self) -> Result<f64> {
        let (begun, wanted) = (Instant::now(), Duration::from_secs_f64(self.seconds));
        let mut done = 0_u32;
        while begun.elapsed() < wanted {
            bcrypt::verify(&self.password, &self.hash)?;
            done += 1;
        }
        Ok(f64::from(done) / begun.elapsed().as_secs_f64())
    }
}
