//! The server's end of a connection of the kernel's, as a stream.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::flow::KernelFlow;
use crate::network::{Core, FlowId, Network};

/// The server's socket of a connection that crossed a network; dropping it closes the socket.
pub struct KernelStream {
    socket: Arc<TcpStream>,
    handle: KernelHandle,
}

/// Looks at the server's socket while others read and write it.
#[derive(Clone)]
pub struct KernelHandle {
    socket: Weak<TcpStream>,
    flow: Arc<KernelFlow>,
    core: Arc<Core>,
}

impl KernelStream {
    pub(super) fn new(socket: TcpStream, flow: Arc<KernelFlow>, core: Arc<Core>) -> Self {
        let socket = Arc::new(socket);
        flow.arrive(&socket);
        let handle = KernelHandle { socket: Arc::downgrade(&socket), flow, core };
        Self { socket, handle }
    }

    /// A handle for those who only look.
    pub fn handle(&self) -> KernelHandle {
        self.handle.clone()
    }

    /// Ends the connection with a reset: the client learns that it broke, and what is not sent yet is lost.
    pub fn reset(self) {
        if let Err(error) = SockRef::from(&*self.socket).set_linger(Some(Duration::ZERO)) {
            tracing::debug!(%error, "a connection is closed instead of reset");
        }
    }

    /// The connection's number in its network.
    pub fn flow(&self) -> FlowId {
        self.handle.flow()
    }

    /// The address of the client that connected to the relay.
    pub fn peer(&self) -> SocketAddr {
        self.handle.peer()
    }

    /// The network that the connection runs through.
    pub fn network(&self) -> Network {
        self.handle.network()
    }
}

impl KernelHandle {
    /// The connection's number in its network.
    pub fn flow(&self) -> FlowId {
        self.flow.id()
    }

    /// The address of the client that connected to the relay.
    pub fn peer(&self) -> SocketAddr {
        self.flow.peer()
    }

    /// The network that the connection runs through.
    pub fn network(&self) -> Network {
        Network::of(&self.core)
    }

    /// Shows `look` the socket, to ask the kernel about it; `None` once the stream is dropped.
    pub fn with_socket<T>(&self, look: impl FnOnce(&TcpStream) -> T) -> Option<T> {
        self.socket.upgrade().map(|socket| look(&socket))
    }
}

impl AsyncRead for KernelStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            match self.socket.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for KernelStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_write_ready(cx))?;
            match self.socket.try_write(data) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.socket).shutdown(Shutdown::Write))
    }
}

impl fmt::Debug for KernelStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelStream").field("handle", &self.handle).finish()
    }
}

impl fmt::Debug for KernelHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelHandle")
            .field("flow", &self.flow())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}
