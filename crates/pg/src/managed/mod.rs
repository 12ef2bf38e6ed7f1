//! Managed PostgreSQL: finds or downloads a server, creates a cluster, runs it as our child and stops it.
//!
//! The steps of a start, in order: lock the home ([`place`]), choose the user ([`account`]) and a server
//! ([`find`], else [`download`]), end what an earlier start left running ([`pidfile`]), create the data
//! directory if there is none ([`create`]), start the server and wait until it answers ([`process`]). From then
//! on [`supervise`] keeps it alive and [`log`] passes its log on.
//!
//! The server listens on a loopback address and on a socket that only its own user can reach; both ask for the
//! password (SCRAM). Address, port, socket folder and log format are given on the command line; everything
//! else is in the cluster's `postgresql.conf`, which is written once and belongs to the operator.

mod account;
mod create;
mod download;
mod error;
mod find;
mod log;
mod pidfile;
mod place;
mod process;
mod running;
mod supervise;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};

pub use error::Error;
pub use find::OLDEST_MAJOR;
pub use running::Running;
pub use supervise::Health;

use create::{Creation, random_password};
use error::Scene;
use find::{Server, Wanted};
use place::{Lock, Place};
use process::{Login, Plan, check_port};
use running::read_password;
use supervise::Keeper;

/// How the managed PostgreSQL is to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder for everything of ours; created when missing.
    pub home: PathBuf,
    /// TCP port; 0 chooses a free one.
    pub port: u16,
    /// Address to listen on; loopback only.
    pub listen: IpAddr,
    /// Folder with `postgres` and `initdb`; found or downloaded when not given.
    pub pg_bin: Option<PathBuf>,
    /// System user for the server when we are root; chosen when not given.
    pub run_as: Option<String>,
    /// How a new cluster checks who logs in.
    pub auth: Auth,
    /// Whether data survives a crash of the machine. Off is faster and only for throw-away clusters.
    pub durable: bool,
    /// Further server settings as name and value, for this run.
    pub extra: Vec<(String, String)>,
    /// How long the server may take until it answers; a recovery after a crash is part of it.
    pub start_timeout: Duration,
    /// How long a fast shutdown may take before it becomes a hard one.
    pub stop_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            home: PathBuf::from(".vestibule"),
            port: 54322,
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            pg_bin: None,
            run_as: None,
            auth: Auth::Scram,
            durable: true,
            extra: Vec::new(),
            start_timeout: Duration::from_secs(300),
            stop_timeout: Duration::from_secs(15),
        }
    }
}

impl Settings {
    /// Checks what can be checked without touching anything.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] names the setting and what is wrong with it.
    pub fn validate(&self) -> Result<(), Error> {
        let wrong = |name, reason: String| Err(Error::Setting { name, reason });
        if !self.listen.is_loopback() {
            return wrong("listen", format!("{} is not a loopback address", self.listen));
        }
        if self.home.as_os_str().is_empty() {
            return wrong("home", "it is empty".to_owned());
        }
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._".contains(&b));
        match self.extra.iter().find(|(name, value)| !is_name(name) || value.contains('\0')) {
            Some((name, _)) => wrong("extra", format!("{name:?} is not a server setting")),
            None => Ok(()),
        }
    }
}

/// How a new cluster checks who logs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// Password, by SCRAM-SHA-256.
    #[default]
    Scram,
    /// No check: for throw-away clusters of tests.
    Trust,
}

/// A running managed PostgreSQL.
///
/// Stop it with [`Cluster::stop`]. When it is only dropped, the server is told to shut down, but not waited for.
#[derive(Debug)]
pub struct Cluster {
    scene: Scene,
    version: String,
    socket_dir: PathBuf,
    password: Option<SecretString>,
    is_new: bool,
    health: watch::Receiver<Health>,
    stop: oneshot::Sender<()>,
    keeper: JoinHandle<()>,
}

