//! Waiting for connections.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::stream::TcpStream;
use crate::net::{NetCore, server_addr};

/// Waits at a port of the server. Dropping it resets the connections that it has not accepted, and refuses others.
pub struct TcpListener {
    core: Arc<NetCore>,
    port: u16,
    listener: u64,
}

impl TcpListener {
    pub(crate) fn new(core: Arc<NetCore>, port: u16) -> Self {
        let listener = core.with_tcp(|tcp, turn| tcp.listen(port, turn));
        Self { core, port, listener }
    }

    /// The server's end of the next connection whose handshake is over.
    pub async fn accept(&self) -> TcpStream {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// As [`Self::accept`].
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<TcpStream> {
        match self.core.with_tcp(|tcp, _| tcp.accept(self.port, self.listener, cx.waker())) {
            Some((id, peer)) => {
                Poll::Ready(TcpStream::new(Arc::clone(&self.core), id, self.local_addr(), peer))
            }
            None => Poll::Pending,
        }
    }

    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        server_addr(self.port)
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.core.with_tcp(|tcp, turn| tcp.unlisten(self.port, self.listener, turn));
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpListener").field("local", &self.local_addr()).finish_non_exhaustive()
    }
}
