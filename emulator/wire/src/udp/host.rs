//! All UDP of both hosts.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::task::Waker;

use bytes::Bytes;
use quinn::udp::EcnCodepoint;
use sluice_shared::link::Direction;

use crate::net::{CLIENT_IP, FIRST_CLIENT_PORT, Turn, client_ip_after, direction_from, server_addr};

/// The largest payload that a datagram carries: an MTU of 1,500 less the headers of IPv4 and UDP.
pub const MAX_DATAGRAM_BYTES: usize = 1_472;

/// Most datagrams that wait in a socket; further ones are lost there.
const MAX_WAITING: usize = 4_096;

/// The number of a socket on its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SocketId(u64);

/// A datagram that came through.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    /// Where its socket was when it came.
    pub(crate) to: SocketAddr,
    pub(crate) payload: Bytes,
    pub(crate) ecn: Option<EcnCodepoint>,
}

/// The sockets of client and server.
#[derive(Debug, Default)]
pub(crate) struct Udp {
    inboxes: BTreeMap<SocketId, Inbox>,
    by_address: BTreeMap<SocketAddr, SocketId>,
    next_id: u64,
    next_client_port: u16,
}

#[derive(Debug)]
struct Inbox {
    local: SocketAddr,
    datagrams: VecDeque<Datagram>,
    readers: Vec<Waker>,
    overflowed: u64,
}

impl Inbox {
    const fn new(local: SocketAddr) -> Self {
        Self { local, datagrams: VecDeque::new(), readers: Vec::new(), overflowed: 0 }
    }
}

impl Udp {
    /// A socket at a port of the server, or at one of the client's that is free.
    pub(super) fn bind(&mut self, server_port: Option<u16>) -> (SocketId, SocketAddr) {
        let local = match server_port {
            Some(port) => server_addr(port),
            None => self.free_client_addr(IpAddr::V4(CLIENT_IP)),
        };
        let id = SocketId(self.next_id);
        self.next_id += 1;
        self.by_address.insert(local, id);
        self.inboxes.insert(id, Inbox::new(local));
        (id, local)
    }

    /// Forgets a socket and what waits in it.
    pub(super) fn unbind(&mut self, id: SocketId) {
        if let Some(inbox) = self.inboxes.remove(&id) {
            self.release(inbox.local, id);
        }
    }

    /// Gives a socket of the client another address than `old` and says which; a server stays where it is.
    pub(super) fn rebind(&mut self, id: SocketId, old: SocketAddr) -> SocketAddr {
        let (IpAddr::V4(ip), Direction::Up) = (old.ip(), direction_from(old)) else { return old };
        let local = self.free_client_addr(IpAddr::V4(client_ip_after(ip)));
        self.release(old, id);
        self.by_address.insert(local, id);
        if let Some(inbox) = self.inboxes.get_mut(&id) {
            inbox.local = local;
        }
        local
    }

    pub(super) fn overflowed(&self, id: SocketId) -> u64 {
        self.inboxes.get(&id).map_or(0, |inbox| inbox.overflowed)
    }

    /// A datagram came through; says whether there was a socket for it.
    pub(crate) fn handle_datagram(&mut self, datagram: Datagram, turn: &mut Turn<'_>) -> bool {
        let inbox = self.by_address.get(&datagram.to).and_then(|id| self.inboxes.get_mut(id));
        let Some(inbox) = inbox else { return false };
        if inbox.datagrams.len() >= MAX_WAITING {
            inbox.overflowed += 1;
        } else {
            inbox.datagrams.push_back(datagram);
            turn.woken.append(&mut inbox.readers);
        }
        true
    }

    /// Takes the datagram that waits longest, or notes who wants one.
    pub(super) fn receive(&mut self, id: SocketId, waker: &Waker) -> Option<Datagram> {
        let inbox = self.inboxes.get_mut(&id)?;
        let datagram = inbox.datagrams.pop_front();
        if datagram.is_none() && !inbox.readers.iter().any(|known| known.will_wake(waker)) {
            inbox.readers.push(waker.clone());
        }
        datagram
    }

    /// Takes another datagram, if there is one.
    pub(super) fn receive_more(&mut self, id: SocketId) -> Option<Datagram> {
        self.inboxes.get_mut(&id)?.datagrams.pop_front()
    }

    /// Frees an address, unless another socket has taken it over.
    fn release(&mut self, address: SocketAddr, id: SocketId) {
        if self.by_address.get(&address) == Some(&id) {
            self.by_address.remove(&address);
        }
    }

    /// The next free port of the client's; the next at all where every one is taken.
    fn free_client_addr(&mut self, ip: IpAddr) -> SocketAddr {
        let ports = u16::MAX - FIRST_CLIENT_PORT;
        let mut address = SocketAddr::new(ip, FIRST_CLIENT_PORT);
        for _ in 0..=ports {
            address.set_port(FIRST_CLIENT_PORT + self.next_client_port);
            self.next_client_port =
                if self.next_client_port == ports { 0 } else { self.next_client_port + 1 };
            if !self.by_address.contains_key(&address) {
                break;
            }
        }
        address
    }
}
