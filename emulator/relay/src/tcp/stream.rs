//! The server's end of an emulated connection, as a stream.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sluice_tcp::Info;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flow::TcpFlow;
use crate::network::{Core, FlowId, Network};

/// The server's end of an emulated TCP connection.
///
/// It behaves like a socket with `TCP_NODELAY`: a write takes what the send buffer has room for, shutting it down sends
/// a FIN, a reset by the client or a network that closes is an error, and dropping it closes the connection, with a
/// reset when something was left unread.
pub struct RampStream {
    handle: RampHandle,
}

/// Looks at the server's end of an emulated TCP connection, while others read and write it.
#[derive(Clone)]
pub struct RampHandle {
    flow: Arc<TcpFlow>,
    core: Arc<Core>,
}

impl RampStream {
    pub(super) const fn new(flow: Arc<TcpFlow>, core: Arc<Core>) -> Self {
        Self { handle: RampHandle { flow, core } }
    }

    /// A handle for those who only look.
    pub fn handle(&self) -> RampHandle {
        self.handle.clone()
    }

    /// Ends the connection with a reset: the client learns that it broke, and what is not sent yet is lost.
    pub fn reset(self) {
        self.handle.flow.abort_at_server();
    }

    /// The connection's number in its network.
    pub fn flow(&self) -> FlowId {
        self.handle.flow()
    }

    /// The address of the client that connected to the relay.
    pub fn peer(&self) -> SocketAddr {
        self.handle.peer()
    }

    /// This moment of the server's end.
    pub fn info(&self) -> Info {
        self.handle.info()
    }

    /// The network that the connection runs through.
    pub fn network(&self) -> Network {
        self.handle.network()
    }
}

impl RampHandle {
    /// The connection's number in its network.
    pub fn flow(&self) -> FlowId {
        self.flow.id()
    }

    /// The address of the client that connected to the relay.
    pub fn peer(&self) -> SocketAddr {
        self.flow.peer()
    }

    /// This moment of the server's end.
    pub fn info(&self) -> Info {
        self.flow.info()
    }

    /// The network that the connection runs through.
    pub fn network(&self) -> Network {
        Network::of(&self.core)
    }
}

impl Drop for RampStream {
    fn drop(&mut self) {
        self.handle.flow.leave_server();
    }
}

impl AsyncRead for RampStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.handle.flow.poll_read_at_server(buffer, cx)
    }
}

impl AsyncWrite for RampStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.handle.flow.poll_write_at_server(data, cx)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.handle.flow.close_at_server();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for RampStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RampStream").field("handle", &self.handle).finish()
    }
}

impl fmt::Debug for RampHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RampHandle")
            .field("flow", &self.flow())
            .field("peer", &self.peer())
            .finish_non_exhaustive()
    }
}
