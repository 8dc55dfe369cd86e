//! The congestion window that follows from the model.

use crate::delivery_rate::RateSample;
use crate::recovery::Phase;

use super::bandwidth::{Bandwidth, Gain};
use super::mode::Mode;
use super::state::{Bbr, PathState, SAFE_PACKETS};

/// Packets in flight at least: two pairs, for receivers that acknowledge every second packet.
pub(super) const MIN_PACKETS: u64 = 4;
/// Bursts that the hosts at both ends may hold without slowing the path down.
const BUDGETED_BURSTS: u64 = 3;
/// What is added while more is asked for, so that it shows on a path that holds next to nothing.
const PROBING_PACKETS: u64 = 2;

impl Bbr {
    /// Packets that the path holds at `bandwidth` with `gain`, rounded up.
    fn held(&self, bandwidth: Bandwidth, gain: Gain) -> u64 {
        self.round_trip.min().map_or(SAFE_PACKETS, |rtt| bandwidth.product(rtt, gain))
    }

    /// `packets` and what the hosts at both ends hold, in pairs.
    fn with_budget(&self, packets: u64) -> u64 {
        let budgeted = (packets + BUDGETED_BURSTS * self.budgeted_burst()).next_multiple_of(2);
        let is_probing = self.mode == Mode::ProbeBandwidth && self.cycle.is_probing();
        budgeted + if is_probing { PROBING_PACKETS } else { 0 }
    }

    /// Packets in flight that make the most of `bandwidth` with `gain`.
    pub(super) fn in_flight_target(&self, bandwidth: Bandwidth, gain: Gain) -> u64 {
        self.with_budget(self.held(bandwidth, gain))
    }

    /// Keeps the window for when a recovery or a pause is over.
    pub(super) fn save_cwnd(&mut self) {
        let is_cut = is_recovering(self.prior_phase) || self.mode == Mode::ProbeRtt;
        self.prior_cwnd = if is_cut { self.prior_cwnd.max(self.cwnd) } else { self.cwnd };
    }

    /// Moves the window towards its target by what was acknowledged.
    pub(super) fn set_cwnd(&mut self, sample: &RateSample, path: &PathState) {
        if sample.acked > 0 && !self.recover_or_restore(sample, path) {
            let bandwidth = self.bandwidth();
            let mut target = self.held(bandwidth, self.gains.window);
            if self.full_pipe.is_reached() {
                target += self.aggregation.packets(bandwidth);
            }
            let target = self.with_budget(target);
            if self.full_pipe.is_reached() {
                self.cwnd = (self.cwnd + sample.acked).min(target);
            } else if self.cwnd < target || path.totals.delivered < SAFE_PACKETS {
                self.cwnd += sample.acked;
            }
            self.cwnd = self.cwnd.max(MIN_PACKETS);
        }
        if self.mode == Mode::ProbeRtt {
            self.cwnd = self.cwnd.min(MIN_PACKETS);
        }
    }

    /// In the first round of a recovery sends as many packets as arrive; at its end restores the window. Says whether
    /// that settles the window.
    fn recover_or_restore(&mut self, sample: &RateSample, path: &PathState) -> bool {
        let conserved = path.in_flight + sample.acked;
        if sample.lost > 0 {
            self.cwnd = self.cwnd.saturating_sub(sample.lost).max(1);
        }
        if path.phase == Phase::Recovery && self.prior_phase != Phase::Recovery {
            self.is_conserving = true;
            self.rounds.end_delivered = path.totals.delivered;
            self.cwnd = conserved;
        } else if is_recovering(self.prior_phase) && !is_recovering(path.phase) {
            self.cwnd = self.cwnd.max(self.prior_cwnd);
            self.is_conserving = false;
        }
        self.prior_phase = path.phase;
        if self.is_conserving {
            self.cwnd = self.cwnd.max(conserved);
        }
        self.is_conserving
    }
}

const fn is_recovering(phase: Phase) -> bool {
    matches!(phase, Phase::Recovery | Phase::Loss)
}
