//! Carries packets between two TUN devices, each connection through an emulated network of its own.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use sluice_link::{Fate, Link};
use sluice_shared::link::{ByteCount, Direction};
use sluice_shared::time::Time;

use super::tun::{self, Tun};
use crate::network::{DataWatch, SeenCrossing};

/// What crosses between two devices: a link each way for each connection, counted in bytes of IP packets as the model's
/// segments are. Packets of a connection that was not opened here go nowhere.
///
/// The loop: call [`Self::turn`], wait until either device can be read or [`Self::poll_timeout`] is due, and again.
#[derive(Debug)]
pub struct Pump {
    /// The client's, then the server's.
    devices: [Tun; 2],
    /// By the client's port.
    connections: BTreeMap<u16, Connection>,
    buffer: Vec<u8>,
}

/// The links of one connection.
#[derive(Debug)]
struct Connection {
    /// Up, then down.
    links: [Link<Bytes>; 2],
    data: DataWatch,
    /// The client's end has gone; its last packets may still be under way.
    closed_at: Option<Time>,
}

impl Pump {
    /// How long the links of a closed connection are kept for its last packets.
    const LINGER: Duration = Duration::from_secs(10);
    /// Closed connections whose links are kept; the one that closed first makes room.
    const MAX_LINGERING: usize = 256;

    /// Joins the client's and the server's device.
    pub fn new(devices: [Tun; 2]) -> Self {
        let buffer = vec![0; usize::try_from(tun::MTU).unwrap_or(1_500)];
        Self { devices, connections: BTreeMap::new(), buffer }
    }

    /// Carries the connection from the client's `port` by `links`, up and down.
    pub fn open(&mut self, port: u16, links: [Link<Bytes>; 2], now: Time) {
        self.forget_closed(now);
        self.connections.insert(port, Connection { links, data: DataWatch::default(), closed_at: None });
    }

    /// The client's end of the connection from `port` has gone; the port may be used again.
    pub fn close(&mut self, port: u16, now: Time) {
        if let Some(connection) = self.connections.get_mut(&port) {
            connection.closed_at = Some(now);
        }
        self.forget_closed(now);
    }

    /// Takes what both sides sent and delivers what is due; says whether there was anything.
    ///
    /// # Errors
    /// When a device is gone.
    pub fn turn(&mut self, now: Time) -> io::Result<bool> {
        self.turn_observed(now, |_, _, _| {})
    }

    /// As [`Self::turn`], showing `observe` the end of each packet's way, with its connection's client port.
    ///
    /// # Errors
    /// When a device is gone.
    pub fn turn_observed(
        &mut self,
        now: Time,
        mut observe: impl FnMut(u16, Direction, &Fate<Bytes>),
    ) -> io::Result<bool> {
        let mut has_moved = false;
        for direction in Direction::BOTH {
            has_moved |= self.take_packets(direction, now)?;
            let [client, server] = &self.devices;
            let to = if direction == Direction::Up { server } else { client };
            for (port, connection) in &mut self.connections {
                while let Some(fate) = connection.links[direction as usize].poll_fate(now) {
                    if let Fate::Delivered(delivered) = &fate {
                        to.send(&delivered.packet)?;
                        if direction == Direction::Down && has_data(&delivered.packet) {
                            connection.data.on_data(delivered.queued_at, delivered.delivered_at);
                        }
                    }
                    observe(*port, direction, &fate);
                    has_moved = true;
                }
            }
        }
        Ok(has_moved)
    }

