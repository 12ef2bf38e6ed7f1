//! The stream under a connection, and lending it to the driver that logs in.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// What bytes travel over: a socket, or TLS over one.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {
    /// What ties a log-in to this very TLS session (RFC 5929).
    fn binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// A TLS session, which has a binding.
struct Tls<T>(T);

impl<T: TlsStream + Send + Sync + Unpin> Stream for Tls<T> {
    fn binding(&self) -> ChannelBinding {
        self.0.channel_binding()
    }
}

/// A stream that is lent: whoever holds a clone reads and writes it until it is taken back.
#[derive(Clone)]
pub(super) struct Lent(Arc<Mutex<Option<Box<dyn Stream>>>>);

impl Lent {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        let lent = Self::nothing();
        lent.put(stream);
        lent
    }

    /// A place for a stream that there is not yet.
    pub(super) fn nothing() -> Self {
        Self(Arc::default())
    }

    fn put(&self, stream: impl Stream + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stream));
    }

    /// Ends the loan.
    pub(super) fn take(&self) -> Option<Box<dyn Stream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn with<T>(&self, use_: impl FnOnce(Pin<&mut dyn Stream>) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(stream) => use_(Pin::new(&mut **stream)),
            None => Poll::Ready(Err(io::Error::other("the stream was taken back"))),
        }
    }
}

impl TlsStream for Lent {
    fn channel_binding(&self) -> ChannelBinding {
        let stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stream.as_ref().map_or_else(ChannelBinding::none, |stream| stream.binding())
    }
}

/// Begins TLS over a stream that is lent, and lends the TLS session in its place.
pub(super) struct Secured<C> {
    pub(super) connector: C,
    /// The session, once there is one.
    pub(super) session: Lent,
}

impl<C> TlsConnect<Lent> for Secured<C>
where
    C: TlsConnect<Lent> + Send + 'static,
    C::Stream: Send + Sync + 'static,
    C::Future: Send,
{
    type Stream = Lent;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Lent, Self::Error>> + Send>>;

    fn connect(self, stream: Lent) -> Self::Future {
        Box::pin(async move {
            self.session.put(Tls(self.connector.connect(stream).await.map_err(Into::into)?));
            Ok(self.session)
        })
    }
}

impl AsyncRead for Lent {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Lent {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(context, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(context))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(context))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Tls<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tls<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
