//! `postmaster.pid`: is a server running on a data directory, and ending one that an earlier start left behind.
//!
//! When our process is killed, its PostgreSQL lives on. The next start ends that server (a fast shutdown, some
//! 0.1 s) and starts its own instead of adopting it: the settings are then ours, the log reaches us again, and
//! there is one way to run. PostgreSQL itself refuses a second server on one data directory; this module only
//! removes what would make it refuse for a wrong reason.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::error::Error;

/// How often we look whether a process that is not our child has ended.
const GLANCE: Duration = Duration::from_millis(10);

/// What a running server writes about itself, a line each.
///
/// The lines are fixed in PostgreSQL's `src/include/utils/pidfile.h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    pub(super) port: Option<u16>,
    pub(super) socket_folder: Option<PathBuf>,
    pub(super) listen: Option<String>,
    pub(super) is_ready: bool,
}

impl PidFile {
    /// Reads the file of `data`; `None` when there is none, or not yet a readable one.
    pub(super) fn read(data: &Path) -> Option<Self> {
        Self::parse(&fs::read_to_string(data.join("postmaster.pid")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let filled = |at: usize| lines.get(at).copied().filter(|line| !line.is_empty());
        Some(Self {
            // A stand-alone backend notes its id as a negative number.
            pid: filled(0)?.parse::<i32>().ok()?.checked_abs().filter(|pid| *pid > 1)?,
            port: filled(3).and_then(|port| port.parse().ok()),
            socket_folder: filled(4).map(PathBuf::from),
            listen: filled(5).map(str::to_owned),
            is_ready: filled(7) == Some("ready"),
        })
    }
}

/// Is `pid` a live PostgreSQL process on `data`, and not another program that got the same number?
///
/// A server's working directory is its data directory. Where there is no `/proc`, its command line tells.
pub(super) fn is_server_of(pid: i32, data: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    if Path::new("/proc/self/cwd").exists() {
        let program = fs::read_link(process.join("exe")).unwrap_or_default();
        let is_postgres = program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres"));
        return is_postgres && fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == data);
    }
    Command::new("ps").args(["-ww", "-o", "args=", "-p", &pid.to_string()]).output().is_ok_and(|shown| {
        let args = String::from_utf8_lossy(&shown.stdout);
        args.contains("postgres") && args.contains(&*data.to_string_lossy())
    })
}

/// Processes of a server on `data` whose postmaster is gone. Known where there is a `/proc`; elsewhere
/// PostgreSQL's own check of shared memory has to do.
fn survivors(data: &Path) -> Vec<i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| is_server_of(*pid, data))
        .collect()
}

/// Makes sure that no server runs on `data`: ends one that was left behind, and forgets a stale `postmaster.pid`.
///
/// Only call it while holding the lock. Does nothing after a clean stop, when there is no `postmaster.pid`.
///
/// # Errors
///
/// A process does not end, or may not be signalled.
pub(super) async fn end_leftovers(data: &Path, patience: Duration) -> Result<(), Error> {
    let file = data.join("postmaster.pid");
    if !file.exists() {
        return Ok(());
    }
    if let Some(PidFile { pid, port, socket_folder, .. }) = PidFile::read(data) {
        if is_server_of(pid, data) {
            tracing::warn!(pid, "a PostgreSQL of an earlier start still runs: it is stopped first");
            end(&[pid], data, &[(Signal::SIGINT, patience), (Signal::SIGQUIT, SOON), (Signal::SIGKILL, SOON)]).await?;
        }
        let left = survivors(data);
        if !left.is_empty() {
            end(&left, data, &[(Signal::SIGQUIT, SOON), (Signal::SIGKILL, SOON)]).await?;
        }
        // PostgreSQL would take any program of its user with this id for a server.
        if file.exists() && kill(Pid::from_raw(pid), None).is_ok() {
            tracing::info!(pid, "postmaster.pid names a process that is not PostgreSQL: it is stale");
            // The socket's lock names the same process. It goes first: without postmaster.pid we do not come here.
            if let (Some(folder), Some(port)) = (socket_folder, port) {
                forget(&folder.join(format!(".s.PGSQL.{port}.lock")))?;
            }
            forget(&file)?;
        }
    }
    Ok(())
}

fn forget(file: &Path) -> Result<(), Error> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", file, error)),
        _ => Ok(()),
    }
}

const SOON: Duration = Duration::from_secs(5);

/// Sends one signal after the other until all of `pids` have ended.
async fn end(pids: &[i32], data: &Path, steps: &[(Signal, Duration)]) -> Result<(), Error> {
    let alive = || pids.iter().copied().find(|pid| is_server_of(*pid, data));
    for (signal, patience) in steps {
        for pid in pids.iter().filter(|pid| is_server_of(**pid, data)) {
            match kill(Pid::from_raw(*pid), *signal) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(Error::io("stop the server on", data, errno.into())),
            }
        }
        let deadline = Instant::now() + *patience;
        while Instant::now() < deadline {
            if alive().is_none() {
                return Ok(());
            }
            sleep(GLANCE).await;
        }
    }
    alive().map_or(Ok(()), |pid| Err(Error::Orphan { pid, data: data.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pid_file_is_read_line_by_line() {
        let text = "4711\n/srv/pgdata\n1700000000\n54322\n/srv/run\n127.0.0.1\n  5432001         3\nready   \n";
        assert_eq!(
            PidFile::parse(text),
            Some(PidFile {
                pid: 4711,
                port: Some(54322),
                socket_folder: Some("/srv/run".into()),
                listen: Some("127.0.0.1".to_owned()),
                is_ready: true,
            })
        );
    }

    #[test]
    fn unfinished_pid_file_is_not_ready() {
        let half = PidFile::parse("4711\n/srv/pgdata\n1700000000\n54322\n").unwrap();
        assert!(!half.is_ready && half.socket_folder.is_none());
        assert!(!PidFile::parse("7\n\n\n\n\n\n\nstarting\n").unwrap().is_ready);
        assert_eq!(PidFile::parse("-4711\n").unwrap().pid, 4711);
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("1\n"), None);
        assert_eq!(PidFile::parse("junk\n"), None);
    }

    #[test]
    fn this_test_is_not_a_server() {
        let here = std::env::current_dir().unwrap();
        assert!(!is_server_of(i32::try_from(std::process::id()).unwrap(), &here));
    }
}
