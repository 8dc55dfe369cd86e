//! Packets as a capture shows them: with IPv4 headers of two made-up networks, one for each side.

use std::net::{Ipv4Addr, SocketAddrV4};

use sluice_capture::headers::{self, PacketContent};
use sluice_capture::pcapng::Way;
use sluice_shared::link::Direction;

use super::ring::{Content, Entry, Place};

/// The interface that an entry belongs to, and which way it passes there.
pub(super) const fn interface(entry: &Entry) -> (u32, Way) {
    let way = match entry.place {
        Place::Sender => Way::Out,
        Place::Receiver => Way::In,
    };
    match (entry.direction, entry.place) {
        (Direction::Up, Place::Sender) | (Direction::Down, Place::Receiver) => (0, way),
        (Direction::Up, Place::Receiver) | (Direction::Down, Place::Sender) => (1, way),
    }
}

/// Appends an entry to `packet` with headers.
pub(super) fn write_packet(entry: &Entry, id: u16, packet: &mut Vec<u8>) {
    let (interface, _) = interface(entry);
    let network = if interface == 0 { 0 } else { 1 };
    let client = SocketAddrV4::new(Ipv4Addr::new(10, 0, network, 2), entry.ports.client);
    let server = SocketAddrV4::new(Ipv4Addr::new(10, 0, network, 1), entry.ports.server);
    let (from, to) = match entry.direction {
        Direction::Up => (client, server),
        Direction::Down => (server, client),
    };
    let content = match &entry.content {
        Content::Tcp(segment) => PacketContent::Tcp(segment),
        Content::Udp(payload) => PacketContent::Udp(payload),
    };
    headers::write_packet(content, from, to, id, packet);
}
