//! Finds an installed PostgreSQL server: the setting, then `PATH`, then the folders that distributions use.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::account::Account;
use super::error::{Error, Scene, known_cause};

/// The oldest major version that Vestibule works with.
pub const OLDEST_MAJOR: u32 = 15;

/// Where packages install servers; `*` stands for a version, newest first.
const USUAL_FOLDERS: [&str; 7] = [
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/usr/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
];

/// A server that can be used: `postgres` and `initdb` are both in `bin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) bin: PathBuf,
    pub(super) major: u32,
    /// As the server says it, for example `15.18`.
    pub(super) version: String,
}

impl Server {
    /// Asks the server in `bin` for its version.
    pub(super) fn probe(bin: &Path) -> Result<Self, Error> {
        let unusable = |reason: String| Error::Server { bin: bin.to_owned(), reason };
        for program in ["postgres", "initdb"] {
            if !bin.join(program).is_file() {
                return Err(unusable(format!("there is no {program} in it")));
            }
        }
        let output = Command::new(bin.join("postgres"))
            .arg("--version")
            .output()
            .map_err(|e| Error::io("run", &bin.join("postgres"), e))?;
        let written = String::from_utf8_lossy(&output.stdout);
        if let Some((version, major)) = parse_version(&written) {
            return Ok(Self { bin: bin.to_owned(), major, version });
        }
        let lines: Vec<String> = String::from_utf8_lossy(&output.stderr).lines().map(str::to_owned).collect();
        let scene = Scene { bin: bin.to_owned(), data: PathBuf::new(), listen: [127, 0, 0, 1].into(), port: 0 };
        Err(known_cause(&lines, &scene)
            .unwrap_or_else(|| unusable(format!("`postgres --version` answered {:?}", written.trim()))))
    }
}

/// What the server has to suit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The `pg_bin` setting: nothing else is looked at then.
    pub(super) pg_bin: Option<&'a Path>,
    /// Where earlier downloads are, one folder for each version.
    pub(super) downloads: &'a Path,
    /// The data directory, to name it in errors.
    pub(super) data: &'a Path,
    /// The major version of an existing data directory.
    pub(super) major: Option<u32>,
    /// Who has to be able to run it.
    pub(super) account: Option<&'a Account>,
}

/// Finds a server; `Ok(None)` means that none is installed and one may be downloaded.
///
/// # Errors
///
/// The explicit folder is not usable, or only servers of other majors than the data directory's exist.
pub(super) fn find(wanted: Wanted<'_>) -> Result<Option<Server>, Error> {
    if let Some(folder) = wanted.pg_bin {
        return explicit(folder, wanted).map(Some);
    }
    let mut found = Vec::new();
    for bin in candidates(env::var_os("PATH").as_deref(), wanted.downloads) {
        if wanted.account.is_some_and(|account| account.blocked_at(&bin).is_some()) {
            tracing::debug!(bin = %bin.display(), "the server's user cannot reach this PostgreSQL");
            continue;
        }
        match Server::probe(&bin) {
            Ok(server) if suits(&server, wanted.major) => return Ok(Some(server)),
            Ok(server) => found.push(server.version),
            Err(error) => tracing::warn!(%error, "skipped an installed PostgreSQL"),
        }
    }
    match wanted.major {
        Some(created) if !found.is_empty() || created < OLDEST_MAJOR => Err(other_major(wanted.data, created, &found)),
        _ => Ok(None),
    }
}

fn explicit(folder: &Path, wanted: Wanted<'_>) -> Result<Server, Error> {
    let bin = if folder.join("postgres").exists() { folder.to_owned() } else { folder.join("bin") };
    let bin = beside_each_other(&bin).ok_or_else(|| Error::Server {
        bin: folder.to_owned(),
        reason: "`postgres` and `initdb` are not both in it".to_owned(),
    })?;
    if let Some(account) = wanted.account
        && let Some(blocked_at) = account.blocked_at(&bin)
    {
        return Err(Error::Unreachable { user: account.name.clone(), path: bin, blocked_at });
    }
    let server = Server::probe(&bin)?;
    if let Some(created) = wanted.major.filter(|major| *major != server.major) {
        return Err(other_major(wanted.data, created, &[server.version]));
    }
    if server.major < OLDEST_MAJOR {
        let reason = format!("it is version {}, and {OLDEST_MAJOR} is the oldest that works", server.version);
        return Err(Error::Server { bin, reason });
    }
    Ok(server)
}

fn suits(server: &Server, major: Option<u32>) -> bool {
    server.major >= OLDEST_MAJOR && major.is_none_or(|major| major == server.major)
}

fn other_major(data: &Path, created: u32, found: &[String]) -> Error {
    let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
    Error::OtherMajor { data: data.to_owned(), created, found }
}

/// Every folder that holds a server, best first, each once.
fn candidates(path: Option<&OsStr>, downloads: &Path) -> Vec<PathBuf> {
    let downloaded = downloads.join("*").join("bin");
    let usual = USUAL_FOLDERS.iter().map(Path::new).chain([downloaded.as_path()]).flat_map(expand);
    let mut bins = Vec::new();
    for folder in path.map(env::split_paths).into_iter().flatten().chain(usual) {
        if let Some(bin) = beside_each_other(&folder)
            && !bins.contains(&bin)
        {
            bins.push(bin);
        }
    }
    bins
}

