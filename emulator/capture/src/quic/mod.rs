//! QUIC packets and what is in them, for whoever has the keys.

mod frame;
mod hello;
mod keys;
mod packet;

pub use frame::{Control, Frame, ack_ranges, frames};
pub use hello::Hello;
pub(crate) use keys::expand;
pub use keys::{Keys, Opened, Suite, initial};
pub use packet::{Kind, Packet, VERSION_1, long_version, packets, version_negotiation};
