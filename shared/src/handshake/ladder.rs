//! A run's packets, ready to be drawn.

use serde::{Deserialize, Serialize};

use super::probe::{Probe, Stack};
use crate::link::Direction;

/// The packets of one run in the order in which they were sent, at times since the client's first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// What was probed.
    pub probe: Probe,
    /// What carried it.
    pub stack: Stack,
    /// Every packet.
    pub rungs: Vec<Rung>,
    /// Moments that are no packet: secure, first byte, and where the server had to wait.
    pub marks: Vec<LadderMark>,
    /// When the last packet arrived or was lost, µs.
    pub end_micros: u64,
}

/// One packet: a TCP segment, or a UDP datagram with one QUIC packet or more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// From the client (up), or from the server.
    pub direction: Direction,
    /// When it left, µs.
    pub sent_micros: u64,
    /// When it arrived, µs; `None` when it never did.
    pub arrived_micros: Option<u64>,
    /// When it was dropped, µs, and why, in a few words.
    pub drop: Option<(u64, String)>,
    /// Its bytes with all headers from IP on.
    pub bytes: u32,
    /// What is most worth knowing of it, which decides how it is drawn.
    pub kind: RungKind,
    /// A few words, such as "SYN" or "ClientHello".
    pub label: String,
    /// What is inside, from the outside in.
    pub parts: Vec<RungPart>,
    /// Round trips that its sender had waited for, counted from the packets.
    pub round_trips: u32,
}

/// What a rung is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RungKind {
    /// The transport's own: SYN, ACK, FIN, RST; of QUIC acknowledgments and flow control.
    Transport,
    /// TLS handshake messages.
    Handshake,
    /// Early data.
    Early,
    /// Application data.
    Data,
    /// What no key opens, or is not understood.
    Opaque,
}

/// One layer's piece of a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungPart {
    /// Whose words it is in.
    pub layer: Layer,
    /// Its name: "SYN, ACK", "Initial", "CRYPTO", "ClientHello", "HEADERS".
    pub name: String,
    /// Figures and names behind it; may be empty.
    pub detail: String,
}

/// Whose words a part is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// A TCP segment.
    Tcp,
    /// A TLS record.
    Record,
    /// A QUIC packet.
    Packet,
    /// A QUIC frame.
    Frame,
    /// A TLS handshake message.
    Tls,
    /// HTTP/2, HTTP/3 or WebSocket.
    Http,
}

/// A moment of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderMark {
    /// When, µs.
    pub at_micros: u64,
    /// At the client, or at the server.
    pub is_at_client: bool,
    /// In a few words, such as "secure".
    pub text: String,
}
