//! The congestion window under CUBIC: slow start, congestion avoidance, reduction, and what limits its growth.

use core::time::Duration;

use sluice_shared::time::Time;

use crate::cubic::Cubic;
use crate::hystart::{HyStart, HyStartAck};
use crate::prr::{Prr, PrrAck};

/// A slow-start threshold that nothing has set.
const UNSET: u64 = u64::MAX;
/// CUBIC's grain for the least round trip before any sample.
const NO_DELAY: Duration = Duration::ZERO;

/// The window in packets, as Linux counts: a small packet takes as much of it as a full one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CubicWindow {
    cwnd: u64,
    ssthresh: u64,
    /// Packets acknowledged towards the next increase.
    acked_towards_increase: u64,
    cubic: Cubic,
    hystart: HyStart,
    prr: Prr,
    /// The window before the last reduction, and the threshold to which an undo goes back.
    prior_cwnd: u64,
    prior_ssthresh: Option<u64>,
    usage: Usage,
    initial_cwnd: u64,
}

/// How much of the window was in use of late (RFC 7661's concern, Linux's answer).
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    is_limited: bool,
    /// Most packets out in this round, which ends when this offset is acknowledged.
    max_packets_out: u64,
    round_end: u64,
    /// Most packets out since the window was last found full.
    used: u64,
    full_at: Time,
}

/// What an attempt to send left behind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendAttempt {
    pub(crate) is_cwnd_limited: bool,
    pub(crate) packets_out: u64,
    /// Offsets up to which everything is acknowledged and sent.
    pub(crate) acked: u64,
    pub(crate) next: u64,
    /// The window may decay: nothing is being recovered, and the application has room to write.
    pub(crate) may_decay: bool,
    pub(crate) rto: Duration,
}

impl CubicWindow {
    pub(crate) fn new(initial_cwnd: u64) -> Self {
        Self {
            cwnd: initial_cwnd,
            ssthresh: UNSET,
            acked_towards_increase: 0,
            cubic: Cubic::default(),
            hystart: HyStart::default(),
            prr: Prr::default(),
            prior_cwnd: 0,
            prior_ssthresh: None,
            usage: Usage::default(),
            initial_cwnd,
        }
    }

    pub(crate) const fn cwnd(&self) -> u64 {
        self.cwnd
    }

    /// The slow-start threshold, or `None` while nothing has set one.
    pub(crate) fn ssthresh(&self) -> Option<u64> {
        (self.ssthresh != UNSET).then_some(self.ssthresh)
    }

    const fn is_in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// A connection whose SYN was lost twice begins with one packet (RFC 5681 §3.1).
    pub(crate) fn start_small(&mut self) {
        self.cwnd = 1;
    }

    /// Takes a round-trip sample into the watch on slow start.
    pub(crate) fn on_rtt_sample(&mut self, rtt: Duration, acked: u64, next: u64, now: Time) {
        // Just after a recovery the queue is not yet what the path is.
        if !self.cubic.is_settled(now) {
            return;
        }
        let is_in_slow_start = self.is_in_slow_start();
        let ack = HyStartAck { rtt, cwnd: self.cwnd, is_in_slow_start, acked, next };
        if self.hystart.on_ack(ack, now) {
            self.ssthresh = self.cwnd;
        }
    }

    /// Grows the window for `acked` delivered packets, if it was what limited the sender.
    pub(crate) fn grow(&mut self, mut acked: u64, now: Time) {
        if !self.is_limited() {
            return;
        }
        if self.is_in_slow_start() {
            let grown = (self.cwnd + acked).min(self.ssthresh);
            acked -= grown - self.cwnd;
            self.cwnd = grown;
            if acked == 0 {
                return;
            }
        }
        let min_rtt = self.hystart.min_delay().unwrap_or(NO_DELAY);
        let needed = self.cubic.packets_per_increase(self.cwnd, acked, min_rtt, now);
        if self.acked_towards_increase >= needed {
            self.acked_towards_increase = 0;
            self.cwnd += 1;
        }
        self.acked_towards_increase += acked;
        self.cwnd += self.acked_towards_increase / needed;
        self.acked_towards_increase %= needed;
    }

