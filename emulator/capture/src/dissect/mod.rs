//! One connection's packets in words.

mod assembly;
mod quic;
mod tcp;
mod tls;
mod told;

use sluice_shared::handshake::{RungKind, RungPart};
use sluice_shared::link::Direction;
use sluice_tcp::Segment;

use self::quic::QuicConnection;
use self::tcp::TcpConnection;
use crate::findings::Findings;
use crate::secrets::Secrets;

/// Reads the packets of one connection.
///
/// They come in the order in which they were sent, those of both directions and those that were lost too, when all
/// secrets are known: a packet is opened where it passes, and not again later. What was sent again is named as that.
#[derive(Debug)]
pub struct Dissector {
    tcp: TcpConnection,
    quic: QuicConnection,
}

/// What is in a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissected {
    /// What is most worth knowing of it.
    ///
    /// Early data goes before the handshake, that before other data, and data before the transport's own; TLS messages
    /// behind the handshake (tickets) count as handshake only where there is no data.
    pub kind: RungKind,
    /// A few words.
    pub label: String,
    /// What is inside, from the outside in.
    pub parts: Vec<RungPart>,
}

impl Dissector {
    /// Knows nothing of a connection but the secrets, which may belong to others too.
    pub fn new(secrets: Secrets) -> Self {
        Self { tcp: TcpConnection::new(secrets.clone()), quic: QuicConnection::new(secrets) }
    }

    /// Reads the next TCP segment.
    pub fn tcp(&mut self, direction: Direction, segment: &Segment) -> Dissected {
        let mut findings = Findings::new("early ");
        self.tcp.segment(direction, segment, &mut findings);
        Dissected::of(findings, segment.payload.len())
    }

    /// Reads the next UDP datagram.
    pub fn udp(&mut self, direction: Direction, datagram: &[u8]) -> Dissected {
        let mut findings = Findings::new("0-RTT ");
        self.quic.datagram(direction, datagram, &mut findings);
        Dissected::of(findings, datagram.len())
    }
}

impl Dissected {
    fn of(findings: Findings, bytes: usize) -> Self {
        Self { kind: findings.kind(), label: findings.label(bytes), parts: findings.into_parts() }
    }
}

/// One thing for each direction.
#[derive(Debug)]
struct Both<T> {
    up: T,
    down: T,
}

impl<T> Both<T> {
    const fn of(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}
