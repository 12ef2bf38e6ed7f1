//! Connecting: the socket is ours, the driver negotiates TLS and logs in over it, and gives it back.

use std::io;
use std::time::Duration;

use base::Random;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::config::{Host, LoadBalanceHosts, TargetSessionAttrs};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::Connection;
use super::stream::{Lent, Secured};
use crate::error::Cause;
use crate::{Error, Target};

const DEFAULT_PORT: u16 = 5432;

impl Connection {
    /// Opens a connection to the first host of a target that takes it.
    ///
    /// # Errors
    /// [`Error::Connect`] with what the last host said; [`Error::Settings`] when TLS cannot be set up.
    pub(crate) async fn open(target: &Target, tls: Option<&MakeRustlsConnect>) -> Result<Self, Error> {
        let config = target.config();
        let mut failed = Error::Connect(Cause::Broken(io::Error::other("the target names no host")));
        for place in places(config) {
            match open_at(config, &place, tls).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

/// One of the places that a target names.
struct Place {
    /// Where to connect to.
    host: Host,
    /// The name that a certificate is for.
    name: String,
    port: u16,
}

/// The places of a target, in the order in which they are tried.
fn places(config: &Config) -> Vec<Place> {
    let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = hosts.len().max(addresses.len());
    let place = |at: usize| {
        let (host, address) = (hosts.get(at), addresses.get(at).map(|address| Host::Tcp(address.to_string())));
        let name = match host {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(_)) | None => String::new(),
        };
        let port = ports.get(at).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        Some(Place { host: address.or_else(|| host.cloned())?, name, port })
    };
    let mut places: Vec<Place> = (0..count).filter_map(place).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        let random = Random::system();
        places.sort_by_cached_key(|_| random.uuid());
    }
    places
}

async fn open_at(config: &Config, place: &Place, tls: Option<&MakeRustlsConnect>) -> Result<Connection, Error> {
    let broken = |error: io::Error| Error::Connect(Cause::Broken(error));
    let wait = config.get_connect_timeout();
    let stream = match &place.host {
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{}", place.port));
            Lent::new(within(wait, UnixStream::connect(path)).await.map_err(broken)?)
        }
        Host::Tcp(name) => {
            let stream = within(wait, TcpStream::connect((name.as_str(), place.port))).await.map_err(broken)?;
            set_up(&stream, config).map_err(broken)?;
            Lent::new(stream)
        }
    };
    let stream = log_in(config, place, stream, tls).await?;
    let mut connection = Connection::new(stream);
    check(&mut connection, config.get_target_session_attrs()).await?;
    Ok(connection)
}

async fn within<T>(wait: Option<&Duration>, connect: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match wait {
        Some(wait) => {
            tokio::time::timeout(*wait, connect).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        }
        None => connect.await,
    }
}

fn set_up(stream: &TcpStream, config: &Config) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    if let Some(wait) = config.get_tcp_user_timeout() {
        socket.set_tcp_user_timeout(Some(*wait))?;
    }
    if config.get_keepalives() {
        let mut keepalive = TcpKeepalive::new().with_time(config.get_keepalives_idle());
        if let Some(interval) = config.get_keepalives_interval() {
            keepalive = keepalive.with_interval(interval);
        }
        if let Some(retries) = config.get_keepalives_retries() {
            keepalive = keepalive.with_retries(retries);
        }
        socket.set_tcp_keepalive(&keepalive)?;
    }
    Ok(())
}

/// Lends the stream to the driver until it has logged in; gives back the stream, or the TLS session over it.
async fn log_in(
    config: &Config,
    place: &Place,
    stream: Lent,
    tls: Option<&MakeRustlsConnect>,
) -> Result<Box<dyn super::stream::Stream>, Error> {
    let failed = |error: tokio_postgres::Error| Error::Connect(error.into());
    let session = Lent::nothing();
    match tls {
        Some(tls) => {
            let connector = MakeTlsConnect::<Lent>::make_tls_connect(&mut tls.clone(), &place.name);
            let connector = connector.map_err(|error| Error::Settings(format!("TLS: {error}")))?;
            let secured = Secured { connector, session: session.clone() };
            config.connect_raw(stream.clone(), secured).await.map(drop)
        }
        None => config.connect_raw(stream.clone(), NoTls).await.map(drop),
    }
    .map_err(failed)?;
    let back = session.take().or_else(|| stream.take());
    back.ok_or_else(|| Error::Connect(Cause::Broken(io::Error::other("the stream was not given back"))))
}

/// Refuses a server that does not write, or does, where the target wants the other (`target_session_attrs`).
async fn check(connection: &mut Connection, wanted: TargetSessionAttrs) -> Result<(), Error> {
    let (is_wrong, why) = match wanted {
        TargetSessionAttrs::ReadWrite => ("on", "database does not allow writes"),
        TargetSessionAttrs::ReadOnly => ("off", "database is not read only"),
        _ => return Ok(()),
    };
    let shown = connection.show("transaction_read_only").await?;
    if shown.as_deref() == Some(is_wrong) {
        return Err(Error::Connect(Cause::Broken(io::Error::new(io::ErrorKind::PermissionDenied, why))));
    }
    Ok(())
}
