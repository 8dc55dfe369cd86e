//! TUN devices: one end of a point-to-point link whose other end is this program.
#![expect(unsafe_code, reason = "devices are configured by ioctl")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::mem;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use super::helper::Step;
use super::sys;

/// The client's address; every pair of namespaces has the same, since nothing else is in them.
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 92, 0, 1);
/// The server's address.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 92, 0, 2);
/// Largest IP packet, in bytes.
pub(super) const MTU: i32 = 1_500;
/// Packets that may wait in the device until the pump takes them: more than any window, so that only links lose some.
const QUEUE_PACKETS: i32 = 16_384;

/// The program's end of a device: whole IP packets, never blocking.
#[derive(Debug)]
pub struct Tun {
    file: File,
}

impl Tun {
    /// Takes over the descriptor of a device.
    pub(super) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        sys::set_nonblocking(descriptor.as_fd())?;
        Ok(Self { file: File::from(descriptor) })
    }

    /// The next packet that the namespace sent, or `None` when there is none; `buffer` must hold an MTU.
    ///
    /// # Errors
    /// When the device is gone.
    pub fn receive<'buffer>(&self, buffer: &'buffer mut [u8]) -> io::Result<Option<&'buffer [u8]>> {
        loop {
            match (&self.file).read(buffer) {
                Ok(bytes) => return Ok(buffer.get(..bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands a packet to the namespace; the kernel deals with it before this returns.
    ///
    /// # Errors
    /// When the kernel has no memory for it, does not understand it, or the device is gone.
    pub fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.file).write(packet).map(|_| ())
    }
}

impl AsFd for Tun {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Makes a device in the namespace of this thread and sets it up; system calls only, see [`super::helper`].
pub(super) fn create(own: Ipv4Addr, peer: Ipv4Addr) -> Result<RawFd, (Step, i32)> {
    // SAFETY: the path ends with a zero.
    let tun = unsafe { libc::open(c"/dev/net/tun".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
    if tun < 0 {
        return Err((Step::OpenTun, sys::last_errno()));
    }
    let flags = libc::c_short::try_from(libc::IFF_TUN | libc::IFF_NO_PI).unwrap_or(0);
    let mut request = named_request();
    request.ifr_ifru.ifru_flags = flags;
    ask(tun, libc::TUNSETIFF as libc::Ioctl, &mut request).map_err(|errno| (Step::CreateTun, errno))?;
    configure(own, peer).map_err(|errno| (Step::ConfigureTun, errno))?;
    Ok(tun)
}

/// Gives the device its address, the peer's (which is its only route), its MTU and its queue, and switches it on.
fn configure(own: Ipv4Addr, peer: Ipv4Addr) -> Result<(), i32> {
    // SAFETY: plain numbers.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(sys::last_errno());
    }
    let mut request = named_request();
    request.ifr_ifru.ifru_mtu = MTU;
    ask(socket, libc::SIOCSIFMTU as libc::Ioctl, &mut request)?;
    // The queue's length is a plain number in the same place as the MTU. Only the machine's own root may set it, so
    // elsewhere it stays at 500 packets, which overflow if the pump's thread is kept from running for long.
    request.ifr_ifru.ifru_mtu = QUEUE_PACKETS;
    match ask(socket, libc::SIOCSIFTXQLEN as libc::Ioctl, &mut request) {
        Err(errno) if errno != libc::EPERM => return Err(errno),
        _ => {}
    }
    request.ifr_ifru.ifru_addr = address(own);
    ask(socket, libc::SIOCSIFADDR as libc::Ioctl, &mut request)?;
    request.ifr_ifru.ifru_dstaddr = address(peer);
    ask(socket, libc::SIOCSIFDSTADDR as libc::Ioctl, &mut request)?;
    ask(socket, libc::SIOCGIFFLAGS as libc::Ioctl, &mut request)?;
    let up = libc::c_short::try_from(libc::IFF_UP).unwrap_or(0);
    // SAFETY: the kernel has just filled in the flags.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | up;
    ask(socket, libc::SIOCSIFFLAGS as libc::Ioctl, &mut request)?;
    // SAFETY: opened above and not used again.
    unsafe { libc::close(socket) };
    Ok(())
}

fn ask(descriptor: RawFd, what: libc::Ioctl, request: &mut libc::ifreq) -> Result<(), i32> {
    // SAFETY: every request used here reads or writes one `ifreq`.
    let result = unsafe { libc::ioctl(descriptor, what, &raw mut *request) };
    if result < 0 { Err(sys::last_errno()) } else { Ok(()) }
}

/// A request about the one device of a namespace.
fn named_request() -> libc::ifreq {
    // SAFETY: an all-zero request is valid.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(*b"sluice0\0") {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request
}

fn address(ip: Ipv4Addr) -> libc::sockaddr {
    let [a, b, c, d] = ip.octets().map(|octet| libc::c_char::from_ne_bytes([octet]));
    libc::sockaddr {
        sa_family: libc::sa_family_t::try_from(libc::AF_INET).unwrap_or(0),
        // Port, then address: the layout of `sockaddr_in`.
        sa_data: [0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0],
    }
}
