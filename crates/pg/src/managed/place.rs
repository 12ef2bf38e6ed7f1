//! Where the cluster lives, and the lock that keeps two of us apart.
//!
//! ```text
//! <home>/lock                 held while a Vestibule runs on this home; holds its process id
//! <home>/postgres-password    the administrator's password (0600)
//! <home>/cluster-path         only as root, see below: where the cluster is instead
//! <base>/pgdata               the data directory
//! <base>/run                  the socket (0700)
//! <base>/postgres/<version>   a downloaded server
//! ```
//!
//! `<base>` is the home. The one exception: started as root in a home that the server's user cannot reach
//! (below `/root`, say), it is `/var/lib/vestibule/<id>`, and `cluster-path` says so. There, the file `home`
//! says whose it is; a home that was removed and made anew gets a new cluster, as it would anywhere else.
//! Permissions of folders that are not ours are never changed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::account::{Account, private_folder};
use super::error::Error;

/// Where clusters go that cannot be in their home.
const SHARED_BASE: &str = "/var/lib/vestibule";

/// A socket's path has at most 107 bytes, and `/.s.PGSQL.65535` is appended.
const LONGEST_SOCKET_FOLDER: usize = 107 - "/.s.PGSQL.65535".len();

/// The folders of one cluster, and the user who owns its files.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) home: PathBuf,
    pub(super) base: PathBuf,
    pub(super) data: PathBuf,
    pub(super) account: Option<Account>,
}

impl Place {
    /// The folders of an existing or future cluster, without creating or checking anything.
    pub(super) fn look(home: &Path) -> Result<Self, Error> {
        let home = fs::canonicalize(home).map_err(|e| Error::io("find", home, e))?;
        let pointer = home.join("cluster-path");
        let base = match fs::read(&pointer) {
            Ok(path) => PathBuf::from(std::ffi::OsStr::from_bytes(path.trim_ascii())),
            Err(error) if error.kind() == ErrorKind::NotFound => home.clone(),
            Err(error) => return Err(Error::io("read", &pointer, error)),
        };
        let data = base.join("pgdata");
        Ok(Self { home, base, data, account: None })
    }

    /// Decides who runs the server and where, and creates what is missing.
    ///
    /// # Errors
    ///
    /// There is no suitable user, or an existing cluster cannot be reached by its own.
    pub(super) fn settle(home: &Path, run_as: Option<&str>) -> Result<Self, Error> {
        let mut place = Self::look(home)?;
        let owner = fs::metadata(&place.data).ok().map(|found| found.uid());
        place.account = Account::choose(run_as, owner)?;
        let Some(account) = place.account.clone() else {
            return Ok(place);
        };
        open_for_passing(&place.base)?;
        let Some(blocked_at) = account.blocked_at(&place.base) else {
            if owner.is_some_and(|uid| uid != account.uid) {
                account.give(&place.data)?;
            }
            return Ok(place);
        };
        if owner.is_some() || place.base != place.home {
            return Err(Error::Unreachable { user: account.name, path: place.base, blocked_at });
        }
        place.move_out(&account)?;
        Ok(place)
    }

    /// Puts a cluster that does not exist yet where `account` can reach it.
    fn move_out(&mut self, account: &Account) -> Result<(), Error> {
        let shared = Path::new(SHARED_BASE);
        let base = shared.join(Uuid::new_v4().simple().to_string());
        for folder in [shared, &base] {
            fs::create_dir_all(folder).map_err(|e| Error::io("create", folder, e))?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o711))
                .map_err(|e| Error::io("chmod", folder, e))?;
        }
        if let Some(blocked_at) = account.blocked_at(&base) {
            let user = account.name.clone();
            return Err(Error::Unreachable { user, path: base, blocked_at });
        }
        for earlier in clusters_of(&self.home) {
            tracing::warn!(
                folder = %earlier.display(),
                "an earlier cluster of this home still takes space: remove it when it is not needed"
            );
        }
        write_private(&base.join("home"), self.home.as_os_str().as_bytes())?;
        write_private(&self.home.join("cluster-path"), base.as_os_str().as_bytes())?;
        tracing::info!(
            user = account.name, cluster = %base.display(),
            "the home directory is closed to the database's user: the cluster is kept elsewhere"
        );
        self.data = base.join("pgdata");
        self.base = base;
        Ok(())
    }

    /// Folder of downloaded servers.
    pub(super) fn downloads(&self) -> PathBuf {
        self.base.join("postgres")
    }

    /// File with the administrator's password.
    pub(super) fn password_file(&self) -> PathBuf {
        self.home.join("postgres-password")
    }

    /// Creates the folder of the socket: in the base, or below the temporary folder where that path is too long.
    pub(super) fn socket_folder(&self) -> Result<PathBuf, Error> {
        let hash = Sha256::digest(self.base.as_os_str().as_bytes());
        let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let short = format!("vestibule-{name}");
        let choices = [self.base.join("run"), std::env::temp_dir().join(&short), Path::new("/tmp").join(&short)];
        let folder = choices
            .into_iter()
            .find(|folder| {
                let parent = folder.parent().unwrap_or(folder);
                folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER
                    && self.account.as_ref().is_none_or(|user| user.blocked_at(parent).is_none())
            })
            .ok_or_else(|| Error::Setting { name: "home", reason: "its path is too long for a socket".to_owned() })?;
        private_folder(&folder, self.account.as_ref())?;
        Ok(folder)
    }
}

