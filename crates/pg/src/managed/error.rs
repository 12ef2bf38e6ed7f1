//! What can go wrong with the managed PostgreSQL: one clear line each, and what to do about it.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the managed PostgreSQL could not be found, created, started or kept running.
///
/// `Display` is one line; [`Error::hint`] says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting has a value that cannot work.
    #[error("database setting {name}: {reason}")]
    Setting {
        /// Name of the field in [`super::Settings`].
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Another process holds the lock of the home or of the cluster's directory.
    #[error("another vestibule{} already runs on {}", pid_in_words(*.pid), .directory.display())]
    Locked {
        /// The locked directory.
        directory: PathBuf,
        /// The holder, as far as it wrote itself down.
        pid: Option<i32>,
    },
    /// The given folder or the downloaded files are no PostgreSQL server that can be used.
    #[error("no usable PostgreSQL server in {}: {reason}", .bin.display())]
    Server {
        /// Where `postgres` and `initdb` were expected.
        bin: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// No server is installed and none could be downloaded.
    #[error("no PostgreSQL 15 or newer is installed, and the download failed: {reason}")]
    Download {
        /// The failure, as the network or the archive reported it.
        reason: String,
    },
    /// The data directory belongs to a major version that is not installed.
    #[error("data directory {} was created by PostgreSQL {created}, but found only {found}", .data.display())]
    OtherMajor {
        /// The data directory.
        data: PathBuf,
        /// Major version in its `PG_VERSION`.
        created: u32,
        /// The versions that were found, in words.
        found: String,
    },
    /// Something else listens on the port.
    #[error("database port {port} on {listen} is already in use by another program")]
    PortTaken {
        /// The address asked for.
        listen: IpAddr,
        /// The port asked for.
        port: u16,
    },
    /// The file system is full.
    #[error("no space left on the disk that holds {}", .path.display())]
    DiskFull {
        /// The data directory.
        path: PathBuf,
    },
    /// A file or folder may not be used by the user PostgreSQL runs as.
    #[error("permission denied: {detail}")]
    Permission {
        /// Which file, and for whom.
        detail: String,
    },
    /// The dynamic linker did not find a library of the server.
    #[error("the PostgreSQL server in {} misses a shared library: {detail}", .bin.display())]
    SharedLibrary {
        /// The server's folder.
        bin: PathBuf,
        /// The linker's own words.
        detail: String,
    },
    /// `initdb` failed for a reason of its own.
    #[error("cannot create the database cluster: {detail}")]
    Initdb {
        /// The last lines that initdb wrote, joined.
        detail: String,
    },
    /// The server ended before it was ready.
    #[error("PostgreSQL did not start: {detail}")]
    Start {
        /// The last line that names the cause.
        detail: String,
    },
    /// The server was not ready in time.
    #[error("PostgreSQL was not ready within {} s: {last}", .after.as_secs())]
    Timeout {
        /// How long we waited.
        after: Duration,
        /// The server's last log line.
        last: String,
    },
    /// A server of an earlier start still runs and does not stop.
    #[error("the PostgreSQL of an earlier start (process {pid}) still uses {} and does not stop", .data.display())]
    Orphan {
        /// Its process id.
        pid: i32,
        /// The data directory.
        data: PathBuf,
    },
    /// The administrator's password on file is not the one in the database.
    #[error("PostgreSQL refuses the administrator password in {}", .file.display())]
    Password {
        /// The password file.
        file: PathBuf,
    },
    /// The named or needed system user does not exist.
    #[error("there is no system user {name} to run PostgreSQL as")]
    UnknownUser {
        /// The user's name.
        name: String,
    },
    /// A folder on the way cannot be passed by the user PostgreSQL runs as.
    #[error("user {user} cannot reach {}: no search permission on {}", .path.display(), .blocked_at.display())]
    Unreachable {
        /// The unprivileged user.
        user: String,
        /// What it has to reach.
        path: PathBuf,
        /// The folder that is closed.
        blocked_at: PathBuf,
    },
    /// The server died too often, so it is no longer restarted.
    #[error("PostgreSQL died {deaths} times in a short time and is not restarted again: {last}")]
    GaveUp {
        /// Deaths counted.
        deaths: usize,
        /// The last known cause.
        last: String,
    },
    /// Any other failure of a file operation.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// The operation, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// What the person at the terminal can do, where there is something to do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Locked { pid: Some(pid), .. } => {
                format!("stop it first (process {pid}), or use another home directory")
            }
            Self::Locked { pid: None, .. } => "stop it first, or use another home directory".to_owned(),
            Self::Server { .. } => {
                "give the folder that holds both `postgres` and `initdb`, version 15 or newer".to_owned()
            }
            Self::Download { .. } => INSTALL.to_owned(),
            Self::OtherMajor { created, .. } => format!(
                "install PostgreSQL {created}, or dump the data with that version and restore it into a new home directory"
            ),
            Self::PortTaken { port, .. } => format!(
                "stop the program that uses it, or choose another database port, for example `--db-port {}`",
                port.checked_add(10).unwrap_or(54322)
            ),
            Self::DiskFull { .. } => "free some space and start again; committed data is safe".to_owned(),
            Self::Permission { .. } => {
                "start as the user who owns the files, or give them to this user with chown".to_owned()
            }
            Self::SharedLibrary { .. } => format!("install the library, or another server. {INSTALL}"),
            Self::Timeout { .. } => {
                "a recovery after a crash can take long: start again, or look at the log lines above".to_owned()
            }
            Self::Orphan { pid, .. } => format!("end it with `kill -QUIT {pid}` and start again"),
            Self::Password { file } => format!(
                "write the password of the role postgres into {}, or set it back with `alter role postgres password …`",
                file.display()
            ),
            Self::UnknownUser { name } => {
                format!("create it with `useradd --system {name}`, or start as an ordinary user instead of root")
            }
            Self::Unreachable { blocked_at, .. } => format!(
                "allow passing through with `chmod o+x {}`, or choose a home directory elsewhere",
                blocked_at.display()
            ),
            Self::Setting { .. } | Self::Initdb { .. } | Self::Start { .. } | Self::GaveUp { .. } | Self::Io { .. } => {
                return None;
            }
        };
        Some(hint)
    }

    /// Maps a file system error: a full disk and a missing permission have their own kinds.
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path: path.to_owned() },
            io::ErrorKind::PermissionDenied => {
                Self::Permission { detail: format!("cannot {action} {}", path.display()) }
            }
            _ => Self::Io { action, path: path.to_owned(), source },
        }
    }
}

