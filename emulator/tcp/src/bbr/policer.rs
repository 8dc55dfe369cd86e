//! Whether somebody on the path drops all that is above a rate ("An Internet-Wide Analysis of Traffic Policing",
//! SIGCOMM 2016).

use core::time::Duration;

use sluice_shared::time::Time;

use super::bandwidth::{Bandwidth, Gain};

/// Least and most rounds of an interval.
const MIN_ROUNDS: u32 = 4;
const MAX_ROUNDS: u32 = 4 * MIN_ROUNDS;
/// Lost over delivered, in 256ths, from which an interval counts: a fifth.
const LOSSY_IN_256: u64 = 50;
/// Two intervals agree if they differ by an eighth at most, or by 4 kbit/s.
const AGREEING_PART: u64 = 8;
const AGREEING_BYTES_PER_SEC: u64 = 500;
/// Rounds for which the policed rate is kept.
const KEPT_ROUNDS: u32 = 48;

/// What a connection has delivered and lost in its life.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Packets.
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
    /// When the last one was delivered.
    pub(crate) delivered_at: Time,
}

/// What an acknowledgment brought to the watch.
#[derive(Clone, Copy, Debug)]
pub(super) struct PolicerAck {
    pub(super) totals: Totals,
    pub(super) has_lost: bool,
    pub(super) is_app_limited: bool,
    pub(super) is_round_start: bool,
    /// The controller keeps its rate, rather than looking for it or pausing.
    pub(super) is_cruising: bool,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Unchanged,
    /// The rate is policed: the pace is not to exceed it.
    Policed,
    /// The rate was kept long enough: the cycle of gains begins anew.
    LetGo,
}

/// Two intervals in a row with much loss and the same rate give that rate away.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Policer {
    is_sampling: bool,
    is_policed: bool,
    bandwidth: Bandwidth,
    rounds: u32,
    start: Totals,
}

impl Policer {
    /// The policed rate, while one is kept.
    pub(super) fn policed(&self) -> Option<Bandwidth> {
        self.is_policed.then_some(self.bandwidth)
    }

    /// Begins from nothing.
    pub(super) fn reset(&mut self, totals: Totals) {
        *self = Self { start: totals, ..Self::default() };
    }

    pub(super) fn on_ack(&mut self, ack: PolicerAck, segment_bytes: u64) -> Verdict {
        if self.is_policed {
            return self.keep(ack);
        }
        // Before the first loss the policer still has tokens, and a sample would be too high.
        if !self.is_sampling {
            if !ack.has_lost {
                return Verdict::Unchanged;
            }
            self.begin_interval(ack.totals);
            self.is_sampling = true;
        }
        if ack.is_app_limited {
            self.reset(ack.totals);
            return Verdict::Unchanged;
        }
        self.rounds += u32::from(ack.is_round_start);
        if self.rounds < MIN_ROUNDS {
            return Verdict::Unchanged;
        }
        if self.rounds > MAX_ROUNDS {
            self.reset(ack.totals);
            return Verdict::Unchanged;
        }
        // An interval ends with a loss, when the tokens are used up.
        if ack.has_lost { self.end_interval(ack.totals, segment_bytes) } else { Verdict::Unchanged }
    }

    fn keep(&mut self, ack: PolicerAck) -> Verdict {
        if ack.is_cruising && ack.is_round_start {
            self.rounds += 1;
            if self.rounds >= KEPT_ROUNDS {
                self.reset(ack.totals);
                return Verdict::LetGo;
            }
        }
        Verdict::Unchanged
    }

    const fn begin_interval(&mut self, totals: Totals) {
        self.start = totals;
        self.rounds = 0;
    }

    fn end_interval(&mut self, totals: Totals, segment_bytes: u64) -> Verdict {
        let lost = totals.lost - self.start.lost;
        let delivered = totals.delivered - self.start.delivered;
        if delivered == 0 || (lost << 8) < LOSSY_IN_256 * delivered {
            return Verdict::Unchanged;
        }
        let millis = |at: Time| at.as_micros() / 1_000;
        let span = millis(totals.delivered_at) - millis(self.start.delivered_at);
        if span == 0 {
            return Verdict::Unchanged;
        }
        let bandwidth = Bandwidth::of(delivered, Duration::from_millis(span));
        if !self.bandwidth.is_zero() && self.agrees(bandwidth, segment_bytes) {
            self.bandwidth = self.bandwidth.midpoint(bandwidth);
            self.is_policed = true;
            self.rounds = 0;
            return Verdict::Policed;
        }
        self.bandwidth = bandwidth;
        self.begin_interval(totals);
        Verdict::Unchanged
    }

    fn agrees(&self, bandwidth: Bandwidth, segment_bytes: u64) -> bool {
        let difference = bandwidth.abs_diff(self.bandwidth);
        difference <= self.bandwidth.over(AGREEING_PART)
            || difference.pacing_rate(Gain::ONE, segment_bytes) <= AGREEING_BYTES_PER_SEC
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounds of 100 ms in which `delivered` packets arrive and `lost` do not; the last verdict that changed something.
    fn run(policer: &mut Policer, rounds: u64, delivered: u64, lost: u64) -> Verdict {
        let mut verdict = Verdict::Unchanged;
        let start = policer.start;
        for round in 1..=rounds {
            let totals = Totals {
                delivered: start.delivered + round * delivered,
                lost: start.lost + round * lost,
                delivered_at: start.delivered_at
                    + Duration::from_millis(100) * u32::try_from(round).expect("few"),
            };
            let ack = PolicerAck {
                totals,
                has_lost: lost > 0,
                is_app_limited: false,
                is_round_start: true,
                is_cruising: true,
            };
            let new = policer.on_ack(ack, 1_448);
            if new != Verdict::Unchanged {
                verdict = new;
            }
        }
        verdict
    }

    #[test]
    fn two_intervals_with_a_fifth_lost_at_the_same_rate_are_a_policer_for_48_rounds() {
        let mut policer = Policer::default();
        assert_eq!(run(&mut policer, 8, 100, 30), Verdict::Policed);
        let rate = policer.policed().expect("it was found").packets_in(Duration::from_secs(1));
        assert!((900..=1_100).contains(&rate), "{rate}");
        assert_eq!(run(&mut policer, 47, 100, 0), Verdict::Unchanged);
        assert_eq!(run(&mut policer, 1, 100, 0), Verdict::LetGo);
        assert_eq!(policer.policed(), None);
    }

    #[test]
    fn ordinary_loss_is_no_policer() {
        let mut policer = Policer::default();
        assert_eq!(run(&mut policer, 200, 100, 10), Verdict::Unchanged);
    }
}