    /// In slow start a window counts as the limit when at least half of it was used, so that it can double.
    const fn is_limited(&self) -> bool {
        self.usage.is_limited || (self.is_in_slow_start() && self.cwnd < 2 * self.usage.max_packets_out)
    }

    /// Begins a reduction that [`Self::reduce`] spreads over a round trip. `is_undoable` keeps the way back.
    pub(crate) fn begin_reduction(&mut self, is_undoable: bool) {
        self.prior_ssthresh = is_undoable.then(|| self.threshold_to_restore(false));
        self.acked_towards_increase = 0;
        self.prior_cwnd = self.cwnd;
        self.prr = Prr::default();
        self.ssthresh = self.cubic.on_loss(self.cwnd);
    }

    /// Sets the window during a reduction.
    pub(crate) fn reduce(&mut self, ack: PrrAck) {
        if let Some(cwnd) = self.prr.cwnd_after(ack, self.prior_cwnd, self.ssthresh) {
            self.cwnd = cwnd;
        }
    }

    /// Counts packets sent during a reduction.
    pub(crate) const fn on_sent_in_reduction(&mut self, packets: u64) {
        self.prr.on_sent(packets);
    }

    /// Ends a reduction at the threshold.
    pub(crate) fn end_reduction(&mut self, now: Time) {
        if let Some(ssthresh) = self.ssthresh() {
            self.cwnd = ssthresh;
            self.usage.full_at = now;
        }
    }

    /// A timeout: the threshold falls if this is a new loss, and the window to what is in flight and one packet more.
    pub(crate) fn on_timeout(&mut self, is_new_loss: bool, is_in_reduction: bool, in_flight: u64, now: Time) {
        if is_new_loss {
            self.prior_ssthresh = Some(self.threshold_to_restore(is_in_reduction));
            self.prior_cwnd = self.cwnd;
            self.ssthresh = self.cubic.on_loss(self.cwnd);
        }
        self.cwnd = in_flight + 1;
        self.acked_towards_increase = 0;
        self.usage.full_at = now;
        self.cubic.reset();
        self.hystart.reset();
    }

    /// The reduction was for nothing: goes back to where it began.
    pub(crate) fn undo(&mut self, now: Time) {
        if let Some(prior) = self.prior_ssthresh {
            self.cwnd = self.cwnd.max(self.prior_cwnd);
            self.ssthresh = self.ssthresh.max(prior);
        }
        self.usage.full_at = now;
    }

    /// The threshold that stands for the present window: three quarters of it at least.
    fn threshold_to_restore(&self, is_in_reduction: bool) -> u64 {
        if is_in_reduction { self.ssthresh } else { self.ssthresh.max(self.cwnd / 2 + self.cwnd / 4) }
    }

    /// Notes how much of the window an attempt to send used; a window not used for a timeout decays half-way to what
    /// was (`tcp_cwnd_validate`, RFC 2861).
    pub(crate) fn on_send_attempt(&mut self, attempt: SendAttempt, slow_start_after_idle: bool, now: Time) {
        let usage = &mut self.usage;
        let is_peak = !usage.is_limited && attempt.packets_out > usage.max_packets_out;
        if attempt.acked >= usage.round_end || attempt.is_cwnd_limited || is_peak {
            usage.is_limited = attempt.is_cwnd_limited;
            usage.max_packets_out = attempt.packets_out;
            usage.round_end = attempt.next;
        }
        if self.is_limited() {
            self.usage.used = 0;
            self.usage.full_at = now;
            return;
        }
        self.usage.used = self.usage.used.max(attempt.packets_out);
        if slow_start_after_idle && now.since(self.usage.full_at) >= attempt.rto {
            if attempt.may_decay {
                self.decay();
            }
            self.usage.full_at = now;
        }
    }

    fn decay(&mut self) {
        let used = self.usage.used.max(self.initial_cwnd);
        if used < self.cwnd {
            self.ssthresh = self.threshold_to_restore(false);
            self.cwnd = u64::midpoint(self.cwnd, used);
        }
        self.usage.used = 0;
    }

