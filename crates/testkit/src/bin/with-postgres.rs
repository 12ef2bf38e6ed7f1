//! Runs a command with a throw-away PostgreSQL for tests, and exits with the command's code.
//!
//! ```text
//! cargo run -p testkit --bin with-postgres -- cargo test --workspace
//! ```
//!
//! The command finds the server in `VESTIBULE_TEST_DATABASE_URL`. If that is set already, the command is just
//! run. `VESTIBULE_TEST_PORT` asks for a certain port; otherwise a free one is taken. Nothing is written to disk
//! in a hurry, whoever reaches the loopback port may log in, and all is removed at the end, also on Ctrl-C.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use pg::managed::{Auth, Cluster, Settings};
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Received, SignalKind, signal};
use tokio::time::timeout;

const URL: &str = "VESTIBULE_TEST_DATABASE_URL";
const PORT: &str = "VESTIBULE_TEST_PORT";

/// After a signal, the command may take this long to end by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// One line for the terminal.
type Failure = String;

/// What could not be done, and why.
fn in_vain(action: &str) -> impl Fn(io::Error) -> Failure + use<> {
    let action = action.to_owned();
    move |error| format!("cannot {action}: {error}")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("with-postgres: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<u8, Failure> {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        return Err("usage: with-postgres COMMAND [ARGUMENT]…".to_owned());
    };
    let mut command = Command::new(&program);
    command.args(arguments).kill_on_drop(true);
    let mut signals = Signals::listen()?;
    if std::env::var_os(URL).is_some_and(|url| !url.is_empty()) {
        return signals.wait_for(start(&mut command, &program)?).await;
    }

    let folder = TempDir::with_prefix("vestibule-test-").map_err(in_vain("create a temporary folder"))?;
    let cluster = tokio::select! {
        started = Cluster::start(settings(folder.path())?) => started.map_err(|error| with_hint(&error))?,
        stopped_by = signals.next() => return Ok(code_of_signal(stopped_by)),
    };
    command.env(URL, cluster.url().expose_secret());
    // The cluster is stopped whatever became of the command.
    let code = match start(&mut command, &program) {
        Ok(child) => signals.wait_for(child).await,
        Err(error) => Err(error),
    };
    let base = cluster.data_dir().parent().map(Path::to_owned);
    cluster.stop().await;
    if let Some(base) = base.filter(|base| !base.starts_with(folder.path())) {
        // As root below a closed temporary folder, the cluster was elsewhere.
        std::fs::remove_dir_all(&base).map_err(in_vain(&format!("remove {}", base.display())))?;
    }
    folder.close().map_err(in_vain("remove the temporary folder"))?;
    code
}

fn settings(folder: &Path) -> Result<Settings, Failure> {
    let port = match std::env::var(PORT) {
        Ok(port) => port.parse().map_err(|_| format!("{PORT} is not a port: {port:?}"))?,
        Err(_) => 0,
    };
    Ok(Settings {
        // Canonical, so that it can be compared with what the cluster says.
        home: folder.canonicalize().map_err(in_vain("find the temporary folder"))?,
        port,
        auth: Auth::Trust,
        durable: false,
        // Tests run side by side, each with pools of its own.
        extra: vec![("max_connections".to_owned(), "300".to_owned())],
        ..Settings::default()
    })
}

fn with_hint(error: &pg::managed::Error) -> Failure {
    error.hint().map_or_else(|| error.to_string(), |hint| format!("{error} ({hint})"))
}

fn start(command: &mut Command, program: &OsStr) -> Result<Child, Failure> {
    command.spawn().map_err(in_vain(&format!("run {}", program.display())))
}

/// The signals that ask us to end.
struct Signals {
    interrupt: Received,
    terminate: Received,
    hang_up: Received,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(in_vain("listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hang_up.recv() => Signal::SIGHUP,
        }
    }

    /// Waits for the command, and passes a signal on to it.
    async fn wait_for(&mut self, mut child: Child) -> Result<u8, Failure> {
        tokio::select! {
            status = child.wait() => Ok(code_of(status.map_err(in_vain("wait for the command"))?)),
            received = self.next() => {
                if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
                    // It may have ended in this moment.
                    kill(Pid::from_raw(pid), received).ok();
                }
                if timeout(PATIENCE, child.wait()).await.is_err() {
                    child.kill().await.map_err(in_vain("kill the command"))?;
                }
                Ok(code_of_signal(received))
            }
        }
    }
}

/// The command's exit code as a shell gives it.
fn code_of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn code_of_signal(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)
}
