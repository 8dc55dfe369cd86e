//! Whether a loss was none after all: by timestamps (Eifel, RFC 3522), duplicates (RFC 2883, RFC 3708) or F-RTO.

use sluice_shared::time::Time;

use crate::recovery::Phase;
use crate::timestamp::is_before;

use super::Sender;

impl Sender {
    /// Whether the reduction under way, or just over, was for nothing.
    pub(super) fn may_undo(&self) -> bool {
        self.recovery.undo_from.is_some()
            && (self.recovery.is_all_explained() || self.is_answer_to_original())
    }

    /// Every retransmission was reported as a duplicate: undoes the reduction, and says so.
    pub(super) fn undo_by_duplicates(&mut self, now: Time) -> bool {
        let is_explained = self.recovery.is_all_explained();
        if is_explained {
            self.undo_reduction(false, now);
        }
        is_explained
    }

    /// The hole was filled by a packet that was late, not by its retransmission. Says whether judgment should stop,
    /// which is while retransmissions are out.
    pub(super) fn undo_partially(&mut self, prior_acked: u64, now: Time) -> bool {
        if self.recovery.undo_from.is_none() || !self.is_answer_to_original() {
            return false;
        }
        self.note_reordering(prior_acked, self.board.highest_sacked(self.acked));
        if self.board.retransmissions_out() > 0 {
            return true;
        }
        if !self.is_repair_pending() {
            self.recovery.first_retransmission = None;
        }
        self.undo_reduction(true, now);
        self.settle_phase();
        false
    }

    /// Undoes a timeout that was spurious; `is_certain` says that F-RTO has found it so.
    pub(super) fn undo_timeout(&mut self, is_certain: bool, now: Time) -> bool {
        if !is_certain && !self.may_undo() {
            return false;
        }
        self.undo_reduction(true, now);
        self.timeouts_in_row = 0;
        self.recovery.phase = Phase::Open;
        true
    }

    pub(super) fn undo_reduction(&mut self, is_nothing_lost: bool, now: Time) {
        if is_nothing_lost {
            self.board.unmark_lost();
        }
        self.congestion.undo(self.totals(), now);
        self.recovery.undo_from = None;
        self.rack.look_again();
        self.counters.undos += 1;
    }

    /// The echo is of before the first retransmission, so what arrived was the original.
    fn is_answer_to_original(&self) -> bool {
        self.recovery
            .first_retransmission
            .is_none_or(|first| self.echo.is_some_and(|echo| is_before(echo, first)))
    }
}
