//! Somebody who copies the client's packets, and when.

use std::net::SocketAddr;
use std::time::Duration;

use sluice_shared::lab::Spoof;
use sluice_shared::scenario::SpoofSetup;
use sluice_shared::time::Time;

use crate::compare::moments::Moments;

/// Where copies are sent from: a network that no client has an address of (RFC 5737).
const ATTACKER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 66)), 6_666);

/// The next packets are to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attack {
    /// Where copies come from.
    pub(super) from: SocketAddr,
    pub(super) spoof: Spoof,
}

/// The attacks on a lane.
#[derive(Debug)]
pub(super) struct Attacks {
    planned: Option<(Spoof, Moments)>,
    next_at: Option<Time>,
}

impl Attacks {
    /// The attacks from `start` on, while the feed sends until `feed_ends_at`.
    pub(super) fn new(setup: Option<SpoofSetup>, seed: u64, start: Time, feed_ends_at: Time) -> Self {
        let moments = |every: Duration| Moments::of_attacks(every, seed, start, feed_ends_at);
        let mut planned = setup.map(|setup| (setup.spoof, moments(setup.every)));
        let next_at = planned.as_mut().and_then(|(_, moments)| moments.next());
        Self { planned, next_at }
    }

    /// When the next one is.
    pub(super) const fn poll_timeout(&self) -> Option<Time> {
        self.next_at
    }

    /// The attack that is due by `now`.
    pub(super) fn poll_attack(&mut self, now: Time) -> Option<Attack> {
        let (spoof, moments) = self.planned.as_mut().filter(|_| self.next_at.is_some_and(|at| at <= now))?;
        self.next_at = moments.next();
        Some(Attack { from: ATTACKER, spoof: *spoof })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_attack_in_each_span() {
        let (start, every) = (Time::from_millis(1_000), Duration::from_millis(500));
        let setup = SpoofSetup { every, spoof: Spoof::default() };
        let mut attacks = Attacks::new(Some(setup), 3, start, start + Duration::from_secs(13));
        let mut count = 0;
        while let Some(at) = attacks.poll_timeout() {
            assert_eq!(attacks.poll_attack(at - Duration::from_micros(1)), None, "it is not due");
            assert_eq!(attacks.poll_attack(at), Some(Attack { from: ATTACKER, spoof: Spoof::default() }));
            count += 1;
        }
        assert_eq!(count, 20);
    }
}
