//! An end of a connection, as a stream.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sluice_tcp::{EndReason, Info};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::end::{End, EndId};
use crate::net::NetCore;

/// An end of an emulated TCP connection.
///
/// It behaves like a socket with `TCP_NODELAY`: a write takes what the send buffer has room for, shutting it down sends
/// a FIN, and dropping it closes the connection, with a reset when something was left unread.
pub struct TcpStream {
    core: Arc<NetCore>,
    id: EndId,
    local: SocketAddr,
    peer: SocketAddr,
}

impl TcpStream {
    pub(super) const fn new(core: Arc<NetCore>, id: EndId, local: SocketAddr, peer: SocketAddr) -> Self {
        Self { core, id, local, peer }
    }

    /// The client's end of a new connection, once it is established.
    pub(crate) async fn connect(core: Arc<NetCore>, port: u16) -> io::Result<Self> {
        let (id, local) = core.with_tcp(|tcp, turn| tcp.connect(port, turn))?;
        let stream = Self::new(core, id, local, crate::net::server_addr(port));
        poll_fn(|cx| stream.poll_established(cx)).await?;
        Ok(stream)
    }

    /// This end's address.
    pub const fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The other end's.
    pub const fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// This moment of this end; `None` when the connection is over and forgotten.
    pub fn info(&self) -> Option<Info> {
        self.core.with_tcp(|tcp, _| tcp.end(self.id).map(|end| end.endpoint.info()))
    }

    /// Ends the connection with a reset: the peer learns that it broke, and what is not sent yet is lost.
    pub fn abort(self) {
        self.core.with_tcp(|tcp, turn| tcp.with_end(self.id, turn, |end, now| end.endpoint.abort(now)));
    }

    fn poll_established(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_end(|end| {
            if let Some(reason) = end.endpoint.end_reason() {
                return Poll::Ready(Err(reason.into()));
            }
            if end.endpoint.is_established() {
                return Poll::Ready(Ok(()));
            }
            end.opener = Some(cx.waker().clone());
            Poll::Pending
        })
    }

    fn poll_end<T>(&self, act: impl FnOnce(&mut End) -> Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.core
            .with_tcp(|tcp, turn| tcp.with_end(self.id, turn, |end, _| act(end)))
            .unwrap_or_else(|| Poll::Ready(Err(unknown_end())))
    }
}

impl AsyncRead for TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = |end: &mut End, now| {
            let before = buffer.filled().len();
            while buffer.remaining() > 0
                && let Some(data) = end.endpoint.read(buffer.remaining(), now)
            {
                buffer.put_slice(&data);
            }
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if end.endpoint.is_read_finished() {
                return Poll::Ready(EndReason::read_result(end.endpoint.end_reason()));
            }
            end.reader = Some(cx.waker().clone());
            Poll::Pending
        };
        self.core
            .with_tcp(|tcp, turn| tcp.with_end(self.id, turn, read))
            .unwrap_or_else(|| Poll::Ready(Err(unknown_end())))
    }
}

impl AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let write = |end: &mut End, now| match end.endpoint.write(data, now) {
            Ok(0) if !data.is_empty() => {
                end.writer = Some(cx.waker().clone());
                Poll::Pending
            }
            Ok(taken) => Poll::Ready(Ok(taken)),
            Err(error) => Poll::Ready(Err(error.into())),
        };
        self.core
            .with_tcp(|tcp, turn| tcp.with_end(self.id, turn, write))
            .unwrap_or_else(|| Poll::Ready(Err(unknown_end())))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.core.with_tcp(|tcp, turn| tcp.with_end(self.id, turn, |end, now| end.endpoint.close(now)));
        Poll::Ready(Ok(()))
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.core.with_tcp(|tcp, turn| tcp.with_end(self.id, turn, End::leave));
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpStream")
            .field("local", &self.local)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// For an end that the host does not know any more.
fn unknown_end() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, "the emulated connection is over")
}
