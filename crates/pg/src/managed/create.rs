//! Creates a data directory with `initdb`, all or nothing: it works in a sibling folder that is renamed at the end.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use uuid::Uuid;

use super::account::{Account, private_folder};
use super::error::{Error, Scene, known_cause, telling_line};

/// Beginning of the name of a data directory that is not finished.
const UNFINISHED: &str = "pgdata.new-";

/// Settings of a new cluster, appended to what initdb writes.
const NEW_CLUSTER: &str = "
# Vestibule's defaults, written once. Change them here or with `alter system`, they are yours.
# Address, port, socket, log target and cluster name come with the command line and win over this file.
log_min_messages = log              # what a statement did wrong is reported by whoever sent it
log_error_verbosity = terse         # no values of rows in the log
log_min_error_statement = panic     # no statements in the log
";

/// How to create a data directory.
#[derive(Debug)]
pub(super) struct Creation<'a> {
    pub(super) scene: &'a Scene,
    pub(super) account: Option<&'a Account>,
    /// Only its user may enter; the password file for initdb is put there for a moment.
    pub(super) private: &'a Path,
    /// `None`: whoever reaches the server may log in (throw-away clusters).
    pub(super) password: Option<&'a str>,
    /// Whether everything has to be on disk before we go on.
    pub(super) is_durable: bool,
}

/// A fresh random password, safe in a URL as it is.
pub(super) fn random_password() -> String {
    // 244 random bits from the system's generator.
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

impl Creation<'_> {
    /// Creates the data directory.
    ///
    /// # Errors
    ///
    /// `initdb` fails; nothing is left behind then.
    pub(super) async fn run(&self) -> Result<(), Error> {
        let data = &self.scene.data;
        let base = data.parent().unwrap_or(data);
        remove_unfinished(base);
        let unfinished = base.join(format!("{UNFINISHED}{}", Uuid::new_v4().simple()));
        let result = self.build(&unfinished).await;
        if result.is_err() {
            // The reason matters more than a folder that the next start removes anyway.
            drop(fs::remove_dir_all(&unfinished));
        }
        result?;
        let sync = |path: &Path| File::open(path)?.sync_all();
        fs::rename(&unfinished, data).and_then(|()| sync(base)).map_err(|e| Error::io("create", data, e))
    }

    async fn build(&self, unfinished: &Path) -> Result<(), Error> {
        private_folder(unfinished, self.account)?;
        let pwfile = self.password.map(|password| self.lay_down(password)).transpose()?;
        let mut output = self.initdb(unfinished, pwfile.as_deref(), "C.UTF-8").await;
        if let Ok(tried) = &output
            && !tried.status.success()
            && String::from_utf8_lossy(&tried.stderr).contains("invalid locale")
        {
            output = self.initdb(unfinished, pwfile.as_deref(), "C").await;
        }
        if let Some(file) = pwfile {
            drop(fs::remove_file(file));
        }
        self.judge(&output?)?;
        let conf = unfinished.join("postgresql.conf");
        let append = || {
            let mut file = OpenOptions::new().append(true).open(&conf)?;
            file.write_all(NEW_CLUSTER.as_bytes())?;
            file.sync_all()
        };
        append().map_err(|e| Error::io("write", &conf, e))
    }

    /// The password as a file for initdb, which cannot open our pipe when it runs as another user.
    fn lay_down(&self, password: &str) -> Result<PathBuf, Error> {
        let file = self.private.join(format!("initdb-{}", Uuid::new_v4().simple()));
        let write = || {
            let mut open = OpenOptions::new();
            open.write(true).create_new(true).mode(0o600).open(&file)?.write_all(password.as_bytes())
        };
        write().map_err(|e| Error::io("write", &file, e))?;
        if let Some(account) = self.account {
            account.give(&file)?;
        }
        Ok(file)
    }

    async fn initdb(&self, target: &Path, pwfile: Option<&Path>, locale: &str) -> Result<Output, Error> {
        let program = self.scene.bin.join("initdb");
        let mut command = Command::new(&program);
        command
            .arg("--pgdata")
            .arg(target)
            .args(["--username=postgres", "--encoding=UTF8", "--no-instructions"])
            .args(["--text-search-config=english", &format!("--locale={locale}")]);
        match pwfile {
            Some(file) => {
                command.args(["--auth-local=scram-sha-256", "--auth-host=scram-sha-256", "--pwfile"]).arg(file)
            }
            None => command.arg("--auth=trust"),
        };
        if !self.is_durable {
            command.arg("--no-sync");
        }
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        clean_environment(&mut command);
        command.current_dir(self.private).stdin(Stdio::null()).stdout(Stdio::null());
        command.process_group(0).kill_on_drop(true);
        command.output().await.map_err(|e| Error::io("run", &program, e))
    }

    fn judge(&self, output: &Output) -> Result<(), Error> {
        if output.status.success() {
            return Ok(());
        }
        let lines: Vec<String> = String::from_utf8_lossy(&output.stderr)
            .lines()
            .map(|line| line.trim().to_owned())
            .filter(|line| !line.is_empty() && !line.contains("removing "))
            .collect();
        Err(known_cause(&lines, self.scene).unwrap_or_else(|| {
            let last = &lines[lines.len().saturating_sub(3)..];
            let detail = if last.is_empty() { output.status.to_string() } else { last.join("; ") };
            Error::Initdb { detail }
        }))
    }
}

