//! What a lab's network does, several times a second.

use serde::{Deserialize, Serialize};

use super::migration::{BalancerReport, NewAddress, SwitchReport};
use super::request::Congestion;
use super::spoof::SpoofReport;
use super::tunnel::TunnelReport;
use crate::mode::Transport;
use crate::time::Time;

/// The state of a lab's network at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabReport {
    /// The server's clock.
    pub at: Time,
    /// Whether an outage keeps everything out right now.
    pub is_out: bool,
    /// Whether UDP is blocked.
    pub is_udp_blocked: bool,
    /// The share of one core that the whole emulator (all labs) takes, over the last second.
    pub relay_load: f32,
    /// The connections that are open, in the order in which they came.
    pub flows: Vec<FlowReport>,
    /// The last changes of the clients' networks, the oldest first.
    #[serde(default)]
    pub switches: Vec<SwitchReport>,
    /// The last times that somebody copied the clients' packets, the oldest first.
    #[serde(default)]
    pub spoofs: Vec<SpoofReport>,
    /// The last tunnels, the oldest first.
    #[serde(default)]
    pub tunnels: Vec<TunnelReport>,
    /// What stands in front of the backends, if something does.
    #[serde(default)]
    pub balancer: Option<BalancerReport>,
    /// Whether connections that begin now reach a server that does not let them migrate.
    #[serde(default)]
    pub is_migration_off: bool,
}

impl LabReport {
    /// From this load on the emulator's own delay may show, and the page warns.
    pub const HIGH_LOAD: f32 = 0.7;
}

/// The part of a [`LabReport`] that describes the network and its flows as they are now.
///
/// It is decoded from the same JSON by a reader that needs of past changes no more than when they were.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct NetworkReport {
    /// The server's clock.
    pub at: Time,
    /// Whether an outage keeps everything out right now.
    pub is_out: bool,
    /// Whether UDP is blocked.
    pub is_udp_blocked: bool,
    /// The share of one core that the whole emulator (all labs) takes, over the last second.
    pub relay_load: f32,
    /// The connections that are open, in the order in which they came.
    pub flows: Vec<FlowReport>,
    /// The last changes of the clients' address, oldest first.
    #[serde(default)]
    pub switches: Vec<AddressChange>,
    /// The last outages that were asked for, oldest first.
    #[serde(default)]
    pub tunnels: Vec<OutageTime>,
}

/// When the clients' address changed: a part of a [`SwitchReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct AddressChange {
    /// Its number in the lab, from 0.
    pub number: u64,
    /// When it happened, on the server's clock.
    pub at: Time,
    /// The part of the address that is another one.
    pub address: NewAddress,
}

/// When an outage was: a part of a [`TunnelReport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct OutageTime {
    /// When it began, on the server's clock.
    pub from: Time,
    /// When it ends or ended.
    pub until: Time,
}

/// One connection through the lab's network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowReport {
    /// Its number in the lab, from 0 in the order in which they came.
    pub flow: u64,
    /// The `lane` that its URL named, once it has; the newest flow of a lane is the one in use.
    pub lane: Option<u16>,
    /// What it carries.
    pub transport: Transport,
    /// The congestion controller of the port that it came by.
    pub congestion: Congestion,
    /// From the client to the server.
    pub up: LinkReport,
    /// From the server to the client.
    pub down: LinkReport,
    /// The server's end of the emulated TCP connection; `None` for UDP.
    pub tcp: Option<TcpReport>,
    /// Why what the server wrote was late; `None` where it can't be told.
    pub lateness: Option<Lateness>,
    /// What the server's QUIC packets are made of; `None` where they cannot be opened.
    pub quic: Option<QuicBytes>,
}

