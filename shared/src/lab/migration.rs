//! Clients that change networks, what was seen of it, and a balancer in front of several backends.

use serde::{Deserialize, Serialize};

use crate::link::Direction;
use crate::mode::Transport;
use crate::scenario::Routing;
use crate::time::Time;

/// How the clients of a lab change networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switch {
    /// What of a client's address is another one.
    pub address: NewAddress,
    /// What becomes of its TCP connections.
    pub tcp: TcpFate,
}

/// What of a client's address is another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewAddress {
    /// The port alone, as when a NAT has forgotten its mapping: the server keeps what it knows of the path.
    #[default]
    Port,
    /// The host too, as when the network is another: the server begins anew with round trip and congestion window.
    Host,
}

impl NewAddress {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Port, Self::Host];

    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Host => "host",
        }
    }
}

/// What becomes of the TCP connections of a client that changes networks: they belong to the old address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TcpFate {
    /// Both ends are told at once, as when an interface goes.
    #[default]
    Told,
    /// Nothing passes any more, and nobody is told: both ends have to give up by themselves.
    Silent,
}

impl TcpFate {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Told, Self::Silent];

    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Silent => "silent",
        }
    }
}

/// One change of networks, and what was seen of it. All times are those of the server's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchReport {
    /// Its number in the lab, from 0.
    pub number: u64,
    /// When it happened.
    pub at: Time,
    /// What of the address is another one.
    pub address: NewAddress,
    /// What became of TCP connections.
    pub tcp: TcpFate,
    /// Why it was not done as asked, if it was not: another host cannot be had everywhere, and then the port alone
    /// changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The connections that were there, [`SwitchReport::MAX_PATHS`] at most.
    pub paths: Vec<PathChange>,
}

impl SwitchReport {
    /// Changes that a lab remembers.
    pub const KEPT: usize = 8;
    /// Connections of one change that are followed.
    pub const MAX_PATHS: usize = 16;
    /// Frames of one connection that are remembered after one change.
    pub const MAX_FRAMES: usize = 16;
}

/// What one connection did when its client changed networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathChange {
    /// The connection's number in the lab.
    pub flow: u64,
    /// Its lane, once its URL has named it.
    pub lane: Option<u16>,
    /// What it carries.
    pub transport: Transport,
    /// The client's address before, as the server saw it.
    pub old_address: String,
    /// The client's address after; of a TCP connection that of the one that took its place, once it is there.
    pub new_address: Option<String>,
    /// The last packets by the old path, from the client.
    #[serde(default)]
    pub old_up: PathEnds,
    /// The last packets by the old path, to the client.
    #[serde(default)]
    pub old_down: PathEnds,
    /// What only QUIC has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quic: Option<QuicPathChange>,
    /// What only TCP has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpPathChange>,
}

/// The first or the last packets of a path in one direction. Where packets were lost, the one that left and the one that
/// arrived are not the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathEnds {
    /// When it entered the network at its sender's end.
    pub sent_at: Option<Time>,
    /// When it left the network at its receiver's end.
    pub arrived_at: Option<Time>,
}

/// How a QUIC connection went on by another path (RFC 9000 §9).
///
/// Frames and connection IDs are known where packets can be opened: in labs of this server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuicPathChange {
    /// The first packets by the new path, from the client.
    pub new_up: PathEnds,
    /// The first packets by the new path, to the client.
    pub new_down: PathEnds,
    /// From the last packet that reached the client by the old path to the first with data of a stream or a datagram by
    /// the new one, microseconds; to the first of any kind where packets cannot be opened.
    pub gap_micros: Option<u64>,
    /// Packets to the old address that nobody got: those that were under way at the change, and what the server sent
    /// there after it.
    pub lost_packets: u64,
    /// When it sent the last of them.
    pub lost_until: Option<Time>,
    /// PATH_CHALLENGE and PATH_RESPONSE frames, in the order in which they were sent.
    pub frames: Vec<PathFrame>,
    /// Frames beyond those that are remembered.
    #[serde(default)]
    pub more_frames: u64,
    /// How many of these frames the server's own QUIC has counted since the change: the network counts what passes it,
    /// the endpoint what it sends and takes. Of a connection that has ended it is what was known last, and a backend's
    /// process tells ten times a second; `None` where nobody could be asked at the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<PathFrameCounts>,
    /// The connection IDs in the client's packets: the server chose them.
    pub client_sends_to: IdChange,
    /// The connection IDs in the server's packets: the client chose them.
    pub server_sends_to: IdChange,
    /// Frames about connection IDs that the client has sent since the change.
    pub ids_by_client: IdFrames,
    /// Frames about connection IDs that the server has sent since the change.
    pub ids_by_server: IdFrames,
    /// What the server knew of the path just before the change.
    pub before: Option<PathState>,
    /// What it knew when it sent the first packet by the new path.
    pub after: Option<PathState>,
}

/// A PATH_CHALLENGE or PATH_RESPONSE frame (RFC 9000 §19.17, §19.18).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathFrame {
    /// Which of the two.
    pub kind: PathFrameKind,
    /// Which way it went.
    pub direction: Direction,
    /// Whether it was sent to an address where nobody gets it: the old one, or an attacker's ([`super::SpoofPath`]).
    pub is_to_old_address: bool,
    /// When it entered the network.
    pub sent_at: Time,
    /// When it left the network; `None` when it was lost, or is under way.
    pub arrived_at: Option<Time>,
    /// Its eight bytes, in hexadecimal digits.
    pub data: String,
}