impl Cluster {
    /// Starts the server of `settings.home`, and creates its cluster first when there is none.
    ///
    /// A server that an earlier, killed start left running is stopped first. Must be called within a
    /// multi-threaded or current-thread tokio runtime, which has to live as long as the cluster.
    ///
    /// # Errors
    ///
    /// See [`Error`]; nothing of this start runs or is half done then.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        settings.validate()?;
        let (settings, mut prepared) = off_thread(move || {
            let prepared = Prepared::new(&settings)?;
            Ok((settings, prepared))
        })
        .await?;
        let server = match prepared.server.take() {
            Some(server) => server,
            None => download::download(&prepared.place.downloads(), prepared.major).await?,
        };
        let place = &prepared.place;
        pidfile::end_leftovers(&place.data, settings.stop_timeout).await?;
        let scene =
            Scene { bin: server.bin, data: place.data.clone(), listen: settings.listen, port: choose_port(&settings)? };
        // Before the data directory is created: a taken port should not leave one behind.
        check_port(&scene)?;
        let is_new = prepared.major.is_none();
        let login = login(place, &scene, &settings, is_new).await?;
        if is_new {
            let creation = Creation {
                scene: &scene,
                account: place.account.as_ref(),
                private: &prepared.socket_dir,
                password: login.as_ref().map(|login| login.password.as_str()),
                is_durable: settings.durable,
            };
            creation.run().await?;
        }
        let plan = Plan {
            scene: scene.clone(),
            account: place.account.clone(),
            socket_folder: prepared.socket_dir.clone(),
            options: options(&settings),
            password: login.clone(),
            start_timeout: settings.start_timeout,
            stop_timeout: settings.stop_timeout,
        };
        let postmaster = plan.launch().await?;
        let pid = postmaster.pid().unwrap_or_default();
        let (health_sender, health) = watch::channel(Health::Running { pid });
        let (stop, stop_receiver) = oneshot::channel();
        let keeper = Keeper { plan, health: health_sender, stop: stop_receiver, locks: prepared.locks };
        Ok(Self {
            scene,
            version: server.version,
            socket_dir: prepared.socket_dir,
            password: login.map(|login| SecretString::from(login.password)),
            is_new,
            health,
            stop,
            keeper: tokio::spawn(keeper.keep(postmaster)),
        })
    }

    /// The administrator's connection URL, `postgres://postgres:…@127.0.0.1:54322/postgres`.
    #[must_use]
    pub fn url(&self) -> SecretString {
        url(self.password.as_ref(), &self.scene.listen.to_string(), self.scene.port)
    }

    /// The TCP port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.scene.port
    }

    /// The folder of the socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.scene.data
    }

    /// The server's version, for example `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether this start created the cluster.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// What the server is doing now, and a way to be told of changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.clone()
    }

    /// Ends when the server is given up, with the reason; never while it is kept alive or after a stop.
    pub fn died(&self) -> impl Future<Output = Error> + Send + use<> {
        let mut health = self.health.clone();
        async move {
            loop {
                if let Some(error) = health.borrow_and_update().as_error() {
                    return error;
                }
                if health.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Stops the server and waits until it has ended and the home is free again.
    pub async fn stop(self) {
        // The keeper is gone already when it gave the server up.
        let _ = self.stop.send(());
        if let Err(error) = self.keeper.await {
            tracing::error!(%error, "the keeper of PostgreSQL failed");
        }
    }
}

/// What a start knows before it does anything that lasts.
struct Prepared {
    place: Place,
    major: Option<u32>,
    server: Option<Server>,
    socket_dir: PathBuf,
    locks: Vec<Lock>,
}

impl Prepared {
    fn new(settings: &Settings) -> Result<Self, Error> {
        place::create_home(&settings.home)?;
        let home = fs::canonicalize(&settings.home).map_err(|e| Error::io("find", &settings.home, e))?;
        let mut locks = vec![Lock::take(&home)?];
        let place = Place::settle(&home, settings.run_as.as_deref())?;
        if place.base != place.home {
            // Two homes may name one cluster after a home was copied.
            locks.push(Lock::take(&place.base)?);
        }
        let major = find::created_by(&place.data)?;
        let server = find::find(Wanted {
            pg_bin: settings.pg_bin.as_deref(),
            downloads: &place.downloads(),
            data: &place.data,
            major,
            account: place.account.as_ref(),
        })?;
        let socket_dir = place.socket_folder()?;
        Ok(Self { place, major, server, socket_dir, locks })
    }
}

/// The administrator's password: the one on file, else a fresh one.
///
/// A cluster whose password file was lost gets a new password, which takes no right that the owner of the data
/// directory does not have anyway.
async fn login(place: &Place, scene: &Scene, settings: &Settings, is_new: bool) -> Result<Option<Login>, Error> {
    let file = place.password_file();
    if let Some(password) = read_password(&file)? {
        return Ok(Some(Login { password, file }));
    }
    if settings.auth == Auth::Trust {
        return Ok(None);
    }
    let password = random_password();
    if !is_new {
        tracing::warn!(file = %file.display(), "the administrator's password was lost: it is set anew");
        create::set_password(scene, place.account.as_ref(), &password).await?;
    }
    place::write_private(&file, password.as_bytes())?;
    Ok(Some(Login { password, file }))
}

/// Server settings for this run, the caller's last.
fn options(settings: &Settings) -> Vec<(String, String)> {
    let unsafe_but_fast: &[&str] = match settings.durable {
        true => &[],
        false => &["fsync", "synchronous_commit", "full_page_writes"],
    };
    let off = unsafe_but_fast.iter().map(|name| ((*name).to_owned(), "off".to_owned()));
    off.chain(settings.extra.iter().cloned()).collect()
}

fn choose_port(settings: &Settings) -> Result<u16, Error> {
    if settings.port != 0 {
        return Ok(settings.port);
    }
    TcpListener::bind((settings.listen, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|e| Error::io("find a free port for", &settings.home, e))
}

/// Runs work that blocks where it does not hold up others.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Start { detail: error.to_string() }))
}

fn url(password: Option<&SecretString>, listen: &str, port: u16) -> SecretString {
    let password = password.map_or_else(String::new, |p| format!(":{}", p.expose_secret()));
    let host = if listen.contains(':') { format!("[{listen}]") } else { listen.to_owned() };
    SecretString::from(format!("postgres://postgres{password}@{host}:{port}/postgres"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_listened_on() {
        let mut settings = Settings { listen: [0, 0, 0, 0].into(), ..Settings::default() };
        assert_eq!(
            settings.validate().unwrap_err().to_string(),
            "database setting listen: 0.0.0.0 is not a loopback address"
        );
        settings.listen = "::1".parse().unwrap();
        settings.validate().unwrap();
        settings.extra = vec![("max connections".to_owned(), "1".to_owned())];
        assert!(settings.validate().is_err());
    }

    #[test]
    fn url_has_password_and_brackets_where_needed() {
        let password = SecretString::from("pw");
        assert_eq!(url(Some(&password), "127.0.0.1", 1).expose_secret(), "postgres://postgres:pw@127.0.0.1:1/postgres");
        assert_eq!(url(None, "::1", 1).expose_secret(), "postgres://postgres@[::1]:1/postgres");
    }
}