/// What the QUIC packets that the server sends after the handshake are made of, in total, repeated ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuicBytes {
    /// Packets that were opened.
    pub packets: u64,
    /// STREAM and DATAGRAM frames.
    pub data_frames: u64,
    /// Bytes in them.
    pub payload_bytes: u64,
    /// Bytes of their headers: type, stream, offset, length.
    pub frame_header_bytes: u64,
    /// Bytes of all other frames: acknowledgments, windows, padding.
    pub other_frame_bytes: u64,
    /// Bytes of packets around their frames: short header with the connection ID, and the seal of 16 bytes.
    pub packet_bytes: u64,
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Waiting for the bottleneck.
    pub queue: HopReport,
    /// Being serialised or on the wire.
    pub wire: HopReport,
    /// Packets handed in, in total.
    pub offered_packets: u64,
    /// Packets delivered, in total.
    pub delivered_packets: u64,
    /// Bytes delivered, IP headers included, in total.
    pub delivered_bytes: u64,
    /// Packets that got past the loss stage, in total; the realised loss is `lost / (lost + passed)`.
    pub passed_packets: u64,
    /// Packets lost by chance or in bad spells, in total.
    pub lost_packets: u64,
    /// Packets dropped because the queue was full, in total.
    pub queue_drops: u64,
    /// Packets dropped by outages, blocks and overload, in total.
    pub outage_drops: u64,
}

/// What one hop of the link holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopReport {
    /// Packets.
    pub packets: u64,
    /// Bytes, IP headers included.
    pub bytes: u64,
    /// For how long the oldest has been there, microseconds; 0 when the hop is empty.
    pub oldest_micros: u64,
}

/// The server's end of an emulated TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpReport {
    /// The congestion window, packets.
    pub cwnd_packets: u64,
    /// Packets in flight.
    pub in_flight_packets: u64,
    /// Smoothed round trip, microseconds; 0 before the first sample.
    pub rtt_micros: u64,
    /// The retransmission timeout, microseconds.
    pub rto_micros: u64,
    /// Bytes written and never sent.
    pub unsent_bytes: u64,
    /// Bytes sent and not acknowledged.
    pub unacknowledged_bytes: u64,
    /// Bytes that the client's receive window lets in.
    pub peer_window_bytes: u64,
    /// Bytes that arrived at the client behind a hole: blocked by a lost packet.
    pub blocked_bytes: u64,
    /// Bytes that arrived in order and that the client's side has not read.
    pub unread_bytes: u64,
    /// Packets sent again, in total.
    pub retransmitted_packets: u64,
    /// What keeps new data from leaving.
    pub waits_for: TcpWait,
    /// Where loss recovery stands.
    pub phase: TcpPhase,
}

/// What keeps new data from leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpWait {
    /// All has been sent.
    Nothing,
    /// The congestion window (or pacing) is in the way.
    CongestionWindow,
    /// The peer's receive window is full.
    PeerWindow,
    /// The handshake is not over.
    Handshake,
}

/// Where loss recovery stands (`tcp_ca_state` of Linux).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpPhase {
    /// Nothing is missing.
    Open,
    /// Something may be missing.
    Disorder,
    /// Fast recovery.
    Recovery,
    /// After a timeout.
    Loss,
}

/// Why writes of the server were late, as sums over all writes that have arrived: where their time went.
///
/// The time of one write is from the moment it was accepted until its last byte could be read in order at the client's
/// end. It has four parts that add up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness {
    /// Writes that have arrived.
    pub writes: u64,
    /// Waited before their first transmission: congestion control, or the peer's window, microseconds.
    pub send_queue_micros: u64,
    /// Waited in the bottleneck's queue and were serialised, microseconds.
    pub bottleneck_micros: u64,
    /// Travelled, microseconds.
    pub propagation_micros: u64,
    /// Waited for a lost packet to be sent again: their own, or one before them, microseconds.
    pub blocked_micros: u64,
    /// The latest of the writes that arrived since the last report.
    pub worst: Option<LateWrite>,
}

/// One write, and where its time went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateWrite {
    /// When it was accepted, on the server's clock.
    pub written_at: Time,
    /// Before its first transmission, microseconds.
    pub send_queue_micros: u64,
    /// In the bottleneck, microseconds.
    pub bottleneck_micros: u64,
    /// On the wire, microseconds.
    pub propagation_micros: u64,
    /// Behind a lost packet, microseconds.
    pub blocked_micros: u64,
    /// The packet of the link that was lost and held it up the longest, if one did.
    pub lost_packet: Option<u64>,
}
