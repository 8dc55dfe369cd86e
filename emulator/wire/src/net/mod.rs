//! The network: two hosts, one link each way, and the log.

mod address;
mod core;
mod handle;
mod sights;
mod wires;

pub(crate) use self::address::{CLIENT_IP, FIRST_CLIENT_PORT, client_ip_after, direction_from, server_addr};
pub(crate) use self::core::{NetCore, Turn};
pub use self::handle::Net;
pub use self::sights::{Content, Sight, SightFate};
pub(crate) use self::wires::Cargo;