const INSTALL: &str = "install a server: `apt install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora), `brew install postgresql@17` (macOS)";

/// The address, folders and program that a failed child worked with, to name them in its error.
#[derive(Debug, Clone)]
pub(super) struct Scene {
    pub(super) bin: PathBuf,
    pub(super) data: PathBuf,
    pub(super) listen: IpAddr,
    pub(super) port: u16,
}

/// Recognises the causes that have their own kind in what `initdb` or `postgres` wrote.
pub(super) fn known_cause(lines: &[String], scene: &Scene) -> Option<Error> {
    let line_with = |needle: &str| lines.iter().find(|line| line.contains(needle));
    if let Some(line) = line_with("error while loading shared libraries")
        .or_else(|| line_with("Library not loaded"))
        .or_else(|| line_with("could not access file \"$libdir"))
    {
        return Some(Error::SharedLibrary { bin: scene.bin.clone(), detail: text_of(line) });
    }
    // The last one is what PostgreSQL adds when a write was cut short.
    let full = ["No space left on device", "Disk quota exceeded", "Check free disk space"];
    if full.iter().any(|needle| line_with(needle).is_some()) {
        return Some(Error::DiskFull { path: scene.data.clone() });
    }
    if line_with("Address already in use").is_some() {
        return Some(Error::PortTaken { listen: scene.listen, port: scene.port });
    }
    line_with("Permission denied").map(|line| Error::Permission { detail: text_of(line) })
}

/// The line that names the cause: the first fatal one, else the last one.
pub(super) fn telling_line(lines: &[String]) -> String {
    lines
        .iter()
        .find(|line| ["PANIC:", "FATAL:", "error:"].iter().any(|level| line.contains(level)))
        .or_else(|| lines.last())
        .map_or_else(|| "it wrote nothing".to_owned(), |line| text_of(line))
}

/// A log line without its level or program name.
fn text_of(line: &str) -> String {
    let text = ["PANIC:", "FATAL:", "ERROR:", "LOG:", "error:"]
        .iter()
        .find_map(|level| line.split_once(level).map(|(_, text)| text))
        .unwrap_or(line);
    text.trim().to_owned()
}

fn pid_in_words(pid: Option<i32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene() -> Scene {
        Scene { bin: "/opt/pg/bin".into(), data: "/srv/data".into(), listen: IpAddr::from([127, 0, 0, 1]), port: 54322 }
    }

    fn cause(lines: &[&str]) -> Option<String> {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        known_cause(&lines, &scene()).map(|error| error.to_string())
    }

    #[test]
    fn full_disk_is_recognised_in_initdb_and_server_output() {
        let expected = Some("no space left on the disk that holds /srv/data".to_owned());
        assert_eq!(
            cause(&[
                "creating subdirectories ... ",
                "initdb: error: could not create directory \"/srv/data/pg_wal\": No space left on device"
            ]),
            expected
        );
        assert_eq!(
            cause(&["PANIC:  could not write to file \"pg_wal/xlogtemp.71\": No space left on device"]),
            expected
        );
        assert_eq!(
            cause(&[
                "FATAL:  could not extend file \"base/1/2691\": wrote only 4096 of 8192 bytes at block 3",
                "HINT:  Check free disk space.",
                "PANIC:  cannot abort transaction 1, it was already committed",
            ]),
            expected
        );
    }

    #[test]
    fn taken_port_is_recognised_in_the_log() {
        assert_eq!(
            cause(&[
                "LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use",
                "FATAL:  could not create any TCP/IP sockets",
            ]),
            Some("database port 54322 on 127.0.0.1 is already in use by another program".to_owned())
        );
    }

    #[test]
    fn missing_library_and_permission_keep_the_telling_part() {
        assert_eq!(
            cause(&["postgres: error while loading shared libraries: libicui18n.so.72: cannot open shared object file"]),
            Some("the PostgreSQL server in /opt/pg/bin misses a shared library: postgres: error while loading shared libraries: libicui18n.so.72: cannot open shared object file".to_owned())
        );
        assert_eq!(
            cause(&["initdb: error: could not access directory \"/srv/data\": Permission denied"]),
            Some("permission denied: could not access directory \"/srv/data\": Permission denied".to_owned())
        );
    }

    #[test]
    fn other_output_has_no_known_cause_but_a_telling_line() {
        let lines = ["LOG:  starting".to_owned(), "FATAL:  bogus".to_owned(), "LOG:  shut down".to_owned()];
        assert!(known_cause(&lines, &scene()).is_none());
        assert_eq!(telling_line(&lines), "bogus");
        assert_eq!(telling_line(&[]), "it wrote nothing");
    }

    #[test]
    fn messages_are_one_line() {
        let error = Error::Locked { directory: "/srv".into(), pid: Some(7) };
        assert_eq!(error.to_string(), "another vestibule (process 7) already runs on /srv");
        let error = Error::io("write", Path::new("/x"), io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(error, Error::DiskFull { .. }));
    }
}
