//! What a network's user holds.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sluice_shared::link::{Direction, NetworkProfile};
use sluice_tcp::Config;

use super::address;
use super::core::NetCore;
use super::sights::Sight;
use super::wires::Cargo;
use crate::stage::StageHandle;
use crate::tcp::{TcpListener, TcpStream};
use crate::udp::{MAX_DATAGRAM_BYTES, UdpSocket};

/// A client and a server with one link each way between them, which all their connections share.
///
/// It lives as long as somebody holds it or one of its streams, listeners and sockets, and moves while its stage runs.
/// Addresses stay through planned outages, whatever [`NetworkProfile::renews_address`] says: see
/// [`UdpSocket::rebind`] and [`Self::end_tcp`].
#[derive(Clone)]
pub struct Net {
    core: Arc<NetCore>,
}

impl Net {
    /// A network at rest; all its chances follow from `seed`.
    pub fn new(stage: &StageHandle, profile: &NetworkProfile, seed: u64) -> Self {
        Self { core: NetCore::new(stage, profile, seed) }
    }

    /// The address of a port of the server.
    pub const fn server_addr(port: u16) -> SocketAddr {
        address::server_addr(port)
    }

    /// Waits at a port of the server for TCP connections. Whoever listened there before gets no more of them.
    pub fn listen(&self, port: u16) -> TcpListener {
        TcpListener::new(Arc::clone(&self.core), port)
    }

    /// Connects the client to a port of the server; done when the client's end is established, after one round trip.
    ///
    /// # Errors
    /// Refused when nobody listens there, timed out when every SYN stays unanswered ([`Config::max_syn_retransmissions`]),
    /// and when the client has no port left.
    pub async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        TcpStream::connect(Arc::clone(&self.core), port).await
    }

    /// Sets what both ends of TCP connections are made with from now on.
    pub fn set_tcp_config(&self, config: Config) {
        self.core.with_tcp(|tcp, _| tcp.set_config(config));
    }

    /// A UDP socket at a port of the server. Whoever had the port before gets nothing more.
    pub fn bind_server(&self, port: u16) -> Arc<UdpSocket> {
        Arc::new(UdpSocket::bind(Arc::clone(&self.core), Some(port)))
    }

    /// A UDP socket of the client, at a port that no other has.
    pub fn bind_client(&self) -> Arc<UdpSocket> {
        Arc::new(UdpSocket::bind(Arc::clone(&self.core), None))
    }

    /// Drops everything that is sent within `duration` from now, both ways; what is under way goes on.
    pub fn start_outage(&self, duration: Duration) {
        self.core.with_wires(|wires, now| wires.start_outage(duration, now));
    }

    /// Drops every UDP datagram that is sent while `is_blocked`.
    pub fn block_udp(&self, is_blocked: bool) {
        self.core.with_wires(|wires, _| wires.block_udp(is_blocked));
    }

    /// Changes the network under the packets; nothing that is under way is lost.
    pub fn set_profile(&self, profile: &NetworkProfile) {
        self.core.with_wires(|wires, now| wires.set_profile(profile, now));
    }

    /// Sends a datagram on a link as somebody on the way could: with any addresses. What is beyond
    /// [`MAX_DATAGRAM_BYTES`] is cut off.
    pub fn inject(&self, direction: Direction, from: SocketAddr, to: SocketAddr, payload: Bytes) {
        let payload = payload.slice(..payload.len().min(MAX_DATAGRAM_BYTES));
        let cargo = Cargo::Udp { payload, ecn: None };
        self.core.with_wires(|wires, now| wires.send_on(direction, from, to, cargo, now));
    }

    /// Breaks every TCP connection at both ends without a word on the wire, as when an interface goes; segments under
    /// way are lost.
    pub fn end_tcp(&self) {
        self.core.with_tcp(|tcp, turn| tcp.end_all(turn));
    }

    /// Every packet so far in the order in which they were sent: the first 200,000 or 64 MiB.
    pub fn sights(&self) -> Vec<Sight> {
        self.core.with_wires(|wires, _| wires.sights().kept().to_vec())
    }

    /// Packets that were sent when [`Self::sights`] were full already.
    pub fn missed_sights(&self) -> u64 {
        self.core.with_wires(|wires, _| wires.sights().missed())
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}