/// The folder that really holds `postgres` together with `initdb`.
///
/// `PATH` often has only a link to `postgres`, so the link's target is looked at first.
fn beside_each_other(folder: &Path) -> Option<PathBuf> {
    let target = fs::canonicalize(folder.join("postgres")).ok()?;
    [target.parent()?, folder]
        .into_iter()
        .find(|bin| bin.is_absolute() && bin.join("postgres").is_file() && bin.join("initdb").is_file())
        .map(Path::to_owned)
}

/// Replaces the one part with a `*` by the entries that match, newest version first.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut before = PathBuf::new();
    let mut parts = pattern.components();
    let starred = parts.by_ref().find_map(|part| {
        let text = part.as_os_str().to_str()?;
        if let Some(around) = text.split_once('*') {
            return Some(around);
        }
        before.push(part);
        None
    });
    let Some((prefix, suffix)) = starred else {
        return vec![pattern.to_owned()];
    };
    let after = parts.as_path();
    let mut matching: Vec<(Vec<u32>, PathBuf)> = fs::read_dir(&before)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?.strip_suffix(suffix)?;
            Some((numbers(version)?, entry.path().join(after)))
        })
        .collect();
    matching.sort_by(|a, b| b.0.cmp(&a.0));
    matching.into_iter().map(|(_, path)| path).collect()
}

/// `17.5.0` as numbers, so that 9 is older than 15.
fn numbers(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)` or `… 18beta1`: the version and its major.
fn parse_version(line: &str) -> Option<(String, u32)> {
    let (_, rest) = line.split_once("(PostgreSQL) ")?;
    let version = rest.split_whitespace().next()?;
    let digits = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    Some((version.to_owned(), version[..digits].parse().ok()?))
}

/// The major version that created a data directory; `None` when there is no cluster in it.
pub(super) fn created_by(data: &Path) -> Result<Option<u32>, Error> {
    let file = data.join("PG_VERSION");
    match fs::read_to_string(&file) {
        Ok(text) => match text.trim().parse() {
            Ok(major) => Ok(Some(major)),
            Err(_) => Err(Error::Server { bin: data.to_owned(), reason: format!("PG_VERSION says {:?}", text.trim()) }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", &file, error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A folder with programs that answer like a server of `version`.
    fn fake(folder: &Path, version: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        for program in ["postgres", "initdb"] {
            let file = folder.join(program);
            fs::write(&file, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::canonicalize(folder).unwrap()
    }

    fn wanted<'a>(pg_bin: Option<&'a Path>, major: Option<u32>) -> Wanted<'a> {
        let nowhere = Path::new("/nonexistent");
        Wanted { pg_bin, downloads: nowhere, data: Path::new("/srv/data"), major, account: None }
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(
            parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(("15.18".to_owned(), 15))
        );
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1"), Some(("18beta1".to_owned(), 18)));
        assert_eq!(parse_version("psql 15"), None);
    }

    #[test]
    fn newest_version_comes_first() {
        let top = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "17.5.0", "junk"] {
            fs::create_dir_all(top.path().join(version).join("bin")).unwrap();
        }
        let found = expand(&top.path().join("*").join("bin"));
        let expected: Vec<PathBuf> = ["17.5.0", "15", "9.6"].iter().map(|v| top.path().join(v).join("bin")).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn link_in_path_leads_to_the_folder_with_initdb() {
        let top = tempfile::tempdir().unwrap();
        let real = fake(&top.path().join("real"), "16.1");
        let links = top.path().join("links");
        fs::create_dir(&links).unwrap();
        symlink(real.join("postgres"), links.join("postgres")).unwrap();
        let found = candidates(Some(links.as_os_str()), Path::new("/nonexistent"));
        assert_eq!(found.first(), Some(&real));
        let alone = top.path().join("alone");
        fs::create_dir(&alone).unwrap();
        fs::write(alone.join("postgres"), "").unwrap();
        assert_eq!(beside_each_other(&alone), None);
    }

    #[test]
    fn explicit_folder_must_suit() {
        let top = tempfile::tempdir().unwrap();
        let bin = fake(&top.path().join("pg/bin"), "16.1");
        let server = find(wanted(Some(&top.path().join("pg")), None)).unwrap().unwrap();
        assert_eq!((server.bin.as_path(), server.major), (bin.as_path(), 16));
        assert_eq!(
            find(wanted(Some(&bin), Some(14))).unwrap_err().to_string(),
            "data directory /srv/data was created by PostgreSQL 14, but found only 16.1"
        );
        let old = fake(&top.path().join("old"), "13.2");
        let error = find(wanted(Some(&old), None)).unwrap_err().to_string();
        assert!(error.contains("13.2, and 15 is the oldest"), "{error}");
        assert!(matches!(find(wanted(Some(top.path()), None)), Err(Error::Server { .. })));
    }

    #[test]
    fn missing_shared_library_is_told_apart() {
        let top = tempfile::tempdir().unwrap();
        let bin = fake(top.path(), "16.1");
        let script =
            "#!/bin/sh\necho 'postgres: error while loading shared libraries: libz.so.1: cannot open' >&2\nexit 127\n";
        fs::write(bin.join("postgres"), script).unwrap();
        assert!(matches!(Server::probe(&bin), Err(Error::SharedLibrary { .. })));
    }
}