/// Lets others pass through (not list) a base folder that is root's, so that its user reaches the cluster.
///
/// The secrets in a home are files with mode 0600.
fn open_for_passing(base: &Path) -> Result<(), Error> {
    let found = fs::metadata(base).map_err(|e| Error::io("read", base, e))?;
    if found.uid() != 0 || found.mode() & 0o001 != 0 {
        return Ok(());
    }
    fs::set_permissions(base, fs::Permissions::from_mode(found.mode() & 0o7777 | 0o011))
        .map_err(|e| Error::io("chmod", base, e))
}

/// The folders that clusters of `home` were put into.
fn clusters_of(home: &Path) -> Vec<PathBuf> {
    fs::read_dir(SHARED_BASE)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|base| fs::read(base.join("home")).is_ok_and(|path| path == home.as_os_str().as_bytes()))
        .collect()
}

/// Creates a home that only its owner may enter, unless it exists. Folders above it are ordinary ones.
pub(super) fn create_home(home: &Path) -> Result<(), Error> {
    if let Some(parent) = home.parent() {
        fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
    }
    DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(|e| Error::io("create", home, e))
}

/// Writes a file (0600) so that it is there completely or not at all.
pub(super) fn write_private(path: &Path, content: &[u8]) -> Result<(), Error> {
    let unfinished = path.with_extension("new");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().map_err(|e| Error::io("write", path, e))
}

/// Keeps other Vestibules off a directory until it is dropped or its process ends, however that happens.
#[derive(Debug)]
pub(super) struct Lock {
    _file: Flock<File>,
}

impl Lock {
    /// Takes the lock of `directory`.
    ///
    /// # Errors
    ///
    /// Another process has it: the error names its id.
    pub(super) fn take(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Error::io("open", &path, e))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut held) => {
                let note = |file: &mut File| {
                    file.set_len(0)?;
                    file.rewind()?;
                    writeln!(file, "{}", std::process::id())
                };
                note(&mut held).map_err(|e| Error::io("write", &path, e))?;
                Ok(Self { _file: held })
            }
            Err((file, Errno::EWOULDBLOCK)) => {
                let mut text = String::new();
                // Without a readable process id the message is still true.
                drop(file.take(32).read_to_string(&mut text));
                let pid = text.trim().parse().ok();
                Err(Error::Locked { directory: directory.to_owned(), pid })
            }
            Err((_, errno)) => Err(Error::io("lock", &path, errno.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_lock_names_the_holder_and_the_first_is_released_on_drop() {
        let home = tempfile::tempdir().unwrap();
        let first = Lock::take(home.path()).unwrap();
        let error = Lock::take(home.path()).unwrap_err();
        let expected =
            format!("another vestibule (process {}) already runs on {}", std::process::id(), home.path().display());
        assert_eq!(error.to_string(), expected);
        drop(first);
        Lock::take(home.path()).unwrap();
    }

    #[test]
    fn long_home_gets_its_socket_below_the_temporary_folder() {
        let top = tempfile::tempdir().unwrap();
        let home = top.path().join("a".repeat(80)).join("b".repeat(40));
        create_home(&home).unwrap();
        let mut place = Place::look(&home).unwrap();
        let folder = place.socket_folder().unwrap();
        assert!(folder.as_os_str().len() <= LONGEST_SOCKET_FOLDER);
        assert!(!folder.starts_with(top.path()));
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        fs::remove_dir(&folder).unwrap();
        place.base = top.path().to_owned();
        assert_eq!(place.socket_folder().unwrap(), top.path().join("run"));
    }

    #[test]
    fn private_file_is_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("postgres-password");
        write_private(&file, b"one").unwrap();
        write_private(&file, b"two").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }
}
