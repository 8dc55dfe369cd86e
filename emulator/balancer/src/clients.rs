//! Which client's packets went where, for display: no decision depends on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::connection_id::ServerId;

/// A client's address, and where its last packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: SocketAddr,
    /// The backend.
    pub backend: ServerId,
    /// Packets from this address, and new TCP connections, since it is remembered.
    pub packets: u64,
}

/// The addresses that were heard of last.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    most: usize,
    entries: BTreeMap<SocketAddr, (u64, Client)>,
    /// Addresses by when they were heard of last, in packets of all.
    order: BTreeMap<u64, SocketAddr>,
    next: u64,
}

impl Clients {
    /// Remembers `most` addresses.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, entries: BTreeMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// A packet from `address` went to `backend`.
    pub(crate) fn note(&mut self, address: SocketAddr, backend: ServerId) {
        let at = self.next;
        self.next += 1;
        let (last, client) =
            self.entries.entry(address).or_insert((at, Client { address, backend, packets: 0 }));
        self.order.remove(last);
        self.order.insert(at, address);
        *last = at;
        client.backend = backend;
        client.packets += 1;
        if self.order.len() > self.most
            && let Some((_, forgotten)) = self.order.pop_first()
        {
            self.entries.remove(&forgotten);
        }
    }

    /// The clients, whoever was heard of last first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Client> {
        let newest_first = self.order.values().rev();
        newest_first.filter_map(|address| self.entries.get(address).map(|(_, client)| client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], port))
    }

    #[test]
    fn only_the_newest_are_remembered() {
        let mut clients = Clients::new(3);
        for port in [1, 2, 3, 1, 4, 5] {
            clients.note(address(port), ServerId(0));
        }
        let known: Vec<_> = clients.iter().map(|client| (client.address.port(), client.packets)).collect();
        assert_eq!(known, [(5, 1), (4, 1), (1, 2)]);
        assert_eq!((clients.entries.len(), clients.order.len()), (3, 3));
    }

    #[test]
    fn a_client_is_shown_where_its_last_packet_went() {
        let mut clients = Clients::new(3);
        clients.note(address(1), ServerId(0));
        clients.note(address(1), ServerId(2));
        let known: Vec<_> = clients.iter().map(|client| (client.backend, client.packets)).collect();
        assert_eq!(known, [(ServerId(2), 2)]);
    }
}
