//! A WebTransport connection over quinn's state machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::BytesMut;
use sluice_balancer::ServerId;
use sluice_shared::lab::Congestion;
use sluice_shared::link::Direction;
use sluice_shared::mode::Mode;
use sluice_shared::session::{Batch, ClientError, ClientSession};
use sluice_shared::time::Time;
use sluice_shared::wire::codec::DecodeError;
use sluice_shared::wire::{ClientItem, Hop, PathSample, StreamInfo, TransportFacts};

use super::attacker::Attacker;
use super::backends::Backends;
use super::client_end::ClientEnd;
use super::instants::Instants;
use super::lanes::Lanes;
use super::peer::{Datagram, Peer};
use super::settings::Setup;
use crate::compare::error::CompareError;
use crate::compare::spoofed::SpoofFigures;
use crate::compare::virtual_time::addresses::Change;
use crate::compare::virtual_time::attacks::Attack;
use crate::compare::virtual_time::transport::{Outgoing, PathFigures, Resent, Transport};
use crate::session::{Lane, Outlet};

/// Bytes of an IPv4 and a UDP header.
const HEADER_BYTES: usize = 28;
/// Where the server is; no packet ever goes there.
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4433);

/// Both ends.
#[derive(Debug)]
pub(in crate::compare::virtual_time) struct WebTransport {
    client: ClientEnd,
    servers: Backends,
    client_address: SocketAddr,
    attacker: Attacker,
    instants: Instants,
    congestion: Congestion,
}

impl WebTransport {
    /// A client at `client_address` that is about to connect.
    ///
    /// # Errors
    /// QUIC cannot be set up.
    pub(in crate::compare::virtual_time) fn connect(
        setup: &Setup,
        client_address: SocketAddr,
        seed: u64,
        now: Time,
    ) -> Result<Self, CompareError> {
        let instants = Instants::new(now);
        let (mut client, config) = setup.client(seed);
        let (handle, connection) = client
            .connect(instants.instant(now), config, SERVER, "localhost")
            .map_err(|error| CompareError::Quic(error.to_string()))?;
        Ok(Self {
            client: ClientEnd::new(Peer::connecting(client, handle, connection)),
            servers: Backends::new(setup, seed),
            client_address,
            attacker: Attacker::default(),
            instants,
            congestion: setup.congestion(),
        })
    }

    /// The attacker sees where the server sends to.
    fn look(&mut self, now: Time) {
        if let Some(connection) = self.servers.home().peer.view() {
            self.attacker.look(connection.remote_address(), now);
        }
    }
}

impl Outlet for WebTransport {
    fn control(&mut self) -> Option<&mut BytesMut> {
        self.servers.home_mut().control()
    }

    fn lanes(&self) -> usize {
        self.servers.home().lanes.as_ref().map_or(0, Lanes::count)
    }

    fn lane(&mut self, index: usize) -> Option<Lane<'_>> {
        self.servers.home_mut().lanes.as_mut()?.lane(index)
    }

    fn seal(&mut self, index: usize, batch: Batch) {
        if let Some(lanes) = &mut self.servers.home_mut().lanes {
            lanes.seal(index, batch);
        }
    }
}

impl Transport for WebTransport {
    type Packet = Datagram;

    fn poll_packet(&mut self, now: Time) -> Option<Outgoing<Datagram>> {
        let instant = self.instants.instant(now);
        let (direction, packet) = match self.client.peer.poll_transmit(instant) {
            Some(datagram) => (Direction::Up, Datagram { client: self.client_address, ..datagram }),
            None => loop {
                let mut servers = self.servers.all_mut();
                let packet = servers.find_map(|server| server.peer.poll_transmit(instant))?;
                if !self.attacker.takes(&packet) {
                    break (Direction::Down, packet);
                }
            },
        };
        Some(Outgoing { direction, bytes: packet.bytes.len() + HEADER_BYTES, packet })
    }

    fn handle_packet(&mut self, direction: Direction, packet: Datagram, now: Time) {
        let instant = self.instants.instant(now);
        match direction {
            Direction::Up => {
                let copy = self.attacker.copy(&packet);
                if let Some(copy) = &copy {
                    self.servers.handle_copy(copy, instant);
                    self.look(now);
                }
                if copy.is_none() || self.attacker.lets_pass() {
                    self.servers.handle_packet(&packet, instant);
                }
                self.look(now);
            }
            // What goes to an address that the client has left reaches nobody.
            Direction::Down if packet.client == self.client_address => {
                self.client.peer.handle_datagram(&packet, SERVER, instant);
                self.client.advance();
            }
            Direction::Down => {}
        }
    }

    fn poll_timeout(&mut self) -> Option<Time> {
        let servers = self.servers.all_mut().filter_map(|server| server.peer.poll_timeout()).min();
        let ends = [self.client.peer.poll_timeout(), servers];
        ends.into_iter().flatten().min().map(|due| self.instants.time(due))
    }

    fn handle_timeout(&mut self, now: Time) {
        let instant = self.instants.instant(now);
        self.client.peer.handle_timeout(instant);
        self.client.advance();
        for server in self.servers.all_mut() {
            server.peer.handle_timeout(instant);
            server.advance();
        }
        self.look(now);
    }

    /// A QUIC client goes on whether it is told or not: its server learns of it with its next packet.
    fn handle_new_address(&mut self, change: Change) {
        self.client_address = change.address;
        self.servers.await_address(change.address);
    }

    fn handle_attack(&mut self, attack: Attack) {
        self.attacker.begin(attack);
    }

    fn poll_item(&mut self, _now: Time) -> Option<Result<ClientItem, DecodeError>> {
        self.servers.home_mut().poll_item()
    }

    fn open_lanes(&mut self, mode: Mode, streams: &[StreamInfo]) {
        self.servers.home_mut().open_lanes(mode, streams);
    }

    fn flush(&mut self, _now: Time) {
        self.servers.home_mut().flush();
    }

    fn sample(&mut self, now: Time) -> (Hop, PathSample) {
        self.servers.home_mut().sample(now)
    }

    fn facts(&self) -> TransportFacts {
        let path = self.servers.home().peer.view().map(|connection| connection.stats().path);
        TransportFacts {
            congestion_control: Some(self.congestion.controller().to_owned()),
            initial_window: path.map(|path| path.cwnd),
            segment: path.map(|path| u32::from(path.current_mtu)),
            encrypted: true,
        }
    }

    fn is_open(&self) -> bool {
        self.client.is_open()
    }

    fn send(&mut self, items: &[u8], _now: Time) {
        self.client.send(items);
    }

    fn deliver(&mut self, session: &mut ClientSession, now: Time) -> Result<(), ClientError> {
        self.client.deliver(session, now)
    }

    fn is_over(&self) -> bool {
        let is_over = |peer: &Peer, is_broken: bool| is_broken || peer.is_over();
        let server = self.servers.home();
        is_over(&self.client.peer, self.client.is_broken) || is_over(&server.peer, server.is_broken)
    }

    fn resent(&self) -> Resent {
        let lost = |peer: &Peer| peer.view().map_or(0, |connection| connection.stats().path.lost_packets);
        Resent { up: lost(&self.client.peer), down: lost(&self.servers.home().peer) }
    }

    fn backend(&self) -> Option<ServerId> {
        self.servers.home_id()
    }

    fn figures(&self) -> PathFigures {
        let believed_resets = self.client.peer.is_reset().into();
        PathFigures { believed_resets, ..self.servers.figures() }
    }

    fn spoof_figures(&self) -> Option<SpoofFigures> {
        Some(self.attacker.figures())
    }
}

#[cfg(test)]
mod tests;
