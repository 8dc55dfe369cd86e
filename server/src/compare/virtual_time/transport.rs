//! Both ends of one connection, without the network between them.

use sluice_balancer::ServerId;
use sluice_shared::link::Direction;
use sluice_shared::mode::Mode;
use sluice_shared::session::{ClientError, ClientSession};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::DecodeError;
use sluice_shared::wire::{ClientItem, Hop, PathSample, StreamInfo, TransportFacts};

use super::addresses::Change;
use super::attacks::Attack;
use crate::compare::spoofed::SpoofFigures;
use crate::session::Outlet;

/// A connection with both its ends. The server's session writes into its [`Outlet`].
///
/// The loop: hand in what arrived or is due; let both sessions read and write; drain [`Transport::poll_packet`]; wait.
pub(super) trait Transport: Outlet {
    /// What crosses the link.
    type Packet: Clone;

    /// The next packet to be sent.
    fn poll_packet(&mut self, now: Time) -> Option<Outgoing<Self::Packet>>;
    /// A packet has arrived at the other end.
    fn handle_packet(&mut self, direction: Direction, packet: Self::Packet, now: Time);
    /// When something is due.
    fn poll_timeout(&mut self) -> Option<Time>;
    /// Does what is due.
    fn handle_timeout(&mut self, now: Time);
    /// The client's address has changed.
    fn handle_new_address(&mut self, change: Change);
    /// Somebody copies the client's next packets; what comes from elsewhere belongs to no TCP connection.
    fn handle_attack(&mut self, _attack: Attack) {}

    /// The server reads: the client's next item.
    fn poll_item(&mut self, now: Time) -> Option<Result<ClientItem, DecodeError>>;
    /// Settles how the server's data is carried.
    fn open_lanes(&mut self, mode: Mode, streams: &[StreamInfo]);
    /// Sends what the server's session has written, as far as there is room.
    fn flush(&mut self, now: Time);
    /// What waits below the server's session, and what the path looks like.
    fn sample(&mut self, now: Time) -> (Hop, PathSample);
    /// What the server says of the connection.
    fn facts(&self) -> TransportFacts;

    /// Whether the client may send items.
    fn is_open(&self) -> bool;
    /// The client sends whole items.
    fn send(&mut self, items: &[u8], now: Time);
    /// The client reads all that has arrived.
    fn deliver(&mut self, session: &mut ClientSession, now: Time) -> Result<(), ClientError>;

    /// Whether either end has given the connection up.
    fn is_over(&self) -> bool;
    /// Packets that had to be sent again, so far.
    fn resent(&self) -> Resent;
    /// The backend that has the connection; `None` without a balancer.
    fn backend(&self) -> Option<ServerId>;
    /// What has become of the client's packets and paths, so far.
    fn figures(&self) -> PathFigures;
    /// What came of attacks, so far; `None` where there can be none.
    fn spoof_figures(&self) -> Option<SpoofFigures> {
        None
    }
}

/// A packet that leaves.
#[derive(Clone, Debug)]
pub(super) struct Outgoing<P> {
    /// Which way.
    pub(super) direction: Direction,
    /// The packet.
    pub(super) packet: P,
    /// Its bytes as an IP packet.
    pub(super) bytes: usize,
}

/// Packets sent again (TCP) or declared lost (QUIC), by who had sent them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Resent {
    /// The client.
    pub(super) up: u64,
    /// The server.
    pub(super) down: u64,
}

impl Resent {
    /// Both together, connection by connection.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self { up: self.up + other.up, down: self.down + other.down }
    }
}

/// What became of a QUIC client's packets and paths; nothing of it concerns TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PathFigures {
    /// Addresses that packets of an open connection have come from, beside its first.
    pub(super) addresses: u64,
    /// Those of them whose first packet reached a backend that does not have the connection.
    pub(super) misrouted_addresses: u64,
    /// Packets that reached such a backend.
    pub(super) misrouted_packets: u64,
    /// Stateless resets that backends have sent.
    pub(super) stateless_resets: u64,
    /// Stateless resets that the client has believed.
    pub(super) believed_resets: u64,
    /// How often the server has followed its client to another address.
    pub(super) path_changes: u64,
    /// How often it began with another congestion window there.
    pub(super) window_resets: u64,
    /// PATH_CHALLENGE frames that the server has sent.
    pub(super) path_challenges: u64,
    /// PATH_RESPONSE frames that it has received.
    pub(super) path_responses: u64,
}

impl PathFigures {
    /// Both together, connection by connection.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            addresses: self.addresses + other.addresses,
            misrouted_addresses: self.misrouted_addresses + other.misrouted_addresses,
            misrouted_packets: self.misrouted_packets + other.misrouted_packets,
            stateless_resets: self.stateless_resets + other.stateless_resets,
            believed_resets: self.believed_resets + other.believed_resets,
            path_changes: self.path_changes + other.path_changes,
            window_resets: self.window_resets + other.window_resets,
            path_challenges: self.path_challenges + other.path_challenges,
            path_responses: self.path_responses + other.path_responses,
        }
    }
}
