//! A socket that takes and gives datagrams in batches.

use std::array;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use quinn_udp::{BATCH_SIZE, EcnCodepoint, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// What a kernel may put together of datagrams that came in a row.
const BUFFER_BYTES: usize = 64 << 10;
/// What is asked of the kernel for datagrams that wait for the relay's thread; it may give less.
const SOCKET_BUFFER: usize = 2 << 20;
/// Most bytes of datagrams that leave with one call.
const MAX_BATCH_BYTES: usize = 60_000;

/// A datagram's content.
#[derive(Clone, Debug)]
pub(super) struct Datagram {
    pub(super) payload: Bytes,
    pub(super) ecn: Option<EcnCodepoint>,
}

/// Where a batch of datagrams goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Destination {
    pub(super) address: SocketAddr,
    /// The own address to send from, where the socket has several.
    pub(super) from: Option<IpAddr>,
}

/// Datagrams that came in a row from one address.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) from: SocketAddr,
    /// The own address that they were sent to.
    pub(super) to: Option<IpAddr>,
    pub(super) datagrams: Vec<Datagram>,
}

/// Where datagrams are received.
#[derive(Debug)]
pub(crate) struct ReceiveBuffers {
    storage: Vec<u8>,
}

impl ReceiveBuffers {
    /// Room for a batch: 2 MiB, of which the system gives pages as they are used.
    pub(crate) fn new() -> Self {
        Self { storage: vec![0; BATCH_SIZE * BUFFER_BYTES] }
    }
}

/// A UDP socket in nonblocking use.
#[derive(Debug)]
pub(super) struct Port {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Port {
    /// Takes a socket over; the calling thread must be in the runtime's context.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // The kernel holds it to its own limit without an error.
        SockRef::from(&socket).set_recv_buffer_size(SOCKET_BUFFER)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        Ok(Self { socket: UdpSocket::from_std(socket)?, state })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Waits until something may have come.
    pub(super) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Receives a batch and gives it out by runs of one sender; an error of kind `WouldBlock` when nothing is there.
    pub(super) fn receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<Vec<Arrived>> {
        let mut chunks = buffers.storage.chunks_mut(BUFFER_BYTES);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        let mut metas = [RecvMeta::default(); BATCH_SIZE];
        let mut count = 0;
        let result = self.socket.try_io(Interest::READABLE, || {
            count = self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut metas)?;
            // Less than there was room for is all there was, so nobody needs to ask again before more comes.
            if count < BATCH_SIZE { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        if count == 0 {
            result?;
        }
        let mut runs: Vec<Arrived> = Vec::new();
        for (meta, slice) in metas.iter().zip(&slices).take(count) {
            let bytes = Bytes::copy_from_slice(slice.get(..meta.len).unwrap_or_default());
            let stride = if meta.stride == 0 { bytes.len().max(1) } else { meta.stride };
            // An empty datagram is one too.
            let starts = (0..bytes.len().max(1)).step_by(stride);
            let datagrams = starts.map(|start| Datagram {
                payload: bytes.slice(start..bytes.len().min(start + stride)),
                ecn: meta.ecn,
            });
            match runs.last_mut().filter(|run| run.from == meta.addr && run.to == meta.dst_ip) {
                Some(run) => run.datagrams.extend(datagrams),
                None => {
                    runs.push(Arrived { from: meta.addr, to: meta.dst_ip, datagrams: datagrams.collect() })
                }
            }
        }
        Ok(runs)
    }

    /// Sends datagrams in order, those of equal size together, and tells how many bytes and datagrams the kernel would
    /// not take. `scratch` is memory that batches are put together in.
    pub(super) fn send<'a>(
        &self,
        datagrams: impl IntoIterator<Item = &'a Datagram>,
        to: Destination,
        scratch: &mut Vec<u8>,
    ) -> Refused {
        let mut refused = Refused::default();
        let most = self.state.max_gso_segments();
        let mut batch = Batch::default();
        scratch.clear();
        for datagram in datagrams {
            if !batch.takes(datagram, most, scratch.len()) {
                refused.add(self.send_batch(&batch, to, scratch));
                scratch.clear();
                batch = Batch::default();
            }
            scratch.extend_from_slice(&datagram.payload);
            batch.add(datagram);
        }
        refused.add(self.send_batch(&batch, to, scratch));
        refused
    }

    fn send_batch(&self, batch: &Batch, to: Destination, contents: &[u8]) -> Refused {
        if batch.count == 0 {
            return Refused::default();
        }
        if self.try_send(batch, to, contents).is_ok() {
            return Refused::default();
        }
        // An error may be that of a datagram sent long ago, which the server's host refused; or that of a system that
        // cannot split batches. So each has another chance by itself.
        let mut refused = Refused::default();
        let sizes = (0..contents.len().max(1)).step_by(batch.size.max(1));
        for datagram in sizes.map(|start| contents.get(start..).unwrap_or_default()) {
            let datagram = datagram.get(..batch.size.min(datagram.len())).unwrap_or_default();
            let alone = Batch { count: 1, ..*batch };
            if self.try_send(&alone, to, datagram).is_err() {
                refused.add(Refused { datagrams: 1, payload_bytes: datagram.len() as u64 });
            }
        }
        refused
    }

    fn try_send(&self, batch: &Batch, to: Destination, contents: &[u8]) -> io::Result<()> {
        let transmit = Transmit {
            destination: to.address,
            ecn: batch.ecn,
            contents,
            segment_size: (batch.count > 1).then_some(batch.size),
            src_ip: to.from,
        };
        self.state.try_send(UdpSockRef::from(&self.socket), &transmit)
    }
}

/// Datagrams that the kernel would not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) datagrams: u64,
    pub(super) payload_bytes: u64,
}

impl From<&Datagram> for Refused {
    fn from(datagram: &Datagram) -> Self {
        Self { datagrams: 1, payload_bytes: datagram.payload.len() as u64 }
    }
}

impl Refused {
    pub(super) const fn add(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.payload_bytes += other.payload_bytes;
    }
}

/// Datagrams that leave with one call: all of one size, but for a smaller last one.
#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    count: usize,
    size: usize,
    ecn: Option<EcnCodepoint>,
    is_closed: bool,
}

impl Batch {
    fn takes(&self, datagram: &Datagram, most: usize, bytes: usize) -> bool {
        let length = datagram.payload.len();
        self.count == 0
            || (self.count < most
                && !self.is_closed
                && self.ecn == datagram.ecn
                && (1..=self.size).contains(&length)
                && bytes + length <= MAX_BATCH_BYTES)
    }

    fn add(&mut self, datagram: &Datagram) {
        if self.count == 0 {
            self.size = datagram.payload.len();
            self.ecn = datagram.ecn;
        }
        self.is_closed |= datagram.payload.len() < self.size;
        self.count += 1;
    }
}
