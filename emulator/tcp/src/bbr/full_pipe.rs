//! Whether the rate has stopped growing although the sender doubles it.

use super::bandwidth::{Bandwidth, Gain};

/// Rounds in a row without growth by a quarter: one for the receiver's window to open, one to fill it, one to see it.
const ROUNDS_WITHOUT_GROWTH: u32 = 3;

/// The watch on the growth of the bandwidth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FullPipe {
    best: Bandwidth,
    rounds: u32,
    is_reached: bool,
}

impl FullPipe {
    /// Whether the pipe was found full; once it was, it stays so.
    pub(super) const fn is_reached(&self) -> bool {
        self.is_reached
    }

    /// A round trip that the application did not limit has ended with `bandwidth`.
    pub(super) fn on_round(&mut self, bandwidth: Bandwidth) {
        if self.is_reached {
            return;
        }
        if bandwidth >= self.best.times(Gain::PROBE_UP) {
            self.best = bandwidth;
            self.rounds = 0;
            return;
        }
        self.rounds += 1;
        self.is_reached = self.rounds >= ROUNDS_WITHOUT_GROWTH;
    }

    /// After a timeout the next round sets the mark anew.
    pub(super) fn forget_best(&mut self) {
        self.best = Bandwidth::default();
    }

    /// The slowness was for nothing: begins to watch anew.
    pub(super) fn restart(&mut self) {
        self.best = Bandwidth::default();
        self.rounds = 0;
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    #[test]
    fn three_rounds_without_a_quarter_more_mean_a_full_pipe() {
        let bandwidth = |packets| Bandwidth::of(packets, Duration::from_millis(100));
        let mut pipe = FullPipe::default();
        for packets in [100, 200, 400, 480, 499, 500] {
            pipe.on_round(bandwidth(packets));
            assert!(!pipe.is_reached(), "{packets}");
        }
        // 500 is a quarter more than 400, and the mark from then on.
        for packets in [510, 520] {
            pipe.on_round(bandwidth(packets));
            assert!(!pipe.is_reached());
        }
        pipe.on_round(bandwidth(530));
        assert!(pipe.is_reached());
    }
}
