//! UDP on the emulated network.

mod host;
mod quic;
mod socket;

pub use self::host::MAX_DATAGRAM_BYTES;
pub(crate) use self::host::{Datagram, Udp};
pub use self::socket::UdpSocket;
