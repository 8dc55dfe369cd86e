//! How many packets are acknowledged at once: what has to be in flight besides to bridge the silence before.

use core::time::Duration;

use sluice_shared::time::Time;

use super::bandwidth::Bandwidth;

/// Rounds after which the maximum of one of the two windows begins anew.
const WINDOW_ROUNDS: u32 = 5;
/// An epoch with so many packets is too old.
const MAX_EPOCH_PACKETS: u64 = 1 << 20;
/// Time at the estimated bandwidth that the window is enlarged by at most.
const MAX_SPAN: Duration = Duration::from_millis(100);

/// The most packets acknowledged beyond what the bandwidth explains, over five to ten round trips.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Aggregation {
    epoch_start: Time,
    epoch_acked: u64,
    rounds: u32,
    /// The window being filled, and the one before.
    excess: u64,
    prior_excess: u64,
}

impl Aggregation {
    /// Begins an epoch at `now`.
    pub(super) const fn restart(&mut self, now: Time) {
        self.epoch_start = now;
        self.epoch_acked = 0;
    }

    /// A round trip has begun.
    pub(super) const fn on_round(&mut self) {
        self.rounds += 1;
        if self.rounds >= WINDOW_ROUNDS {
            self.rounds = 0;
            self.prior_excess = self.excess;
            self.excess = 0;
        }
    }

    /// `acked` packets were delivered at `now`, over a path of `bandwidth` with a window of `cwnd`.
    pub(super) fn on_ack(&mut self, acked: u64, bandwidth: Bandwidth, cwnd: u64, now: Time) {
        let mut expected = bandwidth.packets_in(now.since(self.epoch_start));
        // What was acknowledged lags behind the bandwidth: nothing has gathered.
        if self.epoch_acked <= expected || self.epoch_acked + acked >= MAX_EPOCH_PACKETS {
            self.restart(now);
            expected = 0;
        }
        self.epoch_acked = (self.epoch_acked + acked).min(MAX_EPOCH_PACKETS - 1);
        let excess = self.epoch_acked.saturating_sub(expected).min(cwnd);
        self.excess = self.excess.max(excess);
    }

    /// Packets to add to the window.
    pub(super) fn packets(&self, bandwidth: Bandwidth) -> u64 {
        self.excess.max(self.prior_excess).min(bandwidth.packets_in(MAX_SPAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet a millisecond.
    fn bandwidth() -> Bandwidth {
        Bandwidth::of(1_000, Duration::from_secs(1))
    }

    #[test]
    fn acknowledgments_of_ten_packets_every_ten_milliseconds_gather_ten() {
        let mut aggregation = Aggregation::default();
        for i in 1..50 {
            aggregation.on_ack(10, bandwidth(), 100, Time::from_millis(10 * i));
        }
        assert!((10..=20).contains(&aggregation.packets(bandwidth())), "{aggregation:?}");
    }

    #[test]
    fn what_gathered_is_forgotten_after_ten_rounds_and_never_more_than_a_tenth_of_a_second() {
        let mut aggregation = Aggregation::default();
        aggregation.on_ack(500, bandwidth(), 1_000, Time::from_millis(1));
        assert_eq!(aggregation.packets(bandwidth()), 99, "rounded down");
        (0..9).for_each(|_| aggregation.on_round());
        assert_eq!(aggregation.packets(bandwidth()), 99);
        aggregation.on_round();
        assert_eq!(aggregation.packets(bandwidth()), 0);
    }
}
