//! Who is who.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sluice_shared::link::Direction;

/// The server's host.
const SERVER_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The client's host, at first.
pub(crate) const CLIENT_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
/// The last address that the client takes.
const LAST_CLIENT_IP: Ipv4Addr = Ipv4Addr::new(10, 0, 255, 254);
/// The client's first port: where dynamic ports begin (RFC 6335 §6).
pub(crate) const FIRST_CLIENT_PORT: u16 = 49_152;

pub(crate) const fn server_addr(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(SERVER_IP), port)
}

/// Which link a packet takes that comes from `from`.
pub(crate) fn direction_from(from: SocketAddr) -> Direction {
    if from.ip() == IpAddr::V4(SERVER_IP) { Direction::Down } else { Direction::Up }
}

/// The address that the client has after `ip`, as one that moves to another network.
pub(crate) fn client_ip_after(ip: Ipv4Addr) -> Ipv4Addr {
    if ip >= LAST_CLIENT_IP { CLIENT_IP } else { Ipv4Addr::from(u32::from(ip) + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_never_takes_the_servers_address() {
        let mut ip = CLIENT_IP;
        for _ in 0..70_000 {
            ip = client_ip_after(ip);
            assert!(ip != SERVER_IP && CLIENT_IP <= ip && ip <= LAST_CLIENT_IP, "{ip}");
        }
    }

    #[test]
    fn only_the_servers_packets_go_down() {
        assert_eq!(direction_from(server_addr(443)), Direction::Down);
        assert_eq!(direction_from(SocketAddr::from((CLIENT_IP, 443))), Direction::Up);
    }
}
