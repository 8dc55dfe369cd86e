//! A whole run as a capture file.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use sluice_link::DropReason;
use sluice_shared::link::Direction;
use sluice_shared::time::Time;

use crate::headers::{INTERFACES, PacketContent, remark, write_packet};
use crate::pcapng::{Way, Writer};
use crate::secrets::Secrets;

/// A packet of a run, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct CapturedPacket<'a> {
    /// From the client (up), or from the server.
    pub direction: Direction,
    /// Whose it is, in the client's network; an address of IPv6 is shown as 0.0.0.0.
    pub from: SocketAddr,
    /// Whom it is for, in the client's network.
    pub to: SocketAddr,
    /// When it was sent.
    pub sent_at: Time,
    /// When it arrived; `None` when it never did.
    pub arrived_at: Option<Time>,
    /// When and why it was dropped.
    pub drop: Option<(Time, DropReason)>,
    /// What it carries.
    pub content: PacketContent<'a>,
}

/// The packets of a run as a pcapng file with `secrets` inside, so that Wireshark opens them by itself.
///
/// Each packet is seen where it was sent and, if it arrived, once more where it arrived: two interfaces, with the
/// networks 10.0.0.0 and 10.0.1.0. What was dropped is remarked where it was sent. Packets are in the order of time.
///
/// Datagrams are seen at the client alone, since Wireshark knows a QUIC connection by its IDs and opens nothing of one that
/// it sees between two pairs of addresses; those that never reach the client are seen at the server, with the client's
/// addresses.
pub fn write_capture<'a>(packets: impl Iterator<Item = CapturedPacket<'a>>, secrets: &Secrets) -> Vec<u8> {
    // Memory takes everything, and no packet of IPv4 has the 4 GiB that a block could not hold.
    try_write(packets, secrets).unwrap_or_default()
}

fn try_write<'a>(
    packets: impl Iterator<Item = CapturedPacket<'a>>,
    secrets: &Secrets,
) -> io::Result<Vec<u8>> {
    let mut sights: Vec<Sight<'a>> = Vec::new();
    for (number, packet) in packets.enumerate() {
        let id = u16::try_from(number & 0xFFFF).unwrap_or(u16::MAX);
        sights.push(Sight { at: packet.sent_at, way: Way::Out, id, packet });
        if let Some(at) = packet.arrived_at {
            sights.push(Sight { at, way: Way::In, id, packet });
        }
    }
    sights
        .retain(|sight| sight.has_own_network() || sight.is_at_client() || sight.packet.arrived_at.is_none());
    sights.sort_by_key(|sight| sight.at);
    let mut writer = Writer::new(Vec::new(), &INTERFACES)?;
    writer.secrets(&secrets.text())?;
    let mut bytes = Vec::new();
    for sight in &sights {
        let packet = &sight.packet;
        let is_at_client = sight.is_at_client();
        let shown = |address| shown_address(address, is_at_client || !sight.has_own_network());
        bytes.clear();
        write_packet(packet.content, shown(packet.from), shown(packet.to), sight.id, &mut bytes);
        let comment = packet.drop.filter(|_| sight.way == Way::Out).map(|(at, reason)| {
            format!("{} after {} ms", remark(reason), at.since(packet.sent_at).as_micros() as f64 / 1e3)
        });
        writer.packet(u32::from(!is_at_client), sight.at, sight.way, comment.as_deref(), &bytes)?;
    }
    Ok(writer.into_inner())
}

struct Sight<'a> {
    at: Time,
    way: Way,
    id: u16,
    packet: CapturedPacket<'a>,
}

impl Sight<'_> {
    /// Whether each side shows it in a network of its own.
    const fn has_own_network(&self) -> bool {
        matches!(self.packet.content, PacketContent::Tcp(_))
    }

    fn is_at_client(&self) -> bool {
        (self.packet.direction == Direction::Up) == (self.way == Way::Out)
    }
}

/// An address as one side's network has it: at the server's side the third number is one higher.
fn shown_address(address: SocketAddr, is_at_client: bool) -> SocketAddrV4 {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let [a, b, c, d] = ip.octets();
    let ip = if is_at_client { ip } else { Ipv4Addr::new(a, b, c.wrapping_add(1), d) };
    SocketAddrV4::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(direction: Direction, arrived_at: Option<Time>) -> String {
        let drop = if arrived_at.is_none() { Some((Time::from_millis(7), DropReason::Queue)) } else { None };
        let packet = CapturedPacket {
            direction,
            from: SocketAddr::from(([10, 0, 0, 1], 443)),
            to: SocketAddr::from(([10, 0, 0, 2], 50_000)),
            sent_at: Time::from_millis(5),
            arrived_at,
            drop,
            content: PacketContent::Udp(b"payload"),
        };
        let file = write_capture([packet].into_iter(), &Secrets::default());
        String::from_utf8_lossy(&file).into_owned()
    }

    #[test]
    fn a_datagram_is_written_once_and_one_that_is_lost_says_why() {
        for direction in [Direction::Up, Direction::Down] {
            let arrived = capture(direction, Some(Time::from_millis(9)));
            assert_eq!(arrived.matches("payload").count(), 1);
            assert!(!arrived.contains("dropped"));
            let lost = capture(direction, None);
            assert_eq!(lost.matches("payload").count(), 1);
            assert!(lost.contains("dropped: the bottleneck's queue was full after 2 ms"));
        }
    }
}