    /// When [`Self::turn`] should be called next, and what for, if nothing is sent before.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let links = self.connections.values().flat_map(|connection| &connection.links);
        links.filter_map(Link::poll_timeout).min_by_key(|(at, _)| *at)
    }

    /// The client's and the server's device, to wait for.
    pub const fn devices(&self) -> &[Tun; 2] {
        &self.devices
    }

    /// The links of the connection from the client's `port`, up and down.
    pub fn links(&self, port: u16) -> Option<&[Link<Bytes>; 2]> {
        self.connections.get(&port).map(|connection| &connection.links)
    }

    /// The same, to change them.
    pub fn links_mut(&mut self, port: u16) -> Option<&mut [Link<Bytes>; 2]> {
        self.connections.get_mut(&port).map(|connection| &mut connection.links)
    }

    /// Writes down in `crossing` how the connection from the client's `port` comes out of a tunnel.
    pub(crate) fn follow_tunnel(&mut self, port: u16, crossing: SeenCrossing) {
        if let Some(connection) = self.connections.get_mut(&port) {
            connection.data.follow(crossing);
        }
    }

    fn forget_closed(&mut self, now: Time) {
        self.connections.retain(|_, connection| {
            connection.closed_at.is_none_or(|closed_at| now.since(closed_at) < Self::LINGER)
        });
        let closed = |(port, known): (&u16, &Connection)| Some((known.closed_at?, *port));
        let mut lingering: Vec<(Time, u16)> = self.connections.iter().filter_map(closed).collect();
        lingering.sort_unstable();
        for (_, port) in lingering.iter().rev().skip(Self::MAX_LINGERING) {
            self.connections.remove(port);
        }
    }

    /// Hands what a device has to the links of its connection.
    fn take_packets(&mut self, direction: Direction, now: Time) -> io::Result<bool> {
        let [client, server] = &self.devices;
        let from = if direction == Direction::Up { client } else { server };
        let mut has_moved = false;
        while let Some(packet) = from.receive(&mut self.buffer)? {
            has_moved = true;
            // A device speaks of its neighbours on its own too, which no connection sent.
            let known = client_port(packet, direction).and_then(|port| self.connections.get_mut(&port));
            if let Some(connection) = known {
                let size = ByteCount::new(packet.len() as u64);
                let link = &mut connection.links[direction as usize];
                link.handle_packet(Bytes::copy_from_slice(packet), size, now);
            }
        }
        Ok(has_moved)
    }
}

/// Which client's connection a packet belongs to: its port, if this is TCP over IPv4.
fn client_port(packet: &[u8], direction: Direction) -> Option<u16> {
    const TCP: u8 = 6;
    let first = *packet.first()?;
    if first >> 4 != 4 || *packet.get(9)? != TCP {
        return None;
    }
    let ports = packet.get(usize::from(first & 0x0f) * 4..)?.first_chunk::<4>()?;
    let [source_high, source_low, target_high, target_low] = *ports;
    Some(match direction {
        Direction::Up => u16::from_be_bytes([source_high, source_low]),
        Direction::Down => u16::from_be_bytes([target_high, target_low]),
    })
}

/// Whether a packet of TCP over IPv4 carries data.
fn has_data(packet: &[u8]) -> bool {
    let header = |at: usize| packet.get(at).copied().unwrap_or_default();
    let ip_bytes = usize::from(header(0) & 0x0f) * 4;
    let tcp_bytes = usize::from(header(ip_bytes + 12) >> 4) * 4;
    packet.len() > ip_bytes + tcp_bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet from port 0x1234 to port 0x5678.
    fn packet(protocol: u8) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x45;
        packet[9] = protocol;
        packet[20..24].copy_from_slice(&[0x12, 0x34, 0x56, 0x78]);
        packet
    }

    #[test]
    fn a_packet_belongs_to_the_clients_port() {
        assert_eq!(client_port(&packet(6), Direction::Up), Some(0x1234));
        assert_eq!(client_port(&packet(6), Direction::Down), Some(0x5678));
    }

    #[test]
    fn data_is_what_comes_behind_the_headers() {
        let mut bare = packet(6);
        bare[32] = 5 << 4;
        assert!(!has_data(&bare));
        bare.push(0);
        assert!(has_data(&bare));
    }

    #[test]
    fn what_is_not_tcp_over_ipv4_is_nobodys() {
        assert_eq!(client_port(&packet(17), Direction::Up), None);
        assert_eq!(client_port(&packet(6)[..22], Direction::Up), None);
        assert_eq!(client_port(&[0x60; 60], Direction::Up), None);
        assert_eq!(client_port(&[], Direction::Up), None);
    }
}
