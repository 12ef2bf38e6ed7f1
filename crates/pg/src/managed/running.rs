//! Finds a cluster that another process runs, without starting one.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::error::Error;
use super::pidfile::{PidFile, is_server_of};
use super::place::Place;
use super::url;

/// A managed PostgreSQL that runs and accepts connections.
#[derive(Debug, Clone)]
pub struct Running {
    pid: i32,
    port: u16,
    listen: String,
    socket_dir: PathBuf,
    password: Option<SecretString>,
}

impl Running {
    /// Looks for the cluster of `home`; `None` when there is none, or it does not run or is not ready.
    ///
    /// # Errors
    ///
    /// The password file exists and cannot be read.
    pub fn find(home: &Path) -> Result<Option<Self>, Error> {
        if !home.is_dir() {
            return Ok(None);
        }
        let place = Place::look(home)?;
        let Some(file) = PidFile::read(&place.data) else {
            return Ok(None);
        };
        if !file.is_ready || !is_server_of(file.pid, &place.data) {
            return Ok(None);
        }
        let (Some(port), Some(listen), Some(socket_dir)) = (file.port, file.listen, file.socket_folder) else {
            return Ok(None);
        };
        let password = read_password(&place.password_file())?.map(SecretString::from);
        Ok(Some(Self { pid: file.pid, port, listen, socket_dir, password }))
    }

    /// The administrator's connection URL.
    #[must_use]
    pub fn url(&self) -> SecretString {
        url(self.password.as_ref(), &self.listen, self.port)
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder of the socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The postmaster's process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }
}

/// The administrator's password on file; `None` when there is none.
pub(super) fn read_password(file: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|password| !password.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", file, error)),
    }
}
