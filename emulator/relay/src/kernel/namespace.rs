//! A client's and a server's network namespace, with nothing between them but what a pump carries.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use socket2::{SockAddr, Socket};

use super::helper::{self, Maps, Step};
use super::sys;
use super::tun::{self, Tun};

/// Why there can be no kernel TCP here.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Neither root nor a user namespace.
    #[error("neither root nor unprivileged user namespaces are available here ({0})")]
    Namespaces(#[source] io::Error),
    /// The user namespace has no user.
    #[error("the user namespace cannot be set up ({0})")]
    UserMap(#[source] io::Error),
    /// No access to the device that makes devices.
    #[error("/dev/net/tun cannot be opened ({0}); it must exist and be readable and writable by this user")]
    TunNode(#[source] io::Error),
    /// The device cannot be made or set up.
    #[error("the TUN device cannot be set up ({0})")]
    TunDevice(#[source] io::Error),
    /// Something else went wrong while the helper process was started or asked.
    #[error("the helper process failed ({0})")]
    Helper(#[source] io::Error),
}

/// Two network namespaces, which live as long as this.
#[derive(Debug)]
pub struct Namespaces {
    channel: Option<OwnedFd>,
    helper: libc::pid_t,
    /// A socket of the server's namespace that has no address.
    listener: Option<OwnedFd>,
}

impl Namespaces {
    /// The address that the client connects to.
    pub const SERVER_IP: Ipv4Addr = tun::SERVER;

    /// Makes both, and returns the program's ends of their devices: the client's, then the server's.
    ///
    /// # Errors
    /// When the machine does not allow it; the reason says what is missing.
    pub fn create() -> Result<(Self, [Tun; 2]), Unavailable> {
        let maps = Maps::of_caller();
        let (channel, child_end) = sys::socket_pair().map_err(Unavailable::Helper)?;
        let helper = helper::fork(child_end.as_raw_fd(), &maps)
            .map_err(|errno| Unavailable::Helper(io::Error::from_raw_os_error(errno)))?;
        drop(child_end);
        let mut namespaces = Self { channel: Some(channel), helper, listener: None };
        let [client, server, listener] = namespaces.receive()?;
        namespaces.listener = Some(listener);
        let take = |descriptor| Tun::new(descriptor).map_err(Unavailable::TunDevice);
        Ok((namespaces, [take(client)?, take(server)?]))
    }

    /// Listens on `port` in the server's namespace, with congestion controller `congestion` for what is accepted.
    ///
    /// # Errors
    /// When it listens already, or the kernel has no such controller.
    pub fn listen(&mut self, port: u16, congestion: &str) -> io::Result<Socket> {
        let descriptor = self.listener.take().ok_or(io::ErrorKind::AddrInUse)?;
        let socket = Socket::from(descriptor);
        sys::set_congestion(socket.as_fd(), congestion)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(SocketAddrV4::new(Self::SERVER_IP, port)))?;
        socket.listen(1_024)?;
        Ok(socket)
    }

    /// A socket in the client's namespace that has a port, and begins to connect with [`Self::connect`].
    ///
    /// # Errors
    /// When the helper is gone, or the kernel has no such controller.
    pub fn client_socket(&self, congestion: &str) -> io::Result<(Socket, u16)> {
        let channel = self.channel.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        sys::send_byte(channel.as_fd(), helper::SOCKET_WANTED)?;
        let [descriptor] = self.receive().map_err(io::Error::other)?;
        let socket = Socket::from(descriptor);
        sys::set_congestion(socket.as_fd(), congestion)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::from(SocketAddrV4::new(tun::CLIENT, 0)))?;
        let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        Ok((socket, port))
    }

    /// Begins to connect to `port` of the server's namespace; the socket can be written to once it has.
    ///
    /// # Errors
    /// When the connection cannot even be begun.
    pub fn connect(socket: &Socket, port: u16) -> io::Result<()> {
        match socket.connect(&SockAddr::from(SocketAddrV4::new(Self::SERVER_IP, port))) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
            _ => Ok(()),
        }
    }

    /// Receives the helper's report with its `N` descriptors.
    fn receive<const N: usize>(&self) -> Result<[OwnedFd; N], Unavailable> {
        let lost = || Unavailable::Helper(io::ErrorKind::UnexpectedEof.into());
        let channel = self.channel.as_ref().ok_or_else(lost)?;
        let mut report = [0; helper::REPORT_BYTES];
        let (received, descriptors) =
            sys::receive_with_descriptors(channel.as_fd(), &mut report).map_err(Unavailable::Helper)?;
        if received != report.len() {
            return Err(lost());
        }
        let [step, _, _, _, errno @ ..] = report;
        let error = io::Error::from_raw_os_error(i32::from_ne_bytes(errno));
        match Step::from_byte(step) {
            Some(Step::Done) => <[OwnedFd; N]>::try_from(descriptors).map_err(|_| lost()),
            Some(Step::EnterNamespaces) => Err(Unavailable::Namespaces(error)),
            Some(Step::MapUser) => Err(Unavailable::UserMap(error)),
            Some(Step::OpenTun) => Err(Unavailable::TunNode(error)),
            Some(Step::CreateTun | Step::ConfigureTun) => Err(Unavailable::TunDevice(error)),
            Some(Step::CloseDescriptors | Step::MakeSocket) | None => Err(Unavailable::Helper(error)),
        }
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // The helper ends when its channel does.
        self.channel = None;
        sys::reap(self.helper);
    }
}
