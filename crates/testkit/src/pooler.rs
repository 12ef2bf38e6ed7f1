//! A pooler in transaction mode, as PgBouncer is one: clients have a server connection for one transaction only, and
//! the next transaction gets the one that has rested longest.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use pg::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, mpsc};

/// Server connections that those who log in as the same role share.
const SERVERS: usize = 3;

/// Starts one in front of the test server; the target is `target` through it.
///
/// # Panics
/// When there is no port.
pub async fn in_front_of(target: &Target) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let pooler = Pooler::default();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let pooler = pooler.clone();
            // A client that breaks off takes the server connection of its transaction with it.
            tokio::spawn(async move { drop(pooler.serve(client).await) });
        }
    });
    let url = format!("postgres://{}@127.0.0.1:{port}/{}", target.role(), target.database());
    Target::parse(&url.into()).expect("a database URL")
}

/// The pools by how their clients introduce themselves.
#[derive(Clone, Default)]
struct Pooler(Arc<Mutex<HashMap<Vec<u8>, Arc<Pool>>>>);

struct Pool {
    /// What a server says at first; each client is told the same.
    welcome: Vec<u8>,
    resting: Mutex<mpsc::Receiver<Wire>>,
    back: mpsc::Sender<Wire>,
}

impl Pooler {
    async fn serve(self, client: TcpStream) -> io::Result<()> {
        let mut client = Wire::new(client);
        let introduction = client.introduction().await?;
        let pool = self.pool(introduction).await?;
        client.stream.write_all(&pool.welcome).await?;
        loop {
            let first = client.message().await?;
            if first[0] == b'X' {
                return Ok(());
            }
            let mut server = pool.resting.lock().await.recv().await.ok_or(io::ErrorKind::NotConnected)?;
            transaction(&mut client, &mut server, first).await?;
            pool.back.send(server).await.map_err(io::Error::other)?;
        }
    }

    async fn pool(&self, introduction: Vec<u8>) -> io::Result<Arc<Pool>> {
        let mut pools = self.0.lock().await;
        if let Some(pool) = pools.get(&introduction) {
            return Ok(pool.clone());
        }
        let (back, resting) = mpsc::channel(SERVERS);
        let mut welcome = Vec::new();
        for _ in 0..SERVERS {
            let (server, said) = connect(&introduction).await?;
            welcome = said;
            back.send(server).await.map_err(io::Error::other)?;
        }
        let pool = Arc::new(Pool { welcome, resting: Mutex::new(resting), back });
        pools.insert(introduction, pool.clone());
        Ok(pool)
    }
}

async fn connect(introduction: &[u8]) -> io::Result<(Wire, Vec<u8>)> {
    let url = std::env::var("VESTIBULE_TEST_DATABASE_URL").map_err(io::Error::other)?;
    let address = url.rsplit('@').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let mut server = Wire::new(TcpStream::connect(address).await?);
    server.stream.write_all(introduction).await?;
    let mut welcome = Vec::new();
    loop {
        let message = server.message().await?;
        welcome.extend_from_slice(&message);
        if matches!(message[0], b'Z' | b'E') {
            return Ok((server, welcome));
        }
    }
}

/// Carries messages until the server is ready for what comes next, outside of a transaction.
async fn transaction(client: &mut Wire, server: &mut Wire, first: Vec<u8>) -> io::Result<()> {
    let asks = |message: &[u8]| usize::from(matches!(message[0], b'Q' | b'S'));
    let (mut awaited, mut is_idle) = (asks(&first), false);
    server.stream.write_all(&first).await?;
    while awaited > 0 || !is_idle {
        tokio::select! {
            message = client.message() => {
                let message = message?;
                awaited += asks(&message);
                server.stream.write_all(&message).await?;
            }
            message = server.message() => {
                let message = message?;
                if message[0] == b'Z' {
                    awaited -= 1;
                    is_idle = message.ends_with(b"I");
                }
                client.stream.write_all(&message).await?;
            }
        }
    }
    Ok(())
}

/// A connection that is read message by message.
struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// The first message of a client, which has no type.
    async fn introduction(&mut self) -> io::Result<Vec<u8>> {
        self.take(0).await
    }

    /// A whole message; broken off it loses nothing.
    async fn message(&mut self) -> io::Result<Vec<u8>> {
        self.take(1).await
    }

    /// A message whose length stands at `at`.
    async fn take(&mut self, at: usize) -> io::Result<Vec<u8>> {
        loop {
            if let Some(length) = self.read.get(at..at + 4) {
                let length = u32::from_be_bytes(length.try_into().expect("four bytes"));
                let end = at + usize::try_from(length).map_err(io::Error::other)?;
                if self.read.len() >= end {
                    return Ok(self.read.drain(..end).collect());
                }
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
