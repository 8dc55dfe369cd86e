//! Whether an acknowledgment means loss (Linux's `tcp_fastretrans_alert`).

use sluice_shared::time::Time;

use crate::recovery::{Phase, Retransmit};

use super::Sender;
use super::ack::Learnt;

impl Sender {
    /// Moves the state of recovery, marks what is lost, and says what is to be sent again.
    pub(super) fn judge(&mut self, learnt: &mut Learnt, prior_acked: u64, now: Time) -> Retransmit {
        match self.recovery.phase {
            Phase::Open => self.recovery.first_retransmission = None,
            Phase::Recovery if self.acked >= self.recovery.high => self.leave_recovery(now),
            Phase::Recovery | Phase::Disorder | Phase::Loss => {}
        }
        match self.recovery.phase {
            Phase::Recovery => self.judge_in_recovery(learnt, prior_acked, now),
            Phase::Loss => {
                let what = self.judge_after_timeout(learnt, now);
                self.look_for_loss(learnt, now);
                if self.recovery.phase == Phase::Open || learnt.has_lost_retransmission {
                    self.judge_anew(learnt, what, now)
                } else {
                    what
                }
            }
            Phase::Open | Phase::Disorder => self.judge_anew(learnt, Retransmit::Nothing, now),
        }
    }

    fn judge_in_recovery(&mut self, learnt: &mut Learnt, prior_acked: u64, now: Time) -> Retransmit {
        if learnt.advances && self.undo_partially(prior_acked, now) {
            return Retransmit::Nothing;
        }
        if self.undo_by_duplicates(now) {
            self.settle();
        }
        self.look_for_loss(learnt, now);
        if self.recovery.phase != Phase::Recovery {
            if self.board.lost() == 0 {
                return Retransmit::Nothing;
            }
            // What was undone had another loss behind it.
            self.enter_recovery();
        }
        Retransmit::Lost
    }

    fn judge_anew(&mut self, learnt: &mut Learnt, otherwise: Retransmit, now: Time) -> Retransmit {
        if !self.recovery.is_recovering() {
            self.undo_by_duplicates(now);
        }
        self.look_for_loss(learnt, now);
        if self.board.lost() == 0 {
            self.settle();
            return otherwise;
        }
        self.enter_recovery();
        Retransmit::Lost
    }

    /// F-RTO (RFC 5682 §3.1): new data that is acknowledged before what timed out was repeated in full shows that
    /// nothing was lost.
    fn judge_after_timeout(&mut self, learnt: &Learnt, now: Time) -> Retransmit {
        let is_recovered = self.acked >= self.recovery.high;
        if learnt.advances && self.undo_timeout(false, now) {
            return Retransmit::Nothing;
        }
        if self.recovery.is_checking_timeout {
            if learnt.has_original_arrived && self.undo_timeout(true, now) {
                return Retransmit::Nothing;
            }
            if self.next > self.recovery.high {
                if learnt.has_sacked || learnt.is_duplicate_ack() {
                    self.recovery.is_checking_timeout = false;
                }
            } else if learnt.advances && !is_recovered {
                self.recovery.high = self.next;
                if self.has_unsent() && self.window_end() > self.next {
                    return Retransmit::NewFirst;
                }
                self.recovery.is_checking_timeout = false;
            }
        }
        if is_recovered {
            self.leave_recovery_phase(now);
            return Retransmit::Nothing;
        }
        Retransmit::Lost
    }

    /// Looks for loss by time (RFC 8985 §6.2 step 5).
    fn look_for_loss(&mut self, learnt: &mut Learnt, now: Time) {
        if self.board.is_empty() {
            return;
        }
        let prior_retransmissions = self.board.retransmissions_out();
        let is_recovering = self.recovery.is_recovering();
        let detected = self.rack.detect_after_ack(&mut self.board, &self.rtt, is_recovering, now);
        self.lost += detected.lost;
        if let Some(left) = detected.look_again_after {
            self.arm_reordering(left, now);
            learnt.sets_timer = false;
        }
        learnt.has_lost_retransmission |= self.board.retransmissions_out() < prior_retransmissions;
    }

    pub(super) fn enter_recovery(&mut self) {
        self.begin_undoable();
        self.congestion.begin_reduction(true);
        self.tail_probe = None;
        self.recovery.high = self.next;
        self.recovery.phase = Phase::Recovery;
        self.counters.fast_recoveries += 1;
    }

    /// Remembers how to undo the reduction that begins; a tail probe in flight may be reported as a duplicate too.
    pub(super) fn begin_undoable(&mut self) {
        let probes = u64::from(self.tail_probe.is_some_and(|probe| probe.is_retransmission));
        let out = self.board.retransmissions_out() + probes;
        self.recovery.begin_undoable(self.acked, out);
    }

    /// Everything that was out when recovery began is acknowledged.
    fn leave_recovery(&mut self, now: Time) {
        self.leave_recovery_phase(now);
        if self.recovery.undo_from.is_some() {
            self.congestion.end_reduction(now);
        }
    }

    pub(super) fn leave_recovery_phase(&mut self, now: Time) {
        if self.may_undo() {
            self.undo_reduction(false, now);
        } else {
            self.rack.on_recovery_end();
        }
        self.recovery.phase = Phase::Open;
    }

    /// Settles the phase, and forgets the first retransmission once all are acknowledged.
    pub(super) fn settle(&mut self) {
        if !self.is_repair_pending() {
            self.recovery.first_retransmission = None;
        }
        self.settle_phase();
    }

    /// Open when nothing is out of order, else Disorder.
    pub(super) fn settle_phase(&mut self) {
        let is_disordered = self.board.sacked() + self.board.lost() > 0 || self.is_repair_pending();
        let phase = if is_disordered { Phase::Disorder } else { Phase::Open };
        if self.recovery.phase != phase {
            self.recovery.phase = phase;
            self.recovery.high = self.next;
        }
    }
}
