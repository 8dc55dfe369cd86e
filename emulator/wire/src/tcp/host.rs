//! All TCP of both hosts.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::task::Waker;

use sluice_shared::time::Time;
use sluice_tcp::{Config, Endpoint, Flags, Segment};

use super::backlog::Backlog;
use super::end::{End, EndId, Holder};
use crate::net::{CLIENT_IP, Cargo, FIRST_CLIENT_PORT, Turn, server_addr};

/// Ports of the client.
const CLIENT_PORTS: u16 = u16::MAX - FIRST_CLIENT_PORT;

/// The ends of every connection, by what their segments say.
#[derive(Debug, Default)]
pub(crate) struct Tcp {
    config: Config,
    ends: BTreeMap<EndId, End>,
    /// By local address and peer.
    by_addresses: BTreeMap<(SocketAddr, SocketAddr), EndId>,
    timetable: BTreeSet<(Time, EndId)>,
    backlogs: BTreeMap<u16, Backlog>,
    /// Segments of an earlier epoch are lost: see [`Self::end_all`].
    epoch: u64,
    next_end: u64,
    next_listener: u64,
    next_client_port: u16,
}

impl Tcp {
    pub(crate) const fn set_config(&mut self, config: Config) {
        self.config = config;
    }

    pub(crate) fn next_due(&self) -> Option<Time> {
        self.timetable.first().map(|(at, _)| *at)
    }

    /// Begins a connection from a free port of the client.
    pub(super) fn connect(&mut self, port: u16, turn: &mut Turn<'_>) -> io::Result<(EndId, SocketAddr)> {
        let peer = server_addr(port);
        let local = self.free_client_addr(peer)?;
        let endpoint = Endpoint::connect(self.config, seed_of(local, turn).wrapping_mul(2), turn.now);
        let id = self.insert(End::new(endpoint, local, peer, Holder::Application));
        self.settle(id, turn);
        Ok((id, local))
    }

    /// A segment came through; says whether its host took it.
    pub(crate) fn handle_segment(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        segment: &Segment,
        epoch: u64,
        turn: &mut Turn<'_>,
    ) -> bool {
        if epoch != self.epoch {
            return false;
        }
        match self.by_addresses.get(&(to, from)) {
            Some(&id) => {
                self.with_end(id, turn, |end, now| end.endpoint.handle_segment(segment, now));
            }
            None => self.handle_stranger(from, to, segment, turn),
        }
        true
    }

    /// Does what is due.
    pub(crate) fn handle_due(&mut self, turn: &mut Turn<'_>) {
        let due = self.timetable.iter().take_while(|(at, _)| *at <= turn.now);
        let due: Vec<EndId> = due.map(|(_, id)| *id).collect();
        for id in due {
            self.with_end(id, turn, End::handle_due);
        }
    }

    /// Does something with an end, and everything that follows from it; `None` for one that is not known.
    pub(super) fn with_end<R>(
        &mut self,
        id: EndId,
        turn: &mut Turn<'_>,
        act: impl FnOnce(&mut End, Time) -> R,
    ) -> Option<R> {
        let result = act(self.ends.get_mut(&id)?, turn.now);
        self.settle(id, turn);
        Some(result)
    }

    /// An end for those who only look.
    pub(super) fn end(&self, id: EndId) -> Option<&End> {
        self.ends.get(&id)
    }

    /// Gives a port of the server to a new listener, and says who that is.
    pub(super) fn listen(&mut self, port: u16, turn: &mut Turn<'_>) -> u64 {
        let listener = self.next_listener;
        self.next_listener += 1;
        if let Some(earlier) = self.backlogs.insert(port, Backlog::new(listener)) {
            self.refuse(earlier, turn);
        }
        listener
    }

    /// The listener goes, and with it those whom it has not accepted.
    pub(super) fn unlisten(&mut self, port: u16, listener: u64, turn: &mut Turn<'_>) {
        if self.backlog(port, listener).is_some()
            && let Some(backlog) = self.backlogs.remove(&port)
        {
            self.refuse(backlog, turn);
        }
    }

    /// Takes the connection that waits longest at a port, with its client, or notes who wants one.
    pub(super) fn accept(&mut self, port: u16, listener: u64, waker: &Waker) -> Option<(EndId, SocketAddr)> {
        let id = self.backlog(port, listener)?.accept(waker)?;
        let end = self.ends.get_mut(&id)?;
        end.holder = Holder::Application;
        Some((id, end.peer))
    }

    /// Ends every connection at both ends, and loses every segment that is under way.
    pub(crate) fn end_all(&mut self, turn: &mut Turn<'_>) {
        self.epoch += 1;
        let ids: Vec<EndId> = self.ends.keys().copied().collect();
        for id in ids {
            self.with_end(id, turn, |end, now| {
                end.endpoint.abort(now);
                while end.endpoint.poll_segment().is_some() {}
            });
        }
    }

