//! The servers behind a balancer, or the one without.

use std::mem;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use quinn_proto::{ConnectionId, ConnectionIdGenerator, InvalidCid};
use sluice_balancer::{Balancer, Cid, ConnectionIds, ServerId};

use super::peer::{Datagram, Peer};
use super::server_end::ServerEnd;
use super::settings::Setup;
use crate::compare::random::Draws;
use crate::compare::virtual_time::transport::PathFigures;

/// All that the packets of one client may reach.
#[derive(Debug)]
pub(super) struct Backends {
    balancer: Option<Balancer>,
    /// The backend that has the connection.
    home: Backend,
    others: Vec<Backend>,
    /// An address of the client that no packet has come from yet.
    awaited: Option<SocketAddr>,
    figures: PathFigures,
}

#[derive(Debug)]
struct Backend {
    id: ServerId,
    end: ServerEnd,
}

impl Backends {
    /// Servers that wait, as `setup` says; what they draw follows from `seed`.
    pub(super) fn new(setup: &Setup, seed: u64) -> Self {
        let backend =
            |number| Backend { id: ServerId(number), end: ServerEnd::new(setup.server(number, seed)) };
        let others = setup.balancer().map_or(0..0, |balancer| 1..balancer.backends);
        Self {
            balancer: setup
                .balancer()
                .map(|setup| Balancer::new((0..setup.backends).map(ServerId), setup.routing)),
            home: backend(0),
            others: others.map(backend).collect(),
            awaited: None,
            figures: PathFigures::default(),
        }
    }

    /// The server that has the connection, or the one that is to have it.
    pub(super) const fn home(&self) -> &ServerEnd {
        &self.home.end
    }

    /// The same, to change it.
    pub(super) const fn home_mut(&mut self) -> &mut ServerEnd {
        &mut self.home.end
    }

    /// Which of them has the connection; `None` without a balancer.
    pub(super) fn home_id(&self) -> Option<ServerId> {
        self.balancer.as_ref().map(|_| self.home.id)
    }

    /// All of them.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut ServerEnd> {
        std::iter::once(&mut self.home).chain(&mut self.others).map(|backend| &mut backend.end)
    }

    /// The client's next packets come from `address`. A change during the handshake is not counted: whether it ends at
    /// all depends on where its packets go.
    pub(super) fn await_address(&mut self, address: SocketAddr) {
        self.awaited = self.home.end.peer.is_connected().then_some(address);
    }

    /// A packet of the client has passed the network.
    pub(super) fn handle_packet(&mut self, packet: &Datagram, now: Instant) {
        let to = match &mut self.balancer {
            None => self.home.id,
            Some(balancer) => match balancer.route(packet.client, &packet.bytes).backend() {
                Some(to) => to,
                None => return,
            },
        };
        let is_stray = self.home.end.peer.is_connected() && to != self.home.id;
        self.figures.misrouted_packets += u64::from(is_stray);
        if self.awaited.take_if(|awaited| *awaited == packet.client).is_some() {
            self.figures.addresses += 1;
            self.figures.misrouted_addresses += u64::from(is_stray);
        }
        if to == self.home.id {
            let before = path(&self.home.end.peer);
            self.home.end.peer.handle_datagram(packet, packet.client, now);
            if let (Some((left, window)), Some((remote, renewed))) = (before, path(&self.home.end.peer))
                && left != remote
            {
                self.figures.path_changes += 1;
                self.figures.window_resets += u64::from(renewed != window);
            }
            self.home.end.advance();
        } else if let Some(other) = self.others.iter_mut().find(|other| other.id == to) {
            other.end.peer.handle_datagram(packet, packet.client, now);
            other.end.advance();
            // The client goes on with whoever's answer it got first.
            let home = &self.home.end.peer;
            let is_first = home.view().is_none() || (!home.is_connected() && other.end.peer.is_connected());
            if is_first && other.end.peer.view().is_some() {
                mem::swap(&mut self.home, other);
            }
        }
    }

    /// A copy of the client's packet, which goes where the original goes, has come from elsewhere.
    pub(super) fn handle_copy(&mut self, copy: &Datagram, now: Instant) {
        self.home.end.peer.handle_datagram(copy, copy.client, now);
        self.home.end.advance();
    }

    /// What has become of the client's packets and paths.
    pub(super) fn figures(&self) -> PathFigures {
        let frames = self.home.end.peer.view().map(|connection| connection.stats());
        let resets = self.others.iter().map(|other| other.end.peer.stateless_resets()).sum::<u64>();
        PathFigures {
            stateless_resets: resets + self.home.end.peer.stateless_resets(),
            path_challenges: frames.map_or(0, |frames| frames.frame_tx.path_challenge),
            path_responses: frames.map_or(0, |frames| frames.frame_rx.path_response),
            ..self.figures
        }
    }
}

/// Where the connection sends to, and its congestion window in bytes.
fn path(peer: &Peer) -> Option<(SocketAddr, u64)> {
    peer.view().map(|connection| (connection.remote_address(), connection.congestion_state().window()))
}

/// Connection IDs that a balancer can read.
#[derive(Debug)]
pub(super) struct Generator {
    ids: ConnectionIds,
    draws: Draws,
}

impl Generator {
    /// The IDs of a backend; their nonces follow from `seed`.
    pub(super) const fn new(server: ServerId, seed: u64) -> Self {
        let ServerId(number) = server;
        Self { ids: ConnectionIds::new(server), draws: Draws::new(seed, 0x1_00 | number as u64) }
    }
}

impl ConnectionIdGenerator for Generator {
    fn generate_cid(&mut self) -> ConnectionId {
        ConnectionId::new(self.ids.make(self.draws.word()).as_bytes())
    }

    /// An ID of any backend will do: quinn answers such a packet with a stateless reset, and others not at all.
    fn validate(&self, cid: &ConnectionId) -> Result<(), InvalidCid> {
        Cid::parse(cid).map(|_| ()).ok_or(InvalidCid)
    }

    fn cid_len(&self) -> usize {
        Cid::BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}
