//! What the dissector says of packets of real stacks: rustls over TCP segments, quinn's protocol over datagrams, both in
//! memory and without time; the records that RFC 8448 prints; files as tshark reads them; and whatever bytes chance brings.

mod garbage;
mod keys;
mod quic;
mod quic_pair;
mod rfc8448;
mod tcp;
mod tls_pair;
mod tshark;

use sluice_capture::{CapturedPacket, Dissected, Dissector, PacketContent, Secrets};
use sluice_shared::handshake::{Layer, RungPart};
use sluice_shared::link::Direction;
use sluice_shared::time::Time;
use sluice_tcp::Segment;

/// A packet of a test's connection.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Tcp(Direction, Segment),
    Udp(Direction, Vec<u8>),
}

pub(crate) fn dissect(secrets: &Secrets, packets: &[Packet]) -> Vec<Dissected> {
    let mut dissector = Dissector::new(secrets.clone());
    let dissect = |packet: &Packet| match packet {
        Packet::Tcp(direction, segment) => dissector.tcp(*direction, segment),
        Packet::Udp(direction, datagram) => dissector.udp(*direction, datagram),
    };
    packets.iter().map(dissect).collect()
}

/// Labels with an arrow for their direction.
pub(crate) fn labels(secrets: &Secrets, packets: &[Packet]) -> Vec<String> {
    let arrow = |packet: &Packet| match packet {
        Packet::Tcp(Direction::Up, _) | Packet::Udp(Direction::Up, _) => '>',
        Packet::Tcp(Direction::Down, _) | Packet::Udp(Direction::Down, _) => '<',
    };
    let dissected = dissect(secrets, packets);
    packets.iter().zip(&dissected).map(|(packet, of)| format!("{} {}", arrow(packet), of.label)).collect()
}

/// The details of all parts with this name.
pub(crate) fn details<'a>(dissected: &'a [Dissected], layer: Layer, name: &str) -> Vec<&'a str> {
    let parts = dissected.iter().flat_map(|packet| &packet.parts);
    let wanted = |part: &&RungPart| part.layer == layer && part.name == name;
    parts.filter(wanted).map(|part| part.detail.as_str()).collect()
}

/// The packets as a file, each half a millisecond on its way.
pub(crate) fn file(secrets: &Secrets, packets: &[Packet]) -> Vec<u8> {
    let captured = packets.iter().zip(1..).map(|(packet, number)| {
        let (direction, content) = match packet {
            Packet::Tcp(direction, segment) => (*direction, PacketContent::Tcp(segment)),
            Packet::Udp(direction, datagram) => (*direction, PacketContent::Udp(datagram)),
        };
        let client = "10.0.0.2:49152".parse().expect("an address");
        let server = "10.0.0.1:443".parse().expect("an address");
        let (from, to) = match direction {
            Direction::Up => (client, server),
            Direction::Down => (server, client),
        };
        let sent_at = Time::from_millis(number);
        let arrived_at = Some(Time::from_micros(sent_at.as_micros() + 500));
        CapturedPacket { direction, from, to, sent_at, arrived_at, drop: None, content }
    });
    sluice_capture::write_capture(captured, secrets)
}
