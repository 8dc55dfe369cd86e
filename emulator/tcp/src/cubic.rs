//! CUBIC (RFC 9438, as Linux's `tcp_cubic.c` computes it, in integers).

use core::time::Duration;

use sluice_shared::time::{Time, micros};

/// The window after a loss, over 1024: 0.7.
const BETA: u64 = 717;
const BETA_SCALE: u64 = 1_024;
/// The curve's constant C, over 1024: 0.04, times ten.
const CURVE_SCALE: u64 = 410;
/// The curve counts time in units of 2⁻¹⁰ s.
const TIME_BITS: u64 = 10;
/// 2⁴⁰ over the curve's constant.
const CUBE_FACTOR: u64 = (1 << (10 + 3 * TIME_BITS)) / CURVE_SCALE;
/// Reno's additive increase with CUBIC's decrease, times eight (RFC 9438 §4.3).
const RENO_SCALE: u64 = 8 * (BETA_SCALE + BETA) / 3 / (BETA_SCALE - BETA);

/// The growth of the window in congestion avoidance: a cubic in the time since the last reduction.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cubic {
    /// Acknowledged packets for one more packet of window.
    packets_per_increase: u64,
    last_max_cwnd: u64,
    last_cwnd: u64,
    last_update: Option<Time>,
    origin: u64,
    /// Time from the epoch's start to the curve's plateau, in 2⁻¹⁰ s.
    plateau_after: u64,
    epoch_start: Option<Time>,
    /// What Reno would have, and the packets acknowledged towards its next increase.
    reno_cwnd: u64,
    reno_acked: u64,
}

impl Cubic {
    /// Forgets everything, as after a timeout.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The slow-start threshold after a loss at `cwnd`, with fast convergence (RFC 9438 §4.6, §4.7).
    pub(crate) fn on_loss(&mut self, cwnd: u64) -> u64 {
        self.epoch_start = None;
        self.last_max_cwnd =
            if cwnd < self.last_max_cwnd { cwnd * (BETA_SCALE + BETA) / (2 * BETA_SCALE) } else { cwnd };
        (cwnd * BETA / BETA_SCALE).max(2)
    }

    /// Moves the curve on by time in which the application sent nothing, so that it does not grow for it.
    pub(crate) fn on_idle_end(&mut self, idle: Duration, now: Time) {
        self.epoch_start = self.epoch_start.map(|start| (start + idle).min(now));
    }

    /// Whether delay samples tell of the path rather than of a queue that is being drained after a loss.
    pub(crate) fn is_settled(&self, now: Time) -> bool {
        self.epoch_start.is_none_or(|start| now.since(start) >= Duration::from_secs(1))
    }

    /// Acknowledged packets that one more packet of window takes, after `acked` more at `cwnd`.
    pub(crate) fn packets_per_increase(
        &mut self,
        cwnd: u64,
        acked: u64,
        min_rtt: Duration,
        now: Time,
    ) -> u64 {
        self.reno_acked += acked;
        let is_fresh = |span| self.last_update.is_some_and(|at| now.since(at) <= span);
        // Linux computes the curve again when the window changed, but once a tick of its clock at most.
        if self.last_cwnd == cwnd && is_fresh(Duration::from_millis(31)) {
            return self.packets_per_increase.max(2);
        }
        if self.epoch_start.is_none() || !is_fresh(Duration::from_micros(999)) {
            self.follow_curve(cwnd, acked, min_rtt, now);
        }
        self.follow_reno(cwnd);
        self.packets_per_increase = self.packets_per_increase.max(2);
        self.packets_per_increase
    }

    fn follow_curve(&mut self, cwnd: u64, acked: u64, min_rtt: Duration, now: Time) {
        self.last_cwnd = cwnd;
        self.last_update = Some(now);
        let start = *self.epoch_start.get_or_insert_with(|| {
            self.reno_acked = acked;
            self.reno_cwnd = cwnd;
            if self.last_max_cwnd <= cwnd {
                self.plateau_after = 0;
                self.origin = cwnd;
            } else {
                self.plateau_after = (CUBE_FACTOR * (self.last_max_cwnd - cwnd)).cube_root();
                self.origin = self.last_max_cwnd;
            }
            now
        });
        let elapsed = (micros(now.since(start) + min_rtt) << TIME_BITS) / 1_000_000;
        let distance = u128::from(elapsed.abs_diff(self.plateau_after));
        let cube = (u128::from(CURVE_SCALE) * distance * distance * distance) >> (10 + 3 * TIME_BITS);
        let change = u64::try_from(cube).unwrap_or(u64::MAX);
        let target = if elapsed < self.plateau_after {
            self.origin.saturating_sub(change)
        } else {
            self.origin.saturating_add(change)
        };
        self.packets_per_increase = if target > cwnd { cwnd / (target - cwnd) } else { 100 * cwnd };
        // Before any loss nothing is known of the path: at least 5 % a round trip.
        if self.last_max_cwnd == 0 {
            self.packets_per_increase = self.packets_per_increase.min(20);
        }
    }

