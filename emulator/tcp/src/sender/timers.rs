//! What happens when no acknowledgment comes. One timer serves all purposes, as in Linux.

use core::time::Duration;

use sluice_shared::time::Time;

use crate::rack::MIN_TIMEOUT;
use crate::recovery::Phase;
use crate::rtt::INITIAL_RTO;

use super::Sender;
use super::transmit::Order;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerKind {
    /// The first unacknowledged packet is overdue (RFC 6298).
    Retransmission,
    /// The tail may be lost (RFC 8985 §7).
    TailProbe,
    /// Packets that were overtaken are lost by then (RFC 8985 §6.3).
    Reordering,
    /// The peer's window is closed, and the word that it is open may be lost (RFC 9293 §3.8.6.1).
    WindowProbe,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) kind: TimerKind,
    pub(super) at: Time,
}

/// The peer did not answer as often as it was allowed not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GivenUp;

impl Sender {
    /// When [`Self::handle_timeout`] should be called, and what for.
    pub(crate) fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let timer = self.timer.map(|timer| {
            let reason = match timer.kind {
                TimerKind::Retransmission => "retransmission",
                TimerKind::TailProbe => "tail probe",
                TimerKind::Reordering => "reordering window",
                TimerKind::WindowProbe => "window probe",
            };
            (timer.at, reason)
        });
        let paced = self.paced_until.map(|at| (at, "pacing"));
        [paced, timer].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Does what is due at `now`; the caller then sends what has become possible ([`Self::push`]).
    ///
    /// # Errors
    /// [`GivenUp`] when the peer has not answered so often that the connection is dead.
    pub(crate) fn handle_timeout(&mut self, now: Time) -> Result<(), GivenUp> {
        if self.paced_until.is_some_and(|at| at <= now) {
            self.paced_until = None;
            self.send_lost(now);
        }
        let Some(timer) = self.timer.filter(|timer| timer.at <= now) else { return Ok(()) };
        match timer.kind {
            TimerKind::Retransmission => {
                self.timer = None;
                self.on_retransmission_timeout(now)
            }
            TimerKind::TailProbe => {
                self.send_tail_probe(now);
                Ok(())
            }
            TimerKind::Reordering => {
                self.on_reordering_timeout(now);
                Ok(())
            }
            TimerKind::WindowProbe => {
                self.timer = None;
                self.on_window_probe_timeout(now)
            }
        }
    }

    /// Arms the tail probe where one makes sense, else the retransmission timer.
    pub(super) fn set_timer(&mut self, now: Time) {
        if !self.schedule_tail_probe(true, now) {
            self.rearm_retransmission(now);
        }
    }

    /// Arms the tail probe: two round trips, and what a receiver may wait with its answer to a lone packet.
    ///
    /// `is_restarting` says that the retransmission timer begins anew, so only its length limits the probe.
    pub(super) fn schedule_tail_probe(&mut self, is_restarting: bool, now: Time) -> bool {
        if self.board.is_empty() || self.recovery.phase != Phase::Open {
            return false;
        }
        let mut wait = self.rtt.smoothed().map_or(INITIAL_RTO, |smoothed| {
            let is_alone = self.board.packets_out() == 1;
            smoothed * 2 + if is_alone { self.rtt.min_rto() } else { MIN_TIMEOUT }
        });
        let until_timeout = if is_restarting { self.rtt.rto() } else { self.until_first_is_overdue(now) };
        if !until_timeout.is_zero() {
            wait = wait.min(until_timeout);
        }
        self.timer = Some(Timer { kind: TimerKind::TailProbe, at: now + wait + self.pacer.ahead(now) });
        true
    }

    /// Arms the retransmission timer; behind a probe it keeps counting from when the first packet left.
    pub(super) fn rearm_retransmission(&mut self, now: Time) {
        if self.board.is_empty() {
            self.timer = None;
            return;
        }
        let is_behind_probe = self
            .timer
            .is_some_and(|timer| matches!(timer.kind, TimerKind::TailProbe | TimerKind::Reordering));
        let wait = if is_behind_probe {
            self.until_first_is_overdue(now).max(Duration::from_millis(1))
        } else {
            self.rtt.rto()
        };
        self.timer = Some(Timer { kind: TimerKind::Retransmission, at: now + wait + self.pacer.ahead(now) });
    }

    /// Arms the retransmission timer from `now`.
    pub(super) fn restart_retransmission_timer(&mut self, now: Time) {
        let wait = self.rtt.rto() + self.pacer.ahead(now);
        self.timer = Some(Timer { kind: TimerKind::Retransmission, at: now + wait });
    }

