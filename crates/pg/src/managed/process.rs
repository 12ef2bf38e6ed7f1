//! The running server: a child of ours in the foreground, from its start to its end.

use std::ffi::{OsStr, OsString};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::account::Account;
use super::create::clean_environment;
use super::error::{Error, Scene, known_cause, telling_line};
use super::log::{Tail, follow};
use super::pidfile::PidFile;

/// How often a starting server is looked at; the whole start takes some 100 ms.
const GLANCE: Duration = Duration::from_millis(5);

/// For what should be immediate, but must not hang us.
const SOON: Duration = Duration::from_secs(5);

/// Everything needed to start the server, now and again after it died.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) scene: Scene,
    pub(super) account: Option<Account>,
    pub(super) socket_folder: PathBuf,
    /// `name=value`, later ones win.
    pub(super) options: Vec<(String, String)>,
    pub(super) password: Option<Login>,
    pub(super) start_timeout: Duration,
    pub(super) stop_timeout: Duration,
}

/// The administrator's password and where it came from.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) password: String,
    pub(super) file: PathBuf,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A live server. Dropped without [`Postmaster::stop`], it is told to shut down and not waited for.
#[derive(Debug)]
pub(super) struct Postmaster {
    child: Child,
    tail: Tail,
    reader: JoinHandle<()>,
}

impl Plan {
    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    ///
    /// It ends before it is ready, is not ready in time, or refuses the password; it does not run then.
    pub(super) async fn launch(&self) -> Result<Postmaster, Error> {
        check_port(&self.scene)?;
        let mut postmaster = self.spawn()?;
        match timeout(self.start_timeout, self.wait_ready(&mut postmaster)).await {
            Ok(Ok(())) => Ok(postmaster),
            Ok(Err(error)) => {
                postmaster.stop(self.stop_timeout).await;
                Err(error)
            }
            Err(_) => {
                postmaster.stop(SOON).await;
                let last = telling_line(&postmaster.tail.lines());
                Err(Error::Timeout { after: self.start_timeout, last })
            }
        }
    }