    /// Never slower than Reno would be (RFC 9438 §4.3).
    fn follow_reno(&mut self, cwnd: u64) {
        let packets_per_reno_increase = ((cwnd * RENO_SCALE) >> 3).max(1);
        while self.reno_acked > packets_per_reno_increase {
            self.reno_acked -= packets_per_reno_increase;
            self.reno_cwnd += 1;
        }
        if self.reno_cwnd > cwnd {
            let most = cwnd / (self.reno_cwnd - cwnd);
            self.packets_per_increase = self.packets_per_increase.min(most);
        }
    }
}

trait CubeRoot {
    /// The largest integer whose cube is not above the number.
    fn cube_root(self) -> Self;
}

impl CubeRoot for u64 {
    fn cube_root(self) -> Self {
        let mut root = 0_u64;
        for bit in (0..22).rev() {
            let candidate = root | (1 << bit);
            if candidate.checked_pow(3).is_some_and(|cube| cube <= self) {
                root = candidate;
            }
        }
        root
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grows a window of `cwnd` with every packet acknowledged once a round trip, and returns it second by second.
    fn grow(cubic: &mut Cubic, mut cwnd: u64, rtt: Duration, seconds: u64) -> Vec<u64> {
        let mut now = Time::from_millis(1_000_000);
        let mut credit = 0;
        let mut windows = vec![cwnd];
        let end = now + Duration::from_secs(seconds);
        let mut next_second = now + Duration::from_secs(1);
        while now < end {
            let spacing = rtt / u32::try_from(cwnd).expect("a small window");
            credit += 1;
            let needed = cubic.packets_per_increase(cwnd, 1, rtt, now);
            if credit >= needed {
                credit = 0;
                cwnd += 1;
            }
            now = now + spacing;
            if now >= next_second {
                windows.push(cwnd);
                next_second = next_second + Duration::from_secs(1);
            }
        }
        windows
    }

    #[test]
    fn after_a_loss_the_window_rises_fast_flattens_at_the_old_maximum_and_rises_again() {
        let mut cubic = Cubic::default();
        let start = cubic.on_loss(1_000);
        assert_eq!(start, 700);
        // RFC 9438 §4.2: K = cbrt((1000 - 700) / 0.4) = 9.1 s to the plateau.
        let windows = grow(&mut cubic, start, Duration::from_millis(100), 16);
        let growth: Vec<u64> = windows.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(growth[0] > 60, "steep at first: {growth:?}");
        assert!(growth[7..10].iter().all(|rise| *rise <= 3), "flat at the plateau: {growth:?}");
        assert!(growth[15] > 30, "steep again beyond: {growth:?}");
        assert!((980..=1_010).contains(&windows[9]), "the plateau is the old maximum: {windows:?}");
    }

    #[test]
    fn a_small_window_grows_as_reno_would() {
        let mut cubic = Cubic::default();
        let start = cubic.on_loss(10);
        let windows = grow(&mut cubic, start, Duration::from_millis(20), 2);
        // Reno with a decrease to 0.7 grows by 3 (1 - 0.7) / (1 + 0.7) = 0.53 packets a round trip: 26 in a second.
        let growth = windows[1] - windows[0];
        assert!((22..=30).contains(&growth), "{windows:?}");
    }

    #[test]
    fn fast_convergence_gives_way_below_the_last_maximum() {
        let mut cubic = Cubic::default();
        assert_eq!(cubic.on_loss(100), 70);
        cubic.on_loss(80);
        assert_eq!(cubic.last_max_cwnd, 80 * 1_741 / 2_048);
    }

    #[test]
    fn the_cube_root_is_exact() {
        for root in [0_u64, 1, 2, 9, 100, 2_097_151] {
            assert_eq!(root.pow(3).cube_root(), root);
            assert_eq!((root.pow(3) + 1).cube_root(), if root == 0 { 1 } else { root });
        }
    }
}
