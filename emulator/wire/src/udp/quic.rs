//! A socket as quinn's.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use super::host::{Datagram, MAX_DATAGRAM_BYTES};
use super::socket::UdpSocket;

/// There is always room: what a link cannot hold it drops.
#[derive(Debug)]
struct AlwaysWritable;

impl UdpPoller for AlwaysWritable {
    fn poll_writable(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncUdpSocket for UdpSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(AlwaysWritable)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let datagram_bytes = transmit.segment_size.unwrap_or(transmit.contents.len()).max(1);
        for payload in transmit.contents.chunks(datagram_bytes) {
            // As a system's socket does for quinn: a probe that is larger than the MTU is lost, which is what it asks.
            if payload.len() <= MAX_DATAGRAM_BYTES {
                self.send(payload, transmit.destination, transmit.ecn)?;
            }
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.core.with_udp(|udp, _| {
            let Some(first) = udp.receive(self.id, cx.waker()) else { return Poll::Pending };
            let mut next = Some(first);
            let mut count = 0;
            for (buffer, meta) in bufs.iter_mut().zip(meta) {
                let Some(datagram) = next.take().or_else(|| udp.receive_more(self.id)) else { break };
                *meta = fill(buffer, &datagram);
                count += 1;
            }
            Poll::Ready(Ok(count))
        })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(Self::local_addr(self))
    }

    /// An IP packet that does not fit is lost, so that path MTU discovery works.
    fn may_fragment(&self) -> bool {
        false
    }
}

/// Copies a datagram, or as much of it as fits, as a system does.
fn fill(buffer: &mut [u8], datagram: &Datagram) -> RecvMeta {
    let len = datagram.payload.len().min(buffer.len());
    for (slot, byte) in buffer.iter_mut().zip(&datagram.payload) {
        *slot = *byte;
    }
    RecvMeta { addr: datagram.from, len, stride: len, ecn: datagram.ecn, dst_ip: Some(datagram.to.ip()) }
}