    /// A segment for which there is no end: it opens a connection where somebody listens, or is refused.
    fn handle_stranger(&mut self, from: SocketAddr, to: SocketAddr, segment: &Segment, turn: &mut Turn<'_>) {
        let is_opening = segment.flags.contains(Flags::SYN)
            && !segment.flags.contains(Flags::ACK)
            && !segment.flags.contains(Flags::RST);
        let backlog = self.backlogs.get_mut(&to.port()).filter(|_| to == server_addr(to.port()));
        if let Some(backlog) = backlog.filter(|_| is_opening) {
            if backlog.begin() {
                let seed = seed_of(from, turn).wrapping_mul(2).wrapping_add(1);
                let mut endpoint = Endpoint::listen(self.config, seed, turn.now);
                endpoint.handle_segment(segment, turn.now);
                let id = self.insert(End::new(endpoint, to, from, Holder::Handshake));
                self.settle(id, turn);
            }
            return;
        }
        // An end that is over answers for an address without one (RFC 9293 §3.10.7.1).
        let mut nobody = Endpoint::listen(self.config, 0, turn.now);
        nobody.abort(turn.now);
        nobody.handle_segment(segment, turn.now);
        while let Some(segment) = nobody.poll_segment() {
            turn.wires.send(to, from, Cargo::Tcp { segment, epoch: self.epoch }, turn.now);
        }
    }

    /// Sends what an end has, wakes those who wait for it, and keeps or forgets it.
    fn settle(&mut self, id: EndId, turn: &mut Turn<'_>) {
        let Some(end) = self.ends.get_mut(&id) else { return };
        if end.holder == Holder::Handshake {
            Self::hand_over(&mut self.backlogs, id, end, turn);
        }
        end.watch_abandoned(turn.now);
        while let Some(segment) = end.endpoint.poll_segment() {
            let cargo = Cargo::Tcp { segment, epoch: self.epoch };
            turn.wires.send(end.local, end.peer, cargo, turn.now);
        }
        turn.woken.extend(end.take_wakers().into_iter().flatten());
        let (is_over, due) = (end.is_over(), end.next_due());
        let earlier = std::mem::replace(&mut end.due, due);
        let addresses = (end.local, end.peer);
        if let Some(at) = earlier {
            self.timetable.remove(&(at, id));
        }
        if is_over {
            self.ends.remove(&id);
            self.by_addresses.remove(&addresses);
        } else if let Some(at) = due {
            self.timetable.insert((at, id));
        }
    }

    /// Gives an end whose handshake is over to its listener.
    fn hand_over(backlogs: &mut BTreeMap<u16, Backlog>, id: EndId, end: &mut End, turn: &mut Turn<'_>) {
        let backlog = backlogs.get_mut(&end.local.port());
        if end.endpoint.end_reason().is_some() {
            end.holder = Holder::Nobody;
            if let Some(backlog) = backlog {
                backlog.give_up();
            }
        } else if end.endpoint.is_established() {
            match backlog {
                Some(backlog) => {
                    end.holder = Holder::Backlog;
                    turn.woken.extend(backlog.establish(id));
                }
                None => {
                    end.endpoint.abort(turn.now);
                    end.holder = Holder::Nobody;
                }
            }
        }
    }

    /// Resets connections that nobody will ever accept.
    fn refuse(&mut self, backlog: Backlog, turn: &mut Turn<'_>) {
        for id in backlog.into_unaccepted() {
            self.with_end(id, turn, |end, now| {
                end.endpoint.abort(now);
                end.holder = Holder::Nobody;
            });
        }
    }

    fn backlog(&mut self, port: u16, listener: u64) -> Option<&mut Backlog> {
        self.backlogs.get_mut(&port).filter(|backlog| backlog.listener == listener)
    }

    fn insert(&mut self, end: End) -> EndId {
        let id = EndId(self.next_end);
        self.next_end += 1;
        self.by_addresses.insert((end.local, end.peer), id);
        self.ends.insert(id, end);
        id
    }

    /// An address of the client from which there is no connection to `peer`, nor the rest of one.
    fn free_client_addr(&mut self, peer: SocketAddr) -> io::Result<SocketAddr> {
        for _ in 0..=CLIENT_PORTS {
            let local = SocketAddr::from((CLIENT_IP, FIRST_CLIENT_PORT + self.next_client_port));
            self.next_client_port =
                if self.next_client_port == CLIENT_PORTS { 0 } else { self.next_client_port + 1 };
            if !self.by_addresses.contains_key(&(local, peer))
                && !self.by_addresses.contains_key(&(peer, local))
            {
                return Ok(local);
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "every port of the client has a connection there",
        ))
    }
}

/// Where the chances of the connection from a client's address come from.
fn seed_of(client: SocketAddr, turn: &Turn<'_>) -> u64 {
    turn.wires.seed().wrapping_add(u64::from(client.port().wrapping_sub(FIRST_CLIENT_PORT)))
}