/// Gives the administrator of a stopped cluster a password, by PostgreSQL's single-user mode.
///
/// `password` consists of letters and digits, as [`random_password`] makes them.
pub(super) async fn set_password(scene: &Scene, account: Option<&Account>, password: &str) -> Result<(), Error> {
    let program = scene.bin.join("postgres");
    let mut command = Command::new(&program);
    command.args(["--single", "-D"]).arg(&scene.data).arg("postgres").current_dir("/");
    if let Some(account) = account {
        account.apply(&mut command);
    }
    clean_environment(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let work = async {
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().expect("the standard input was asked for as a pipe");
        stdin.write_all(format!("alter role postgres password '{password}'\n").as_bytes()).await?;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = work.await.map_err(|e| Error::io("run", &program, e))?;
    let lines: Vec<String> =
        String::from_utf8_lossy(&output.stderr).lines().map(|line| line.trim().to_owned()).collect();
    // In this mode a failed statement does not show in the exit status.
    if output.status.success() && !lines.iter().any(|line| line.contains("ERROR:")) {
        return Ok(());
    }
    Err(known_cause(&lines, scene).unwrap_or_else(|| Error::Start { detail: telling_line(&lines) }))
}

/// Takes away what could change PostgreSQL's behaviour or what it has no business to know.
pub(super) fn clean_environment(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    for name in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
}

/// Removes what a start that was killed within initdb has left.
fn remove_unfinished(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "cannot remove an unfinished data directory");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, two) = (random_password(), random_password());
        assert_ne!(one, two);
        assert!(one.len() == 64 && one.bytes().all(|b| b.is_ascii_alphanumeric()));
    }

    #[tokio::test]
    async fn failing_initdb_shows_its_last_lines_and_leaves_nothing() {
        let top = tempfile::tempdir().unwrap();
        let script = top.path().join("initdb");
        fs::write(&script, "#!/bin/sh\necho >&2 'initdb: error: one'\necho >&2 'two'\nexit 1\n").unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        fs::create_dir(top.path().join("pgdata.new-old")).unwrap();
        let scene = Scene {
            bin: top.path().to_owned(),
            data: top.path().join("pgdata"),
            listen: [127, 0, 0, 1].into(),
            port: 1,
        };
        let creation =
            Creation { scene: &scene, account: None, private: top.path(), password: Some("x"), is_durable: true };
        let error = creation.run().await.unwrap_err();
        assert_eq!(error.to_string(), "cannot create the database cluster: initdb: error: one; two");
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1);
    }
}
