//! When a scenario changes the client's address, or attacks it: the same moments in virtual and in real time.

use std::time::Duration;

use sluice_shared::scenario::AddressChanges;
use sluice_shared::time::{Time, micros};

use super::random::Draws;

/// For how long before the feed ends there is no change any more, so that each is seen to its end.
const SETTLING: Duration = Duration::from_secs(3);

/// The moments of planned changes, one in each span, drawn by the scenario's seed.
#[derive(Debug)]
pub(super) struct Moments {
    every: Option<Duration>,
    start: Time,
    /// No change is later.
    ends_at: Time,
    draws: Draws,
    /// The span of the next change.
    span: u32,
}

impl Moments {
    /// The moments from `start` on, while the feed sends until `feed_ends_at`.
    pub(super) fn new(changes: Option<AddressChanges>, seed: u64, start: Time, feed_ends_at: Time) -> Self {
        Self::once_in(changes.map(|changes| changes.every), Draws::new(seed, 2), start, feed_ends_at)
    }

    /// The moments at which somebody copies packets, one in each span of `every`: others than those of changes.
    pub(super) fn of_attacks(every: Duration, seed: u64, start: Time, feed_ends_at: Time) -> Self {
        Self::once_in(Some(every), Draws::new(seed, 3), start, feed_ends_at)
    }

    fn once_in(every: Option<Duration>, draws: Draws, start: Time, feed_ends_at: Time) -> Self {
        let ends_at = start + feed_ends_at.since(start).saturating_sub(SETTLING);
        Self { every, start, ends_at, draws, span: 0 }
    }
}

impl Iterator for Moments {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        let every = self.every?;
        let within = Duration::from_micros(self.draws.below(micros(every)));
        let at = self.start + every * self.span + within;
        self.span += 1;
        Some(at).filter(|at| *at <= self.ends_at)
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::scenario::AddressPart;

    use super::*;

    const START: Time = Time::from_millis(1_000);

    #[test]
    fn there_is_one_change_in_each_span_and_none_at_the_end() {
        let changes = AddressChanges {
            every: Duration::from_millis(700),
            part: AddressPart::Address,
            tells_client: false,
            server_follows: true,
        };
        let end = START + Duration::from_millis(70_000) + SETTLING;
        let moments: Vec<Time> = Moments::new(Some(changes), 3, START, end).collect();
        assert_eq!(moments.len(), 100);
        for (span, at) in (0u32..).zip(&moments) {
            assert_eq!(at.since(START).as_micros() / 700_000, u128::from(span));
        }
        assert_eq!(Moments::new(None, 3, START, end).count(), 0);
    }
}
