//! Which backend a client's packets go to.

use std::net::SocketAddr;

use parking_lot::Mutex;
use sluice_balancer::{Balancer, Cid, ServerId};
use sluice_shared::lab::{BackendReport, BalancerReport};
use sluice_shared::scenario::Routing;

/// The balancer of a network, if it has one, and what only who stands behind it can count.
///
/// Whoever has the lock takes no other.
#[derive(Debug, Default)]
pub(crate) struct Balance(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    balanced: Option<Balanced>,
    is_migration_off: bool,
}

#[derive(Debug)]
struct Balanced {
    balancer: Balancer,
    /// By the backends' numbers.
    tallies: Vec<Tally>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    packets: u64,
    misrouted: u64,
    orphaned: u64,
    resets: u64,
}

/// What every backend is called, before its number.
const NAME: &str = "backend";

impl Balance {
    /// Puts a balancer in front of backends 0 to `count` − 1, or takes it away.
    pub(super) fn set(&self, routing: Option<(Routing, u8)>) {
        self.0.lock().balanced = routing.map(|(routing, count)| Balanced {
            balancer: Balancer::new((0..count).map(ServerId), routing),
            tallies: vec![Tally::default(); count.into()],
        });
    }

    /// A backend goes down or comes back; whether there is such a backend.
    pub(super) fn set_up(&self, backend: u8, is_up: bool) -> bool {
        let mut state = self.0.lock();
        state.balanced.as_mut().is_some_and(|balanced| balanced.balancer.set_up(ServerId(backend), is_up))
    }

    pub(super) fn set_migration_off(&self, is_off: bool) {
        self.0.lock().is_migration_off = is_off;
    }

    pub(crate) fn is_migration_off(&self) -> bool {
        self.0.lock().is_migration_off
    }

    /// The backend that a datagram of the client at `from` goes to; `None` when it goes nowhere.
    pub(crate) fn route(&self, from: SocketAddr, datagram: &[u8]) -> Option<u8> {
        let mut state = self.0.lock();
        let Some(balanced) = &mut state.balanced else { return Some(0) };
        let ServerId(to) = balanced.balancer.route(from, datagram).backend()?;
        let named = named_backend(datagram);
        let is_elsewhere = named.is_some_and(|named| named != to);
        let is_named_up = named.is_some_and(|named| balanced.is_up(named));
        let tally = balanced.tallies.get_mut(usize::from(to))?;
        tally.packets += 1;
        match (is_elsewhere, is_named_up) {
            (true, true) => tally.misrouted += 1,
            (true, false) => tally.orphaned += 1,
            (false, _) => {}
        }
        Some(to)
    }

    /// A TCP connection of the client at `from` has begun.
    pub(crate) fn route_tcp(&self, from: SocketAddr) {
        if let Some(balanced) = &mut self.0.lock().balanced {
            balanced.balancer.route_tcp(from);
        }
    }

    /// Whether a datagram from `backend` passes, to a client whose connection is at `home`.
    pub(crate) fn passes(&self, backend: u8, home: Option<u8>, datagram: &[u8]) -> bool {
        let mut state = self.0.lock();
        let Some(balanced) = &mut state.balanced else { return true };
        if !balanced.balancer.backends().any(|(ServerId(known), is_up)| known == backend && is_up) {
            return false;
        }
        // Who does not have a connection can send nothing with a short header but a reset.
        if home.is_some_and(|home| home != backend)
            && is_short(datagram)
            && let Some(tally) = balanced.tallies.get_mut(usize::from(backend))
        {
            tally.resets += 1;
        }
        true
    }

    /// What it did; clients have no flows yet.
    pub(super) fn report(&self) -> Option<BalancerReport> {
        let state = self.0.lock();
        let balanced = state.balanced.as_ref()?;
        let backends = balanced.balancer.backends().zip(&balanced.tallies);
        let clients = balanced.balancer.clients().take(BalancerReport::MAX_CLIENTS);
        Some(BalancerReport {
            routing: balanced.balancer.routing(),
            backends: backends
                .map(|((ServerId(number), is_up), tally)| BackendReport {
                    name: format!("{NAME} {number}"),
                    is_up,
                    process: None,
                    packets: tally.packets,
                    misrouted_packets: tally.misrouted,
                    orphaned_packets: tally.orphaned,
                    stateless_resets: tally.resets,
                })
                .collect(),
            clients: clients
                .map(|client| sluice_shared::lab::ClientRoute {
                    address: client.address.to_string(),
                    backend: client.backend.0,
                    packets: client.packets,
                    flow: None,
                    lane: None,
                })
                .collect(),
        })
    }
}

impl Balanced {
    fn is_up(&self, backend: u8) -> bool {
        self.balancer.backends().any(|(ServerId(known), is_up)| known == backend && is_up)
    }
}

/// The backend that a client's packet with a short header names in its connection ID.
pub(crate) fn named_backend(datagram: &[u8]) -> Option<u8> {
    if !is_short(datagram) {
        return None;
    }
    let ServerId(named) = Cid::parse(datagram.get(1..)?)?.server();
    Some(named)
}

/// Whether a datagram begins with a short header (RFC 9000 §17.3).
pub(crate) fn is_short(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0x80 == 0)
}

#[cfg(test)]
mod tests {
    use sluice_balancer::ConnectionIds;

    use super::*;

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// A packet with a short header to a connection of `backend`.
    fn short(backend: u8) -> Vec<u8> {
        let mut packet = vec![0x40; 1 + Cid::BYTES + 30];
        packet[1..=Cid::BYTES].copy_from_slice(ConnectionIds::new(ServerId(backend)).make(7).as_bytes());
        packet
    }

    fn counts(balance: &Balance) -> (u64, u64, u64, u64) {
        let report = balance.report().expect("a balancer");
        report.backends.iter().fold((0, 0, 0, 0), |sum, backend| {
            (
                sum.0 + backend.packets,
                sum.1 + backend.misrouted_packets,
                sum.2 + backend.orphaned_packets,
                sum.3 + backend.stateless_resets,
            )
        })
    }

    #[test]
    fn without_a_balancer_everything_goes_to_the_first() {
        let balance = Balance::default();
        assert_eq!(balance.route(client(1), &short(3)), Some(0));
        assert_eq!(balance.report(), None);
        assert!(!balance.set_up(0, false));
    }

    #[test]
    fn what_reaches_another_backend_than_its_id_names_is_counted() {
        let balance = Balance::default();
        balance.set(Some((Routing::ConnectionId, 2)));
        for port in 1..100 {
            assert_eq!(balance.route(client(port), &short(1)), Some(1));
        }
        assert_eq!(counts(&balance), (99, 0, 0, 0));
        balance.set(Some((Routing::Address, 2)));
        let elsewhere = (1..100).filter(|port| balance.route(client(*port), &short(1)) == Some(0)).count();
        let elsewhere = u64::try_from(elsewhere).expect("few");
        assert!((20..80).contains(&elsewhere), "{elsewhere}");
        assert_eq!(counts(&balance), (99, elsewhere, 0, 0));
    }

    #[test]
    fn a_backend_that_is_down_gets_nothing_and_is_not_heard() {
        let balance = Balance::default();
        balance.set(Some((Routing::ConnectionId, 2)));
        assert!(balance.set_up(1, false) && !balance.set_up(2, false));
        assert_eq!(balance.route(client(1), &short(1)), Some(0));
        assert!(!balance.passes(1, Some(1), &short(0)));
        // The other one has never heard of the connection.
        assert!(balance.passes(0, Some(1), &short(0)));
        assert_eq!(counts(&balance), (1, 0, 1, 1));
    }
}