    /// Restarts after `idle` without sending: the window halves per timeout, down to the initial one
    /// (RFC 5681 §4.1 as Linux's `tcp_cwnd_restart`).
    pub(crate) fn restart_after_idle(
        &mut self,
        idle: Duration,
        rto: Duration,
        is_in_reduction: bool,
        now: Time,
    ) {
        self.ssthresh = self.threshold_to_restore(is_in_reduction);
        let floor = self.initial_cwnd.min(self.cwnd);
        let mut left = idle.saturating_sub(rto);
        while !left.is_zero() && self.cwnd > floor {
            self.cwnd >>= 1;
            left = left.saturating_sub(rto);
        }
        self.cwnd = self.cwnd.max(floor);
        self.usage.full_at = now;
        self.usage.used = 0;
    }

    /// Sending begins again after `idle` with nothing in flight: the growth curve does not count that time.
    pub(crate) fn on_idle_end(&mut self, idle: Duration, now: Time) {
        self.cubic.on_idle_end(idle, now);
    }

    /// The application filled its send buffer rather than being slow: the window counts as used.
    pub(crate) const fn on_send_buffer_expanded(&mut self, now: Time) {
        self.usage.full_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(is_cwnd_limited: bool, packets_out: u64) -> SendAttempt {
        SendAttempt {
            is_cwnd_limited,
            packets_out,
            acked: 2,
            next: 2,
            may_decay: true,
            rto: Duration::from_millis(300),
        }
    }

    #[test]
    fn slow_start_doubles_a_window_that_is_used_and_leaves_one_that_is_not() {
        let mut congestion = CubicWindow::new(10);
        congestion.on_send_attempt(attempt(true, 10), true, Time::ZERO);
        congestion.grow(10, Time::ZERO);
        assert_eq!(congestion.cwnd(), 20);
        congestion.on_send_attempt(attempt(false, 3), true, Time::ZERO);
        congestion.grow(3, Time::ZERO);
        assert_eq!(congestion.cwnd(), 20);
    }

    #[test]
    fn a_window_that_is_not_used_decays_half_way_each_timeout() {
        let mut congestion = CubicWindow::new(10);
        congestion.on_send_attempt(attempt(true, 10), true, Time::ZERO);
        congestion.grow(90, Time::ZERO);
        assert_eq!(congestion.cwnd(), 100);
        congestion.on_send_attempt(attempt(false, 4), true, Time::from_millis(299));
        assert_eq!(congestion.cwnd(), 100);
        congestion.on_send_attempt(attempt(false, 4), true, Time::from_millis(300));
        assert_eq!((congestion.cwnd(), congestion.ssthresh()), (55, None));
    }

    #[test]
    fn idleness_halves_the_window_per_timeout_down_to_the_initial_one() {
        let mut congestion = CubicWindow::new(10);
        congestion.cwnd = 160;
        let rto = Duration::from_millis(300);
        congestion.restart_after_idle(Duration::from_millis(301), rto, false, Time::ZERO);
        assert_eq!(congestion.cwnd(), 80);
        congestion.restart_after_idle(Duration::from_millis(100_000), rto, false, Time::ZERO);
        assert_eq!(congestion.cwnd(), 10);
    }

    #[test]
    fn an_undo_brings_window_and_threshold_back() {
        let mut congestion = CubicWindow::new(10);
        congestion.cwnd = 100;
        congestion.begin_reduction(true);
        assert_eq!(congestion.ssthresh(), Some(70));
        congestion.end_reduction(Time::ZERO);
        assert_eq!(congestion.cwnd(), 70);
        congestion.undo(Time::ZERO);
        assert_eq!((congestion.cwnd(), congestion.ssthresh()), (100, None));
        congestion.on_timeout(true, false, 0, Time::ZERO);
        assert_eq!((congestion.cwnd(), congestion.ssthresh()), (1, Some(70)));
        congestion.undo(Time::ZERO);
        assert_eq!((congestion.cwnd(), congestion.ssthresh()), (100, None));
    }
}
