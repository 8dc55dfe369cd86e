//! The decision.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sluice_shared::scenario::Routing;

use crate::clients::{Client, Clients};
use crate::connection_id::{Cid, ServerId};
use crate::counters::Counters;
use crate::header::Header;
use crate::rendezvous::Key;

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To a backend.
    Forward {
        /// The backend.
        to: ServerId,
        /// Why to this one.
        why: Why,
    },
    /// Nowhere.
    Dropped(DropReason),
}

impl Verdict {
    /// The backend, if it goes to one.
    pub const fn backend(self) -> Option<ServerId> {
        match self {
            Self::Forward { to, .. } => Some(to),
            Self::Dropped(_) => None,
        }
    }
}

/// Why a packet goes where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The hash of the client's address.
    Address,
    /// The hash of the ID that the client had chosen for its first packets.
    ClientId,
    /// The ID names the backend.
    ServerId,
    /// The ID names a backend that is gone, so the hash of the address: whoever gets it can tell the client.
    UnknownServer,
    /// No backend made the ID, so the hash of the address.
    UnknownLayout,
}

/// Why a packet goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It cannot be a QUIC packet of a client.
    NotQuic,
    /// No backend is up.
    NoBackend,
}

/// Spreads clients over backends; see the crate's documentation for its rules.
#[derive(Clone, Debug)]
pub struct Balancer {
    routing: Routing,
    /// The backends, and whether they are up.
    backends: BTreeMap<ServerId, bool>,
    clients: Clients,
    counters: Counters,
}

impl Balancer {
    /// Most addresses in [`Balancer::clients`].
    pub const MOST_CLIENTS: usize = 1_024;

    /// A balancer in front of `backends`, all of which are up.
    pub fn new(backends: impl IntoIterator<Item = ServerId>, routing: Routing) -> Self {
        Self {
            routing,
            backends: backends.into_iter().map(|backend| (backend, true)).collect(),
            clients: Clients::new(Self::MOST_CLIENTS),
            counters: Counters::default(),
        }
    }

    /// What it routes by.
    pub const fn routing(&self) -> Routing {
        self.routing
    }

    /// Says where a datagram of the client at `from` goes.
    pub fn route(&mut self, from: SocketAddr, datagram: &[u8]) -> Verdict {
        let verdict = match Header::read(datagram) {
            None => Verdict::Dropped(DropReason::NotQuic),
            Some(header) => match self.routing {
                Routing::Address => self.by_hash(Key::of_address(from), Why::Address),
                Routing::ConnectionId => self.by_id(from, header),
            },
        };
        self.note(from, verdict)
    }

    /// Says where a new TCP connection of the client at `from` goes.
    pub fn route_tcp(&mut self, from: SocketAddr) -> Verdict {
        let verdict = self.by_hash(Key::of_address(from), Why::Address);
        self.note(from, verdict)
    }

    /// A backend is up, or is not; whether there is such a backend.
    pub fn set_up(&mut self, backend: ServerId, is_up: bool) -> bool {
        let known = self.backends.get_mut(&backend);
        known.map(|known| *known = is_up).is_some()
    }

    /// The backends, and whether they are up.
    pub fn backends(&self) -> impl Iterator<Item = (ServerId, bool)> {
        self.backends.iter().map(|(backend, is_up)| (*backend, *is_up))
    }

    /// The clients that were heard of last, newest first, [`Balancer::MOST_CLIENTS`] of them at most.
    pub fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter()
    }

    /// What was counted since the balancer was built.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    fn by_id(&self, from: SocketAddr, header: Header<'_>) -> Verdict {
        let (id, otherwise, unread) = match header {
            // A client's own choice looks like a backend's ID once in 65,536 / N times. It goes to that backend each time,
            // and so does what follows, for the backend answers with an ID of its own.
            Header::Long { destination } if destination.len() == Cid::BYTES => {
                (Cid::parse(destination), Key::of_id(destination), Why::ClientId)
            }
            Header::Long { destination } => (None, Key::of_id(destination), Why::ClientId),
            Header::Short { rest } => (Cid::parse(rest), Key::of_address(from), Why::UnknownLayout),
        };
        match id.map(Cid::server) {
            Some(to) if self.backends.get(&to) == Some(&true) => Verdict::Forward { to, why: Why::ServerId },
            Some(_) if unread == Why::UnknownLayout => self.by_hash(otherwise, Why::UnknownServer),
            Some(_) | None => self.by_hash(otherwise, unread),
        }
    }

    fn by_hash(&self, key: Key, why: Why) -> Verdict {
        let up = self.backends.iter().filter(|(_, is_up)| **is_up).map(|(backend, _)| *backend);
        key.first_of(up).map_or(Verdict::Dropped(DropReason::NoBackend), |to| Verdict::Forward { to, why })
    }

    fn note(&mut self, from: SocketAddr, verdict: Verdict) -> Verdict {
        self.counters.note(verdict);
        if let Some(backend) = verdict.backend() {
            self.clients.note(from, backend);
        }
        verdict
    }
}
