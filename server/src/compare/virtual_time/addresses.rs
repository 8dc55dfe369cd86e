//! The client's address, and when it becomes another one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sluice_shared::link::NetworkProfile;
use sluice_shared::scenario::{AddressChanges, AddressPart};
use sluice_shared::time::Time;

use crate::compare::moments::Moments;
use crate::compare::random::Draws;

/// The ports that clients get (RFC 6335 §6).
const FIRST_PORT: u16 = 49_152;
const PORTS: u64 = 16_384;

/// A change of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// The address from here on.
    pub(super) address: SocketAddr,
    /// Whether the client's machine notices.
    pub(super) tells_client: bool,
}

/// One client's addresses.
#[derive(Debug)]
pub(super) struct Addresses<'a> {
    current: SocketAddr,
    profile: &'a NetworkProfile,
    changes: Option<AddressChanges>,
    start: Time,
    /// Apart from what addresses are drawn from, so that the addresses of all lanes change at the same moments.
    moments: Moments,
    drawn: Draws,
    planned_at: Option<Time>,
    /// When the network itself gives another address.
    renewed_at: Option<Time>,
}

impl<'a> Addresses<'a> {
    /// The addresses of a client from `start` on, while the feed sends until `feed_ends_at`.
    pub(super) fn new(
        profile: &'a NetworkProfile,
        changes: Option<AddressChanges>,
        seed: u64,
        start: Time,
        feed_ends_at: Time,
    ) -> Self {
        let mut drawn = Draws::new(seed, 1);
        let mut addresses = Self {
            current: SocketAddr::new(address(&mut drawn), port(&mut drawn)),
            profile,
            changes,
            start,
            moments: Moments::new(changes, seed, start, feed_ends_at),
            drawn,
            planned_at: None,
            renewed_at: None,
        };
        addresses.planned_at = addresses.moments.next();
        addresses.renewed_at = addresses.next_renewal(start);
        addresses
    }

    /// The address of a new connection: its port is another one, as a new socket's is.
    pub(super) fn of_new_connection(&mut self) -> SocketAddr {
        self.current.set_port(port(&mut self.drawn));
        self.current
    }

    /// When the address changes next.
    pub(super) fn poll_timeout(&self) -> Option<Time> {
        [self.planned_at, self.renewed_at].into_iter().flatten().min()
    }

    /// The change that is due by `now`.
    pub(super) fn poll_change(&mut self, now: Time) -> Option<Change> {
        let is_due = |at: Option<Time>| at.is_some_and(|at| at <= now);
        if is_due(self.renewed_at) {
            self.renewed_at = self.next_renewal(now);
            return Some(self.change(AddressPart::Port, true));
        }
        let changes = self.changes.filter(|_| is_due(self.planned_at))?;
        self.planned_at = self.moments.next();
        Some(self.change(changes.part, changes.tells_client))
    }

    fn change(&mut self, part: AddressPart, tells_client: bool) -> Change {
        let before = self.current;
        while self.current == before {
            if part == AddressPart::Address {
                self.current.set_ip(address(&mut self.drawn));
            }
            self.current.set_port(port(&mut self.drawn));
        }
        Change { address: self.current, tells_client }
    }

    /// The end of the next outage, if the network gives another address then.
    fn next_renewal(&self, now: Time) -> Option<Time> {
        let outages = &self.profile.down.outages;
        let end = outages.next_end(now.since(self.start)).filter(|_| self.profile.renews_address)?;
        Some(self.start + end)
    }
}

/// An address of a carrier's private network (RFC 1918).
fn address(drawn: &mut Draws) -> IpAddr {
    let [a, b, c, ..] = drawn.word().to_be_bytes();
    Ipv4Addr::new(10, a, b, c).into()
}

fn port(drawn: &mut Draws) -> u16 {
    let offset = u16::try_from(drawn.below(PORTS)).unwrap_or(0);
    FIRST_PORT + offset
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Time = Time::from_millis(1_000);

    #[test]
    fn a_planned_change_gives_another_address_and_says_who_notices() {
        let changes = AddressChanges {
            every: Duration::from_millis(700),
            part: AddressPart::Address,
            tells_client: false,
            server_follows: true,
        };
        let profile = NetworkProfile::none();
        let end = START + Duration::from_secs(73);
        let mut addresses = Addresses::new(&profile, Some(changes), 3, START, end);
        let mut before = addresses.of_new_connection();
        for _ in 0..100 {
            let at = addresses.poll_timeout().expect("there is one in each span");
            let change = addresses.poll_change(at).expect("it is due");
            assert!(!change.tells_client && change.address.port() >= FIRST_PORT);
            assert_ne!(before.ip(), change.address.ip());
            before = change.address;
        }
        assert_eq!(addresses.poll_timeout(), None);
    }

    #[test]
    fn another_port_keeps_the_address_and_a_train_changes_it_after_each_tunnel() {
        let profile = NetworkProfile::train();
        let mut addresses = Addresses::new(&profile, None, 3, START, START + Duration::from_secs(60));
        let before = addresses.of_new_connection();
        assert_eq!(addresses.poll_timeout(), Some(START + Duration::from_secs(19)));
        let change = addresses.poll_change(START + Duration::from_secs(19)).expect("it is due");
        assert!(change.tells_client && change.address != before && change.address.ip() == before.ip());
        assert_eq!(addresses.poll_timeout(), Some(START + Duration::from_secs(47)));
    }
}
