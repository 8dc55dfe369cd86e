//! Packets as a capture shows them: with IPv4 headers of two made-up networks.
//!
//! Each side sees a connection between a client and a server in a network of its own, as if the link were a router that
//! rewrites addresses. So a reader that follows connections, as Wireshark does, follows what each side saw by itself.

use std::net::SocketAddrV4;

use sluice_link::{DropReason, LossKind};
use sluice_tcp::{IPV4_HEADER_BYTES, Segment, write_ipv4_packet};

use crate::pcapng::Interface;

/// Where packets are seen, by number: first at the client, then at the server.
pub const INTERFACES: [Interface<'static>; 2] = [
    Interface { name: "client", description: "the client's side: client 10.0.0.2, server 10.0.0.1" },
    Interface { name: "server", description: "the server's side: client 10.0.1.2, server 10.0.1.1" },
];

const PROTOCOL_UDP: u8 = 17;
const UDP_HEADER_BYTES: usize = 8;

/// What a packet carries above IP.
#[derive(Clone, Copy, Debug)]
pub enum PacketContent<'a> {
    /// A TCP segment.
    Tcp(&'a Segment),
    /// A UDP datagram's payload.
    Udp(&'a [u8]),
}

/// Appends an IPv4 packet with identification `id` to `packet`; a datagram is cut to what that can hold.
pub fn write_packet(
    content: PacketContent<'_>,
    from: SocketAddrV4,
    to: SocketAddrV4,
    id: u16,
    packet: &mut Vec<u8>,
) {
    match content {
        PacketContent::Tcp(segment) => write_ipv4_packet(segment, from, to, id, packet),
        PacketContent::Udp(payload) => write_udp(payload, from, to, id, packet),
    }
}

/// What is remarked of a dropped packet.
pub const fn remark(drop: DropReason) -> &'static str {
    match drop {
        DropReason::Queue => "dropped: the bottleneck's queue was full",
        DropReason::Loss(LossKind::Random) => "lost at random",
        DropReason::Loss(LossKind::Burst) => "lost in a bad spell",
        DropReason::Outage => "dropped: outage",
        DropReason::Blocked => "dropped: UDP is blocked",
        DropReason::Overload => "dropped: the link held all it may",
    }
}

fn write_udp(payload: &[u8], from: SocketAddrV4, to: SocketAddrV4, id: u16, packet: &mut Vec<u8>) {
    let room = usize::from(u16::MAX) - IPV4_HEADER_BYTES - UDP_HEADER_BYTES;
    let payload = payload.get(..payload.len().min(room)).unwrap_or_default();
    let udp_len = u16::try_from(UDP_HEADER_BYTES + payload.len()).unwrap_or(u16::MAX);
    let total = u16::try_from(IPV4_HEADER_BYTES + usize::from(udp_len)).unwrap_or(u16::MAX);

    let ip_at = packet.len();
    packet.extend([0x45, 0]);
    packet.extend(total.to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend([0x40, 0, 64, PROTOCOL_UDP, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    let ip_sum = checksum(packet.get(ip_at..).unwrap_or_default());
    put(packet, ip_at + 10, ip_sum);

    let udp_at = packet.len();
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(udp_len.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend_from_slice(payload);
    // The pseudo header (RFC 768): both addresses, the protocol, the length.
    let mut pseudo = sum(packet.get(ip_at + 12..ip_at + 20).unwrap_or_default());
    pseudo += u32::from(PROTOCOL_UDP) + u32::from(udp_len);
    let udp_sum = fold(pseudo + sum(packet.get(udp_at..).unwrap_or_default()));
    // Zero would say that there is no checksum.
    put(packet, udp_at + 6, if udp_sum == 0 { 0xFFFF } else { udp_sum });
}

fn put(packet: &mut [u8], at: usize, value: u16) {
    if let Some(place) = packet.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    fold(sum(bytes))
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    u16::try_from(0xFFFF - sum).unwrap_or(0)
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(0, |sum, pair| {
        let (high, low) = (pair.first().copied().unwrap_or(0), pair.get(1).copied().unwrap_or(0));
        sum + u32::from(u16::from_be_bytes([high, low]))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn both_checksums_of_a_datagram_verify() {
        let from = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 50_000);
        let to = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 1), 443);
        for payload in [&b""[..], b"odd", b"even"] {
            let mut packet = Vec::new();
            write_udp(payload, from, to, 9, &mut packet);
            assert_eq!(packet.len(), 28 + payload.len());
            assert_eq!(checksum(&packet[..20]), 0);
            let pseudo = sum(&packet[12..20]) + 17 + u32::try_from(packet.len() - 20).expect("small");
            assert_eq!(fold(pseudo + sum(&packet[20..])), 0);
            let length = u8::try_from(8 + payload.len()).expect("small");
            assert_eq!(&packet[20..26], [0xC3, 0x50, 0x01, 0xBB, 0, length]);
        }
    }
}