    fn spawn(&self) -> Result<Postmaster, Error> {
        let program = self.scene.bin.join("postgres");
        let mut command = Command::new(&program);
        command.arg("-D").arg(&self.scene.data);
        for option in self.command_line() {
            command.arg("-c").arg(option);
        }
        if let Some(account) = &self.account {
            account.apply(&mut command);
        }
        clean_environment(&mut command);
        command.current_dir(&self.socket_folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // Not in the terminal's group: Ctrl-C reaches us, and we stop the server in order.
        command.process_group(0);
        let mut child = command.spawn().map_err(|e| Error::io("run", &program, e))?;
        let tail = Tail::default();
        let stderr = child.stderr.take().expect("the standard error was asked for as a pipe");
        let reader = tokio::spawn(follow(stderr, tail.clone()));
        Ok(Postmaster { child, tail, reader })
    }

    /// What neither a configuration file nor `alter system` may change.
    fn command_line(&self) -> Vec<OsString> {
        let mut options: Vec<OsString> = [
            ("listen_addresses", self.scene.listen.to_string()),
            ("port", self.scene.port.to_string()),
            ("unix_socket_permissions", "0700".to_owned()),
            ("cluster_name", "vestibule".to_owned()),
            ("logging_collector", "off".to_owned()),
            ("log_destination", "stderr".to_owned()),
            // The reader of the log relies on these two.
            ("log_line_prefix", String::new()),
            ("lc_messages", "C".to_owned()),
        ]
        .iter()
        .map(|(name, value)| format!("{name}={value}").into())
        .collect();
        options.push(socket_option(&self.socket_folder));
        options.extend(self.options.iter().map(|(name, value)| format!("{name}={value}").into()));
        options
    }

    /// Waits for the server's own word that it is ready, then logs in once: port, socket and password are right.
    async fn wait_ready(&self, postmaster: &mut Postmaster) -> Result<(), Error> {
        let pid = postmaster.pid();
        loop {
            if postmaster.child.try_wait().map_err(|e| Error::io("watch", &self.scene.bin, e))?.is_some() {
                return Err(self.cause_of_death(postmaster).await);
            }
            let noted = PidFile::read(&self.scene.data);
            if noted.is_some_and(|file| Some(file.pid) == pid && file.is_ready) && self.log_in().await? {
                return Ok(());
            }
            sleep(GLANCE).await;
        }
    }

    /// Logs in as the administrator; `false`: not yet.
    async fn log_in(&self) -> Result<bool, Error> {
        let mut login = tokio_postgres::Config::new();
        login.host_path(&self.socket_folder).port(self.scene.port).user("postgres").dbname("postgres");
        if let Some(known) = &self.password {
            login.password(&known.password);
        }
        let Err(error) = login.connect(NoTls).await else {
            return Ok(true);
        };
        let Some(answer) = error.as_db_error() else {
            let is_too_early = std::error::Error::source(&error).is_some_and(|cause| cause.is::<io::Error>());
            return if is_too_early { Ok(false) } else { Err(Error::Start { detail: error.to_string() }) };
        };
        match (answer.code(), &self.password) {
            (&SqlState::CANNOT_CONNECT_NOW, _) => Ok(false),
            (&SqlState::INVALID_PASSWORD, Some(known)) => Err(Error::Password { file: known.file.clone() }),
            // The administrator's database or a free connection is not ours to demand here.
            (&SqlState::TOO_MANY_CONNECTIONS | &SqlState::INVALID_CATALOG_NAME, _) => Ok(true),
            _ => Err(Error::Start { detail: answer.message().to_owned() }),
        }
    }

    /// Why the server ended, from its last words.
    pub(super) async fn cause_of_death(&self, postmaster: &mut Postmaster) -> Error {
        let lines = postmaster.last_words().await;
        known_cause(&lines, &self.scene).unwrap_or_else(|| Error::Start { detail: telling_line(&lines) })
    }
}

impl Postmaster {
    /// Its process id, until it has ended.
    pub(super) fn pid(&self) -> Option<i32> {
        self.child.id().and_then(|id| i32::try_from(id).ok())
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Stops it: fast first (transactions are rolled back, data is written), harder when that takes too long.
    pub(super) async fn stop(&mut self, patience: Duration) {
        for (signal, patience) in [(Signal::SIGINT, patience), (Signal::SIGQUIT, SOON)] {
            self.signal(signal);
            if timeout(patience, self.child.wait()).await.is_ok() {
                self.last_words().await;
                return;
            }
            tracing::warn!(%signal, "PostgreSQL does not stop in time: next, a harder signal");
        }
        if let Err(error) = self.child.kill().await {
            tracing::error!(%error, "cannot kill PostgreSQL");
        }
    }

    /// Lets the log be read to its end and returns its last lines.
    async fn last_words(&mut self) -> Vec<String> {
        // A process of the server that outlives it keeps the pipe open: that is not waited for.
        if !self.reader.is_finished() {
            drop(timeout(Duration::from_millis(500), &mut self.reader).await);
        }
        self.tail.lines()
    }

    fn signal(&self, signal: Signal) {
        // The id is known only until the child was waited for, so it cannot be anybody else's.
        if let Some(pid) = self.pid()
            && let Err(error) = kill(Pid::from_raw(pid), signal)
        {
            tracing::warn!(%error, %signal, pid, "cannot signal PostgreSQL");
        }
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        self.signal(Signal::SIGINT);
    }
}

/// The socket's folder as a list with one quoted element: it may hold commas and blanks.
fn socket_option(folder: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut option = b"unix_socket_directories=\"".to_vec();
    for byte in folder.as_os_str().as_bytes() {
        if *byte == b'"' {
            option.push(b'"');
        }
        option.push(*byte);
    }
    option.push(b'"');
    OsString::from_vec(option)
}

/// Fails when another program listens on the port.
pub(super) fn check_port(scene: &Scene) -> Result<(), Error> {
    match TcpListener::bind((scene.listen, scene.port)) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            Err(Error::PortTaken { listen: scene.listen, port: scene.port })
        }
        Err(error) => {
            let address = format!("{}:{}", scene.listen, scene.port);
            Err(Error::io("listen on", Path::new(OsStr::new(&address)), error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn socket_folder_is_quoted() {
        assert_eq!(
            socket_option(Path::new("/srv/a, \"b\"")),
            OsString::from("unix_socket_directories=\"/srv/a, \"\"b\"\"\"")
        );
    }

    #[test]
    fn passwords_do_not_show() {
        let login = Login { password: "hunter2".to_owned(), file: "/srv/p".into() };
        assert!(!format!("{login:?}").contains("hunter2"));
    }
}
