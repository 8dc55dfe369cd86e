//! A UDP socket of an emulated host.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use parking_lot::Mutex;
use quinn::udp::EcnCodepoint;

use super::host::{MAX_DATAGRAM_BYTES, SocketId};
use crate::net::{Cargo, NetCore};

/// A UDP socket; quinn takes it as its own ([`quinn::AsyncUdpSocket`]).
///
/// What it sends is handed to the link at once: there is no send buffer, and no segmentation offload. Up to 4,096
/// datagrams wait to be read.
pub struct UdpSocket {
    pub(super) core: Arc<NetCore>,
    pub(super) id: SocketId,
    local: Mutex<SocketAddr>,
}

impl UdpSocket {
    pub(crate) fn bind(core: Arc<NetCore>, server_port: Option<u16>) -> Self {
        let (id, local) = core.with_udp(|udp, _| udp.bind(server_port));
        Self { core, id, local: Mutex::new(local) }
    }

    /// Where it is.
    pub fn local_addr(&self) -> SocketAddr {
        *self.local.lock()
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// When it is larger than [`MAX_DATAGRAM_BYTES`].
    pub fn send_to(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        self.send(payload, to, None)
    }

    /// The next datagram, and who sent it.
    pub async fn recv_from(&self) -> (Bytes, SocketAddr) {
        poll_fn(|cx| match self.core.with_udp(|udp, _| udp.receive(self.id, cx.waker())) {
            Some(datagram) => Poll::Ready((datagram.payload, datagram.from)),
            None => Poll::Pending,
        })
        .await
    }

    /// Moves a client's socket to another network: from now on it has the returned address, on another host and port,
    /// and what is under way to the old one is lost. A server's socket stays where it is.
    pub fn rebind(&self) -> SocketAddr {
        let mut local = self.local.lock();
        *local = self.core.with_udp(|udp, _| udp.rebind(self.id, *local));
        *local
    }

    /// Datagrams that arrived and were lost because too many waited to be read.
    pub fn overflowed(&self) -> u64 {
        self.core.with_udp(|udp, _| udp.overflowed(self.id))
    }

    pub(super) fn send(&self, payload: &[u8], to: SocketAddr, ecn: Option<EcnCodepoint>) -> io::Result<()> {
        if payload.len() > MAX_DATAGRAM_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the datagram is larger than the MTU"));
        }
        let payload = Bytes::copy_from_slice(payload);
        let from = self.local_addr();
        self.core.with_udp(|_, turn| turn.wires.send(from, to, Cargo::Udp { payload, ecn }, turn.now));
        Ok(())
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.core.with_udp(|udp, _| udp.unbind(self.id));
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UdpSocket").field("local", &self.local_addr()).finish_non_exhaustive()
    }
}