/// Frames that validate a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathFrameKind {
    /// PATH_CHALLENGE
    Challenge,
    /// PATH_RESPONSE
    Response,
}

/// PATH_CHALLENGE and PATH_RESPONSE frames by the count of one end of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathFrameCounts {
    /// PATH_CHALLENGE frames that it has sent.
    pub challenges_sent: u64,
    /// PATH_CHALLENGE frames that have reached it.
    pub challenges_received: u64,
    /// PATH_RESPONSE frames that it has sent.
    pub responses_sent: u64,
    /// PATH_RESPONSE frames that have reached it.
    pub responses_received: u64,
}

impl PathFrameCounts {
    /// What has been counted since `earlier`.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            challenges_sent: self.challenges_sent.saturating_sub(earlier.challenges_sent),
            challenges_received: self.challenges_received.saturating_sub(earlier.challenges_received),
            responses_sent: self.responses_sent.saturating_sub(earlier.responses_sent),
            responses_received: self.responses_received.saturating_sub(earlier.responses_received),
        }
    }
}

/// The destination connection ID of packets in one direction, in hexadecimal digits; empty where it has no bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdChange {
    /// Of the last packet before the change.
    pub before: Option<String>,
    /// Of the first packet by the new path.
    pub after: Option<String>,
}

/// Frames about connection IDs in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdFrames {
    /// NEW_CONNECTION_ID frames.
    pub announced: u64,
    /// RETIRE_CONNECTION_ID frames.
    pub retired: u64,
}

/// What a QUIC server knows of the path to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathState {
    /// The congestion window, bytes.
    pub cwnd_bytes: u64,
    /// The smoothed round trip, microseconds.
    pub rtt_micros: u64,
}

/// How a TCP connection ended, and what took its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpPathChange {
    /// When both ends were told, or when nothing passed any more.
    pub cut_at: Time,
    /// The next connection of the same lane, once there is one.
    pub next: Option<NextConnection>,
}

/// A connection that took the place of another, as the network saw it begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextConnection {
    /// Its number in the lab.
    pub flow: u64,
    /// When the client's first SYN entered the network; `None` where the kernel's TCP is used, whose segments are not
    /// looked at, as the two below.
    pub syn_at: Option<Time>,
    /// When the server's end was established.
    pub established_at: Option<Time>,
    /// When the first byte of the server's could be read at the client's end.
    pub first_byte_at: Option<Time>,
}

/// What stands in front of a lab's backends, and what it has done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BalancerReport {
    /// What QUIC's packets are routed by; TCP connections go by the hash of the address.
    pub routing: Routing,
    /// The backends, by their numbers from 0.
    pub backends: Vec<BackendReport>,
    /// The clients that were heard of last, newest first, [`BalancerReport::MAX_CLIENTS`] at most.
    pub clients: Vec<ClientRoute>,
}

impl BalancerReport {
    /// Clients of a report.
    pub const MAX_CLIENTS: usize = 64;
}

/// One backend of a lab, since the balancer was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendReport {
    /// What it is called.
    pub name: String,
    /// Whether its packets pass.
    pub is_up: bool,
    /// The process that it is, by the system's number; `None` where backends are no processes, or it has ended and is
    /// not back yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// QUIC datagrams that were led here.
    pub packets: u64,
    /// Those of them whose connection ID names another backend that is up: they cannot be understood here. Counted are
    /// packets with short headers, whose IDs the backends chose.
    pub misrouted_packets: u64,
    /// The same for packets whose connection ID names a backend that is not up.
    pub orphaned_packets: u64,
    /// Stateless resets (RFC 9000 §10.3) that it sent: packets with a short header to a client whose connection is not
    /// here.
    pub stateless_resets: u64,
}

/// Where a client's packets go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientRoute {
    /// Its address, as the balancer sees it.
    pub address: String,
    /// The number of the backend that its last packet went to.
    pub backend: u8,
    /// Its datagrams and new TCP connections since it is remembered.
    pub packets: u64,
    /// Its connection, while the address is in use.
    pub flow: Option<u64>,
    /// That connection's lane, once it is named.
    pub lane: Option<u16>,
}

/// What a lab's balancer is told to route by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabRouting {
    /// There is no balancer: everything goes to the first backend.
    Off,
    /// The hash of the client's address and port.
    Address,
    /// The backend's number in the connection ID.
    ConnectionId,
}

impl LabRouting {
    /// All.
    pub const ALL: [Self; 3] = [Self::Off, Self::Address, Self::ConnectionId];

    /// The name in events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Address => Routing::Address.name(),
            Self::ConnectionId => Routing::ConnectionId.name(),
        }
    }

    /// What a balancer routes by; `None` without one.
    pub const fn routing(self) -> Option<Routing> {
        match self {
            Self::Off => None,
            Self::Address => Some(Routing::Address),
            Self::ConnectionId => Some(Routing::ConnectionId),
        }
    }
}
