//! Keeps the server alive: restarts it with growing pauses when it dies, and gives up when that does not help.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};

use super::error::Error;
use super::pidfile::end_leftovers;
use super::place::Lock;
use super::process::{Plan, Postmaster};

/// So many deaths within [`WINDOW`] are restarted, one more is not.
const MOST_DEATHS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// What the server is doing, as seen by whoever watches a [`super::Cluster`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It runs.
    Running {
        /// The postmaster's process id.
        pid: i32,
    },
    /// It died and is being restarted.
    Restarting,
    /// It died too often: nothing further will happen.
    GaveUp {
        /// How often it died in a short time.
        deaths: usize,
        /// The last known cause, one line.
        last: String,
    },
    /// It was stopped.
    Stopped,
}

/// A server and what belongs to keeping it.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) plan: Plan,
    pub(super) health: watch::Sender<Health>,
    /// Answered or dropped: the server is to be stopped.
    pub(super) stop: oneshot::Receiver<()>,
    /// Held until the server has stopped.
    pub(super) locks: Vec<Lock>,
}

impl Keeper {
    /// Runs until the server is stopped or given up.
    pub(super) async fn keep(mut self, mut postmaster: Postmaster) {
        let mut deaths = VecDeque::new();
        loop {
            self.note_running(&postmaster);
            tokio::select! {
                _ = &mut self.stop => {
                    postmaster.stop(self.plan.stop_timeout).await;
                    break;
                }
                status = postmaster.ended() => {
                    let cause = self.plan.cause_of_death(&mut postmaster).await;
                    let status = status.map_or_else(|e| e.to_string(), |status| status.to_string());
                    tracing::error!(%cause, status, "PostgreSQL ended unexpectedly: it is restarted");
                }
            }
            self.health.send_replace(Health::Restarting);
            let restarted = tokio::select! {
                _ = &mut self.stop => None,
                restarted = restart(&self.plan, &mut deaths) => Some(restarted),
            };
            match restarted {
                Some(Ok(again)) => postmaster = again,
                Some(Err(gave_up)) => {
                    tracing::error!("PostgreSQL died too often and is not restarted again");
                    self.health.send_replace(gave_up);
                    return;
                }
                None => {
                    // The restart was interrupted, maybe in the middle.
                    if let Err(error) = end_leftovers(&self.plan.scene.data, self.plan.stop_timeout).await {
                        tracing::error!(%error, "PostgreSQL was not stopped");
                    }
                    break;
                }
            }
        }
        drop(std::mem::take(&mut self.locks));
        self.health.send_replace(Health::Stopped);
    }

    fn note_running(&self, postmaster: &Postmaster) {
        if let Some(pid) = postmaster.pid() {
            self.health.send_replace(Health::Running { pid });
        }
    }
}

/// Starts the server anew, several times if need be.
async fn restart(plan: &Plan, deaths: &mut VecDeque<Instant>) -> Result<Postmaster, Health> {
    let mut last = "it was killed".to_owned();
    loop {
        let now = Instant::now();
        deaths.retain(|death| now.duration_since(*death) < WINDOW);
        deaths.push_back(now);
        if deaths.len() > MOST_DEATHS {
            return Err(Health::GaveUp { deaths: deaths.len(), last });
        }
        sleep(pause(deaths.len())).await;
        let attempt = async {
            end_leftovers(&plan.scene.data, plan.stop_timeout).await?;
            plan.launch().await
        };
        match attempt.await {
            Ok(postmaster) => return Ok(postmaster),
            Err(error) => {
                tracing::error!(%error, "PostgreSQL could not be restarted");
                last = error.to_string();
            }
        }
    }
}

/// None after the first death, then doubling.
fn pause(deaths: usize) -> Duration {
    match u32::try_from(deaths.saturating_sub(2)) {
        Ok(doublings) if deaths > 1 => FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(doublings)),
        _ => Duration::ZERO,
    }
}

impl Health {
    /// The error for whoever has to exit now.
    pub(super) fn as_error(&self) -> Option<Error> {
        match self {
            Self::GaveUp { deaths, last } => Some(Error::GaveUp { deaths: *deaths, last: last.clone() }),
            Self::Running { .. } | Self::Restarting | Self::Stopped => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow() {
        let pauses: Vec<u128> = (1..=5).map(|deaths| pause(deaths).as_millis()).collect();
        assert_eq!(pauses, [0, 100, 200, 400, 800]);
    }
}
