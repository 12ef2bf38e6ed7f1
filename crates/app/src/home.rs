//! The data directory: the project's keys, what the running server says of itself, files and the database.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use base::project::ProjectKeys;
use base::{Clock, Random};
use serde::{Deserialize, Serialize};

/// A data directory.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

/// What a running server wrote down for `status` and the other commands, whose environment may differ.
#[derive(Clone, Serialize, Deserialize)]
pub struct Running {
    /// The server's process id.
    pub pid: u32,
    /// Where it answers, without a path.
    pub api_url: String,
    /// What it has besides the API.
    #[serde(default)]
    pub served: Served,
    /// The keys it uses: those of the data directory, or given ones.
    pub keys: ProjectKeys,
    /// The database that it was given; none when it runs its own.
    pub database_url: Option<String>,
}

/// What a server has besides the API.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Served {
    /// The console.
    pub dashboard: bool,
    /// The mailbox, open to anyone.
    pub mailbox: bool,
    /// The gate that takes the publishable and the secret key.
    pub api_keys: bool,
}

impl Default for Served {
    fn default() -> Self {
        Self { dashboard: true, mailbox: true, api_keys: true }
    }
}

impl Running {
    /// Whether the process is there.
    pub fn is_alive(&self) -> bool {
        let Ok(pid) = i32::try_from(self.pid) else { return false };
        // Signal 0 only asks; EPERM means that it is there and belongs to someone else.
        !matches!(nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None), Err(nix::errno::Errno::ESRCH))
    }
}

impl Home {
    /// The directory `path`, made if it is not there, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            make_private_directory(path)
                .with_context(|| format!("cannot make the data directory {}", path.display()))?;
        }
        let path = path.canonicalize().with_context(|| format!("cannot open the data directory {}", path.display()))?;
        Ok(Self(path))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The project's keys, if they were made already.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keys(&self) -> Result<Option<ProjectKeys>> {
        read_json(&self.0.join("keys.json"))
    }

    /// The project's keys, made if this is the first start.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn ensure_keys(&self, random: &Random, clock: &Clock) -> Result<ProjectKeys> {
        if let Some(keys) = self.keys()? {
            return Ok(keys);
        }
        let keys = ProjectKeys::generate(random, clock);
        self.keep_keys(&keys)?;
        Ok(keys)
    }

    /// Keeps the project's keys; a server knows them from its next start.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_keys(&self, keys: &ProjectKeys) -> Result<()> {
        self.keep("keys.json", Some(keys))
    }

    /// The first operator's one-time password, kept until it was used.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn first_operator(&self) -> Result<Option<FirstOperator>> {
        read_json(&self.first_operator_path())
    }

    /// Where that is kept.
    pub fn first_operator_path(&self) -> PathBuf {
        self.0.join("first-operator.json")
    }

    /// Keeps or forgets the first operator's one-time password.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_first_operator(&self, operator: Option<&FirstOperator>) -> Result<()> {
        self.keep("first-operator.json", operator)
    }

    /// What the running server wrote down; none when it does not run.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn running(&self) -> Result<Option<Running>> {
        Ok(read_json(&self.0.join("server.json"))?.filter(Running::is_alive))
    }

    /// Writes down, or removes, what the running server says of itself.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep_running(&self, running: Option<&Running>) -> Result<()> {
        self.keep("server.json", running)
    }

    fn keep<T: Serialize>(&self, name: &str, value: Option<&T>) -> Result<()> {
        let path = self.0.join(name);
        match value {
            Some(value) => write_private(&path, &serde_json::to_vec_pretty(value)?),
            None if path.exists() => {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
            }
            None => Ok(()),
        }
    }
}

/// Who may sign in to the console first, and with what.
#[derive(Clone, Serialize, Deserialize)]
pub struct FirstOperator {
    /// The e-mail address to sign in with.
    pub email: String,
    /// The one-time password.
    pub password: String,
}

fn make_private_directory(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // Others may pass through: as root the database runs as another user inside.
    fs::DirBuilder::new().mode(0o711).create(path)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => {
            let value = serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
            Ok(Some(value))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Writes a file that only its owner may read; a crash leaves the old one or the new one, never half of it. It stays with
/// its owner: root may change what a server reads that runs as another user.
fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
    let draft = path.with_extension("draft");
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        if let Ok(before) = fs::metadata(path)
            && before.uid() != file.metadata()?.uid()
        {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_only_their_owner_can_read_them() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a temporary directory");
        let home = Home::open(&folder.path().join("new/home")).expect("a home");
        let first = home.ensure_keys(&Random::system(), &Clock::system()).expect("keys");
        let second = home.ensure_keys(&Random::system(), &Clock::system()).expect("keys");
        assert_eq!(first.publishable_key, second.publishable_key);
        let mode = fs::metadata(home.path().join("keys.json")).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
