//! A TCP socket that can be looked at while a protocol owns it.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[cfg(target_os = "linux")]
use sluice_relay::kernel::KernelHandle;
use sluice_relay::{NetworkId, RampHandle};
use sluice_shared::lab::Congestion;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::frames::Tap;
use crate::tcp_info::{self, TcpReading};

/// The two ends of a connection that HTTP handlers may ask about.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The socket, for what is known of it.
    pub(crate) socket: Socket,
    /// Where the client is.
    pub(crate) address: SocketAddr,
    /// Whether TLS runs on the socket.
    pub(crate) encrypted: bool,
    /// Where its bytes are looked at, if it is a lab's.
    pub(crate) tap: Option<Arc<Tap>>,
    /// Becomes true when the server stops, for protocols that outlive HTTP on the connection.
    pub(crate) stop: watch::Receiver<bool>,
}

/// What carries a TCP connection.
#[derive(Clone, Debug)]
pub(crate) enum Socket {
    /// The kernel.
    Kernel(Arc<TcpStream>),
    /// The emulator, by a port for this congestion controller.
    Emulated(RampHandle, Congestion),
    /// The kernel, through an emulated network.
    #[cfg(target_os = "linux")]
    Relayed(KernelHandle),
}

impl Peer {
    /// Names the lane that the connection carries, for those who watch its lab, if it is a lab's.
    pub(crate) fn name_lane(&self, lane: u16) {
        self.socket.name_lane(lane);
        if let Some(tap) = &self.tap {
            tap.name_lane(lane);
        }
    }
}

impl Socket {
    /// What its TCP says of the connection.
    pub(crate) fn reading(&self) -> TcpReading {
        match self {
            Self::Kernel(socket) => tcp_info::read(socket),
            Self::Emulated(handle, _) => TcpReading::emulated(&handle.info()),
            #[cfg(target_os = "linux")]
            Self::Relayed(handle) => handle.with_socket(tcp_info::read).unwrap_or_default(),
        }
    }

    /// Its congestion controller; `None` where the platform does not tell.
    pub(crate) fn congestion_control(&self) -> Option<String> {
        match self {
            Self::Kernel(socket) => tcp_info::congestion_control(socket),
            Self::Emulated(_, congestion) => Some(congestion.controller().to_owned()),
            #[cfg(target_os = "linux")]
            Self::Relayed(handle) => handle.with_socket(tcp_info::congestion_control).flatten(),
        }
    }

    /// The network that it comes through, if it is a lab's.
    pub(crate) fn lab(&self) -> Option<NetworkId> {
        match self {
            Self::Kernel(_) => None,
            Self::Emulated(handle, _) => Some(handle.network().id()),
            #[cfg(target_os = "linux")]
            Self::Relayed(handle) => Some(handle.network().id()),
        }
    }

    /// Names the lane that it carries, for the reports of its lab, if it is a lab's.
    fn name_lane(&self, lane: u16) {
        match self {
            Self::Kernel(_) => {}
            Self::Emulated(handle, _) => handle.network().name_lane(handle.flow(), lane),
            #[cfg(target_os = "linux")]
            Self::Relayed(handle) => handle.network().name_lane(handle.flow(), lane),
        }
    }
}

/// A TCP stream that others hold too, to read the kernel's statistics.
#[derive(Debug)]
pub(crate) struct SharedTcp(pub(crate) Arc<TcpStream>);

impl AsyncRead for SharedTcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read_buf(buf) {
                Ok(_) => return Poll::Ready(Ok(())),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for SharedTcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_with(cx, |socket| socket.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Tokio shuts a stream down only through its owner.
        Poll::Ready(SockRef::from(&*self.0).shutdown(Shutdown::Write))
    }
}

impl SharedTcp {
    fn poll_write_with(
        &self,
        cx: &mut Context<'_>,
        mut write: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match write(&self.0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }
}
