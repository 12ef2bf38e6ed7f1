//! The system user that PostgreSQL runs as.
//!
//! `initdb` and `postgres` refuse to run as root. Started as root we therefore run both as an unprivileged
//! user: the one named in the settings, else the owner of an existing data directory, else the first of
//! [`USUAL_NAMES`] that exists. Started as anybody else, PostgreSQL runs as that user.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User, geteuid};
use tokio::process::Command;

use super::error::Error;

/// Looked for in this order; `nobody` exists everywhere and is the last resort.
const USUAL_NAMES: [&str; 3] = ["postgres", "vestibule", "nobody"];

/// An unprivileged user to run PostgreSQL as, when we are root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Chooses the user; `None` means: our own, because we are not root.
    ///
    /// `owner` is the user id that owns an existing data directory.
    pub(super) fn choose(run_as: Option<&str>, owner: Option<u32>) -> Result<Option<Self>, Error> {
        let me = geteuid();
        if !me.is_root() {
            return Self::stay(me, run_as, owner).map(|()| None);
        }
        if let Some(name) = run_as {
            let account = Self::named(name)?.ok_or_else(|| Error::UnknownUser { name: name.to_owned() })?;
            if account.uid == 0 {
                let reason = "PostgreSQL does not run as root: name another user".to_owned();
                return Err(Error::Setting { name: "run_as", reason });
            }
            return Ok(Some(account));
        }
        if let Some(uid) = owner.filter(|uid| *uid != 0)
            && let Some(user) = lookup(User::from_uid(Uid::from_raw(uid)))?
        {
            return Ok(Some(user.into()));
        }
        for name in USUAL_NAMES {
            if let Some(account) = Self::named(name)? {
                return Ok(Some(account));
            }
        }
        Err(Error::UnknownUser { name: "postgres".to_owned() })
    }

    /// Not being root, only our own user is possible.
    fn stay(me: Uid, run_as: Option<&str>, owner: Option<u32>) -> Result<(), Error> {
        if let Some(name) = run_as
            && Self::named(name)?.is_none_or(|account| account.uid != me.as_raw())
        {
            let reason = format!("only root can run PostgreSQL as user {name}");
            return Err(Error::Setting { name: "run_as", reason });
        }
        match owner {
            Some(uid) if uid != me.as_raw() => Err(Error::Permission {
                detail: format!("the data directory belongs to user id {uid}, but this is user id {me}"),
            }),
            _ => Ok(()),
        }
    }

    fn named(name: &str) -> Result<Option<Self>, Error> {
        Ok(lookup(User::from_name(name))?.map(Self::from))
    }

    /// Makes `command` run as this user and its primary group.
    ///
    /// The standard library also drops root's supplementary groups then.
    pub(super) fn apply(&self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }

    /// The first folder on the way to `path` that this user cannot pass, if any.
    ///
    /// Looks at the permission bits only, as the user has no groups but its own.
    pub(super) fn blocked_at(&self, path: &Path) -> Option<PathBuf> {
        let mut folders: Vec<&Path> = path.ancestors().collect();
        folders.reverse();
        folders
            .into_iter()
            .find(|folder| fs::metadata(folder).is_ok_and(|found| found.is_dir() && !self.may_pass(&found)))
            .map(Path::to_owned)
    }

    fn may_pass(&self, folder: &fs::Metadata) -> bool {
        let needed = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        folder.mode() & needed != 0
    }

    /// Gives `path` and, for a folder, everything in it to this user. Links are not followed.
    pub(super) fn give(&self, path: &Path) -> Result<(), Error> {
        let found = fs::symlink_metadata(path).map_err(|e| Error::io("read", path, e))?;
        lchown(path, Some(self.uid), Some(self.gid)).map_err(|e| Error::io("chown", path, e))?;
        if found.is_dir() {
            for entry in fs::read_dir(path).map_err(|e| Error::io("read", path, e))? {
                self.give(&entry.map_err(|e| Error::io("read", path, e))?.path())?;
            }
        }
        Ok(())
    }
}

impl From<User> for Account {
    fn from(user: User) -> Self {
        Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw() }
    }
}

fn lookup(answer: nix::Result<Option<User>>) -> Result<Option<User>, Error> {
    answer.map_err(|errno| Error::io("read", Path::new("/etc/passwd"), errno.into()))
}

/// Creates a folder that only the server's user may enter, and corrects an existing one.
pub(super) fn private_folder(path: &Path, account: Option<&Account>) -> Result<(), Error> {
    fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
    let found = fs::symlink_metadata(path).map_err(|e| Error::io("read", path, e))?;
    let owner = account.map_or_else(|| geteuid().as_raw(), |account| account.uid);
    if !found.is_dir() || (found.uid() != owner && account.is_none()) {
        let detail = format!("{} is not a folder of user id {owner}", path.display());
        return Err(Error::Permission { detail });
    }
    if found.uid() != owner {
        lchown(path, Some(owner), account.map(|a| a.gid)).map_err(|e| Error::io("chown", path, e))?;
    }
    if found.mode() & 0o777 != 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|e| Error::io("chmod", path, e))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger() -> Account {
        Account { name: "stranger".to_owned(), uid: 4_000_000, gid: 4_000_000 }
    }

    #[test]
    fn closed_folder_on_the_way_is_named() {
        let top = tempfile::tempdir().unwrap();
        let open = top.path().join("open");
        let closed = open.join("closed");
        let inner = closed.join("inner");
        fs::create_dir_all(&inner).unwrap();
        for (folder, mode) in [(top.path(), 0o711), (&open, 0o755), (&closed, 0o700), (&inner, 0o755)] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
        let outside = stranger().blocked_at(top.path());
        if outside.is_none() {
            assert_eq!(stranger().blocked_at(&inner), Some(closed.clone()));
        }
        let owner = fs::metadata(&closed).unwrap();
        let me = Account { name: "me".to_owned(), uid: owner.uid(), gid: owner.gid() };
        assert!(me.may_pass(&owner));
        assert!(!stranger().may_pass(&owner));
    }

    #[test]
    fn unknown_user_is_an_error_with_a_hint() {
        let error = Account::choose(Some("no-such-user-here"), None).unwrap_err();
        assert!(error.to_string().contains("no-such-user-here"), "{error}");
    }

    #[test]
    fn root_is_never_chosen() {
        if let Ok(Some(account)) = Account::choose(None, Some(0)) {
            assert_ne!(account.uid, 0);
        }
        assert!(matches!(Account::choose(Some("root"), None), Err(Error::Setting { .. }) | Ok(None)));
    }
}
