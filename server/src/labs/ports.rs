//! The ports that labs take turns in.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use sluice_shared::lab::{Congestion, CongestionPorts, LabPorts};

/// Connections that the system holds for a port until they are accepted.
const BACKLOG: i32 = 128;
/// Free ports that are tried before it is given up: a port must be free for TCP and for UDP.
const TRIES: usize = 64;

/// The ports of one lab at a time.
#[derive(Debug)]
pub(crate) struct Slot {
    cubic: Port,
    cubic_wide: Port,
    bbr: Port,
}

/// A port that listens for TCP and UDP.
#[derive(Debug)]
struct Port {
    number: u16,
    tcp: TcpListener,
    udp: UdpSocket,
}

/// No ports can be had for labs.
#[derive(Debug, thiserror::Error)]
#[error("no ports for labs can be bound at {ip} ({source})")]
pub(crate) struct BindError {
    ip: IpAddr,
    source: io::Error,
}

/// Binds the ports of `count` labs at `ip`: those from `first` on, if they are free, and others where they are not.
///
/// The same ports after a restart let pages go on whose content security policy names them.
///
/// # Errors
/// No port can be bound at all.
pub(crate) fn bind_slots(ip: IpAddr, first: Option<u16>, count: usize) -> Result<Vec<Slot>, BindError> {
    let mut wanted = first.map(|first| first..=u16::MAX);
    let mut next = || {
        let number = wanted.as_mut().and_then(Iterator::next).unwrap_or(0);
        Port::bind(ip, number).or_else(|_| Port::bind_any(ip)).map_err(|source| BindError { ip, source })
    };
    (0..count).map(|_| Ok(Slot { cubic: next()?, cubic_wide: next()?, bbr: next()? })).collect()
}

impl Slot {
    /// Its ports, as the API names them.
    pub(crate) fn ports(&self, has_quic: bool) -> LabPorts {
        let ports = CongestionPorts {
            cubic: self.cubic.number,
            cubic_wide: self.cubic_wide.number,
            bbr: self.bbr.number,
        };
        LabPorts { websocket: ports, webtransport: has_quic.then_some(ports) }
    }

    /// Its port numbers.
    pub(crate) fn numbers(&self) -> [u16; Congestion::ALL.len()] {
        Congestion::ALL.map(|congestion| self.port(congestion).number)
    }

    const fn port(&self, congestion: Congestion) -> &Port {
        match congestion {
            Congestion::Cubic => &self.cubic,
            Congestion::CubicWide => &self.cubic_wide,
            Congestion::Bbr => &self.bbr,
        }
    }

    /// Sockets of the port for `congestion`, rid of what came while no lab was there to take it.
    ///
    /// # Errors
    /// The system has no more descriptors.
    pub(crate) fn sockets(&self, congestion: Congestion) -> io::Result<(TcpListener, UdpSocket)> {
        let port = self.port(congestion);
        let (tcp, udp) = (port.tcp.try_clone()?, port.udp.try_clone()?);
        // Bounded: what comes meanwhile is for the new lab.
        for _ in 0..BACKLOG {
            if tcp.accept().is_err() {
                break;
            }
        }
        for _ in 0..4_096 {
            if udp.recv_from(&mut [0; 1]).is_err() {
                break;
            }
        }
        Ok((tcp, udp))
    }
}

impl Port {
    fn bind(ip: IpAddr, number: u16) -> io::Result<Self> {
        let udp = UdpSocket::bind(SocketAddr::new(ip, number))?;
        let number = udp.local_addr()?.port();
        let address = SocketAddr::new(ip, number);
        let tcp = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        // A lab that ended a moment ago leaves connections in TIME-WAIT, which would keep a restarted server out.
        #[cfg(unix)]
        tcp.set_reuse_address(true)?;
        tcp.bind(&address.into())?;
        tcp.listen(BACKLOG)?;
        let tcp = TcpListener::from(tcp);
        tcp.set_nonblocking(true)?;
        udp.set_nonblocking(true)?;
        Ok(Self { number, tcp, udp })
    }

    /// A port that is free for both.
    fn bind_any(ip: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            match Self::bind(ip, 0) {
                Ok(port) => return Ok(port),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn each_slot_has_ports_of_its_own() {
        let slots = bind_slots(LOOPBACK, None, 3).expect("free ports");
        let mut numbers: Vec<u16> = slots.iter().flat_map(Slot::numbers).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 9);
    }

    #[test]
    fn a_port_that_is_taken_is_replaced() {
        let taken = TcpListener::bind((LOOPBACK, 0)).expect("a free port");
        let first = taken.local_addr().expect("bound").port();
        let slots = bind_slots(LOOPBACK, Some(first), 1).expect("another port");
        assert!(!slots[0].numbers().contains(&first));
    }

    #[test]
    fn what_came_before_the_lab_is_not_for_it() {
        let slots = bind_slots(LOOPBACK, None, 1).expect("free ports");
        let port = slots[0].numbers()[0];
        let stray = UdpSocket::bind((LOOPBACK, 0)).expect("a free port");
        stray.send_to(b"old", (LOOPBACK, port)).expect("sent");
        let _early = std::net::TcpStream::connect((LOOPBACK, port)).expect("the system accepts");
        let (tcp, udp) = slots[0].sockets(Congestion::Cubic).expect("descriptors");
        assert_eq!(tcp.accept().expect_err("nobody").kind(), io::ErrorKind::WouldBlock);
        assert_eq!(udp.recv_from(&mut [0; 8]).expect_err("nothing").kind(), io::ErrorKind::WouldBlock);
    }
}