    /// Waits `left` for packets that were overtaken.
    pub(super) fn arm_reordering(&mut self, left: Duration, now: Time) {
        self.timer = Some(Timer { kind: TimerKind::Reordering, at: now + left + MIN_TIMEOUT });
    }

    /// Arms the next probe of a closed window, each twice as far away as the one before.
    pub(super) fn arm_window_probe(&mut self, now: Time) {
        let doublings = self.probing.doublings.min(16);
        let wait = (self.rtt.rto().max(self.rtt.min_rto()) * (1 << doublings)).min(self.rtt.max_rto());
        self.timer = Some(Timer { kind: TimerKind::WindowProbe, at: now + wait });
    }

    /// An acknowledgment came while nothing was out: probes end when the window is open, else they go on.
    pub(super) fn on_ack_of_nothing(&mut self, now: Time) {
        if !self.has_unsent() {
            return;
        }
        if self.is_next_packet_let_in() {
            self.probing.doublings = 0;
            self.timer = None;
        } else {
            self.arm_window_probe(now);
        }
    }

    fn until_first_is_overdue(&self, now: Time) -> Duration {
        self.board.first().map_or(Duration::ZERO, |first| (first.sent_at + self.rtt.rto()).since(now))
    }

    fn on_retransmission_timeout(&mut self, now: Time) -> Result<(), GivenUp> {
        if self.board.is_empty() {
            return Ok(());
        }
        if self.timeouts_in_row >= self.max_timeouts {
            return Err(GivenUp);
        }
        self.enter_loss(now);
        self.timeouts_in_row += 1;
        self.counters.timeouts += 1;
        if let Some(first) = self.board.first().copied() {
            self.send_again(&first, now);
        }
        self.rtt.back_off();
        self.restart_retransmission_timer(now);
        Ok(())
    }

    /// Everything old enough is held lost; the window begins anew (RFC 5681 §3.1, RFC 5682 §2.1).
    fn enter_loss(&mut self, now: Time) {
        self.hold_overdue_lost(now);
        let phase = self.recovery.phase;
        let is_new_loss = matches!(phase, Phase::Open | Phase::Disorder)
            || self.acked >= self.recovery.high
            || (phase == Phase::Loss && self.timeouts_in_row == 0);
        let path = self.path_state(now);
        self.congestion.on_timeout(is_new_loss, &path);
        if is_new_loss {
            self.begin_undoable();
        }
        if !self.recovery.is_recovering() {
            self.rack.on_timeout_with_sacks(self.board.sacked());
        }
        self.recovery.is_checking_timeout = !self.recovery.is_recovering() || self.timeouts_in_row > 0;
        self.recovery.phase = Phase::Loss;
        self.recovery.high = self.next;
        self.tail_probe = None;
    }

    /// Holds everything lost except what left so recently that it may still be answered (RFC 8985 §6.3).
    fn hold_overdue_lost(&mut self, now: Time) {
        let first = self.board.first().map(|packet| packet.start);
        let overdue: Vec<u64> = self
            .board
            .iter()
            .filter(|packet| {
                Some(packet.start) == first || self.rack.time_left(packet, Duration::ZERO, now).is_none()
            })
            .map(|packet| packet.end)
            .collect();
        for end in overdue {
            self.lost += u64::from(self.board.mark_lost(end));
        }
    }

    fn on_reordering_timeout(&mut self, now: Time) {
        let detected = self.rack.detect(&mut self.board, &self.rtt, self.recovery.is_recovering(), now);
        self.lost += detected.lost;
        if detected.lost > 0 {
            if self.recovery.phase != Phase::Recovery {
                self.enter_recovery();
                self.congestion.reduce_by_time(self.board.in_flight());
            }
            self.send_lost(now);
        }
        if self.timer.is_none_or(|timer| timer.kind != TimerKind::Retransmission) {
            self.rearm_retransmission(now);
        }
    }

    fn on_window_probe_timeout(&mut self, now: Time) -> Result<(), GivenUp> {
        if !self.board.is_empty() || !self.has_unsent() {
            self.probing = Default::default();
            return Ok(());
        }
        if self.probing.unanswered >= self.max_timeouts {
            return Err(GivenUp);
        }
        self.counters.window_probes += 1;
        if self.next < self.window_end() {
            // The window is open by less than a packet: a part of one goes.
            let end = (self.next + self.segment_bytes).min(self.window_end()).min(self.buffer.end());
            self.send_first_time(end, now);
            self.end_burst();
            self.probing = Default::default();
            return Ok(());
        }
        self.probing.unanswered += 1;
        self.probing.doublings += 1;
        // An old number makes the peer answer with its window.
        self.orders.push_back(Order { start: self.acked - 1, end: self.acked - 1 });
        self.arm_window_probe(now);
        Ok(())
    }
}
