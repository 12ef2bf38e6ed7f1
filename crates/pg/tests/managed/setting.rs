//! What the tests need around a cluster: a home, SQL, and waiting for a condition.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pg::managed::{Cluster, Settings};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;
use tokio_postgres::NoTls;

/// A temporary home below a folder that the server's user can reach.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::in_folder_with_mode(0o711)
    }

    /// A home in a folder that only its owner can pass.
    pub(crate) fn closed() -> Self {
        Self::in_folder_with_mode(0o700)
    }

    fn in_folder_with_mode(mode: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        // The server sees the real path, the temporary folder may be a link.
        let top = fs::canonicalize(self.folder.path()).unwrap();
        top.join("home")
    }

    pub(crate) fn settings(&self) -> Settings {
        // Two cores and several clusters at a time: no test waits for a disk.
        Settings { home: self.path(), port: 0, durable: false, ..Settings::default() }
    }

    pub(crate) async fn start(&self) -> Cluster {
        Cluster::start(self.settings()).await.unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // As root a home may have its cluster elsewhere.
        if let Ok(base) = fs::read_to_string(self.path().join("cluster-path")) {
            drop(fs::remove_dir_all(base));
        }
        // A failed test must not leave its server running.
        for pid in servers(&self.path().join("pgdata")) {
            drop(std::process::Command::new("kill").args(["-QUIT", &pid.to_string()]).status());
        }
    }
}

/// Runs a query and returns its first value as text.
pub(crate) async fn query(url: &SecretString, sql: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url.expose_secret(), NoTls).await?;
    let running = tokio::spawn(connection);
    let row = client.query_one(sql, &[]).await?;
    drop(client);
    running.await.unwrap().unwrap();
    row.try_get(0)
}

/// The postmaster's id as its file says.
pub(crate) fn noted_pid(data: &Path) -> i32 {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap();
    text.lines().next().unwrap().parse().unwrap()
}

/// Postmasters that run on a data directory, by their command lines.
pub(crate) fn servers(data: &Path) -> Vec<i32> {
    let shown = std::process::Command::new("ps").args(["-ww", "-eo", "pid=,args="]).output().unwrap();
    let wanted = format!("-D {}", data.display());
    String::from_utf8_lossy(&shown.stdout)
        .lines()
        .filter(|line| line.contains("postgres") && line.contains(&wanted))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect()
}

/// Looks again and again until there is an answer; fails after half a minute.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
