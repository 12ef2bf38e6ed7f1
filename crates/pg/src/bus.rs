//! Notifications: one connection per process listens and hands events to whoever subscribed.

use std::time::Duration;

use tokio::sync::broadcast;
use tokio_postgres::AsyncMessage;

use crate::{Error, Target, ident};

/// How many events a slow subscriber may fall behind before it has to resynchronise.
const BACKLOG: usize = 256;

/// The longest wait between two attempts to connect again.
const MAX_BACKOFF: Duration = Duration::from_secs(10);

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A `NOTIFY`.
    Notification {
        /// Its channel.
        channel: String,
        /// Its payload, empty when none was given.
        payload: String,
    },
    /// The connection was lost and is back: anything may have been missed.
    Reconnected,
}

/// The process's ear at the database. Cheap to clone; it stops listening when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Bus {
    sender: broadcast::Sender<Event>,
    _alive: std::sync::Arc<AbortOnDrop>,
}

#[derive(Debug)]
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Bus {
    /// Connects and listens on `channels`; returns once the server has confirmed, so that nothing sent later is
    /// missed.
    ///
    /// # Errors
    /// [`Error`] when the first connection fails. Later losses are mended in the background.
    pub async fn start(target: Target, channels: &[&str]) -> Result<Self, Error> {
        let listen: String = channels.iter().map(|channel| format!("listen {};", ident::quote(channel))).collect();
        let first = connect(&target, &listen).await?;
        let (sender, _) = broadcast::channel(BACKLOG);
        let task = tokio::spawn(forward(target, listen, first, sender.clone()));
        Ok(Self { sender, _alive: std::sync::Arc::new(AbortOnDrop(task.abort_handle())) })
    }

    /// Hears every event from now on. A receiver that lags must resynchronise as after [`Event::Reconnected`].
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }
}

type Connection = (tokio_postgres::Client, tokio::sync::mpsc::Receiver<AsyncMessage>);

async fn connect(target: &Target, listen: &str) -> Result<Connection, Error> {
    let (client, messages) = target.connect().await?;
    client.batch_execute(listen).await?;
    Ok((client, messages))
}

async fn forward(target: Target, listen: String, first: Connection, sender: broadcast::Sender<Event>) {
    let mut connection = first;
    loop {
        let (_client, messages) = &mut connection;
        while let Some(message) = messages.recv().await {
            if let AsyncMessage::Notification(notification) = message {
                let (channel, payload) = (notification.channel().to_owned(), notification.payload().to_owned());
                // An error means that nobody subscribed at the moment.
                let _ = sender.send(Event::Notification { channel, payload });
            }
        }
        tracing::warn!("the connection that listens for notifications was lost; connecting again");
        connection = reconnect(&target, &listen).await;
        let _ = sender.send(Event::Reconnected);
    }
}

async fn reconnect(target: &Target, listen: &str) -> Connection {
    let mut wait = Duration::from_millis(100);
    loop {
        match connect(target, listen).await {
            Ok(connection) => return connection,
            Err(error) => tracing::debug!(%error, "still no connection for notifications"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(MAX_BACKOFF);
    }
}
