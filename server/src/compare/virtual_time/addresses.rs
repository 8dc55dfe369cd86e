//! The client's address, and when it becomes another one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sluice_shared::link::NetworkProfile;
use sluice_shared::scenario::{AddressChanges, AddressPart};
use sluice_shared::time::{Time, micros};

use super::random::Draws;

/// The ports that clients get (RFC 6335 §6).
const FIRST_PORT: u16 = 49_152;
const PORTS: u64 = 16_384;
/// For how long before the feed ends there is no change any more, so that each is seen to its end.
const SETTLING: std::time::Duration = std::time::Duration::from_secs(3);

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
    /// No change that the scenario plans is later.
    ends_at: Time,
    /// Apart from what addresses are drawn from, so that the addresses of all lanes change at the same moments.
    moments: Draws,
    drawn: Draws,
    /// The span of the next planned change.
    span: u32,
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
            ends_at: start + feed_ends_at.since(start).saturating_sub(SETTLING),
            moments: Draws::new(seed, 2),
            drawn,
            span: 0,
            planned_at: None,
            renewed_at: None,
        };
        addresses.planned_at = addresses.next_planned();
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
        self.planned_at = self.next_planned();
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

    fn next_planned(&mut self) -> Option<Time> {
        let every = self.changes?.every;
        let at = self.start + every * self.span + micros_span(self.moments.below(micros(every)));
        self.span += 1;
        Some(at).filter(|at| *at <= self.ends_at)
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

const fn micros_span(micros: u64) -> std::time::Duration {
    std::time::Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Time = Time::from_millis(1_000);

    fn all(mut addresses: Addresses<'_>) -> Vec<(Time, Change)> {
        std::iter::from_fn(|| {
            let at = addresses.poll_timeout()?;
            Some((at, addresses.poll_change(at).expect("it is due")))
        })
        .collect()
    }

    #[test]
    fn there_is_one_change_in_each_span_and_none_at_the_end() {
        let changes = AddressChanges {
            every: Duration::from_millis(700),
            part: AddressPart::Address,
            tells_client: false,
            server_follows: true,
        };
        let profile = NetworkProfile::none();
        let end = START + Duration::from_millis(70_000) + SETTLING;
        let changes = all(Addresses::new(&profile, Some(changes), 3, START, end));
        assert_eq!(changes.len(), 100);
        for (span, (at, change)) in (0u32..).zip(&changes) {
            let elapsed = at.since(START);
            assert_eq!(elapsed.as_micros() / 700_000, u128::from(span));
            assert!(!change.tells_client && change.address.port() >= FIRST_PORT);
        }
        assert!(changes.windows(2).all(|pair| pair[0].1.address.ip() != pair[1].1.address.ip()));
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
