//! Where a sender stands between "all is well" and "everything is lost", and whether it may take that back.

/// The state of loss recovery (Linux's `tcp_ca_state`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Everything is acknowledged in order.
    Open,
    /// Something arrived out of order; nothing is held lost.
    Disorder,
    /// Lost packets are being sent again, the window is being reduced.
    Recovery,
    /// A timeout struck: everything old enough is held lost.
    Loss,
}

/// The state of loss recovery with what is needed to leave it and to undo it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recovery {
    pub(crate) phase: Phase,
    /// The state may be left when this offset is acknowledged.
    pub(crate) high: u64,
    /// What was unacknowledged when the window was reduced; `None` when there is nothing to undo.
    pub(crate) undo_from: Option<u64>,
    /// Retransmissions that no duplicate report has shown to be needless; `None` before the first.
    pub(crate) unexplained_retransmissions: Option<u64>,
    /// The timestamp of the first retransmission (Eifel detection, RFC 3522).
    pub(crate) first_retransmission: Option<u32>,
    /// A timeout is being checked for being spurious (F-RTO, RFC 5682).
    pub(crate) is_checking_timeout: bool,
}

/// What goes out after an acknowledgment was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retransmit {
    /// No retransmission.
    Nothing,
    /// What is lost.
    Lost,
    /// New data, to find out whether a timeout was spurious.
    NewFirst,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            phase: Phase::Open,
            high: 0,
            undo_from: None,
            unexplained_retransmissions: None,
            first_retransmission: None,
            is_checking_timeout: false,
        }
    }
}

impl Recovery {
    /// Whether lost packets are known, by either way of finding out.
    pub(crate) const fn is_recovering(&self) -> bool {
        matches!(self.phase, Phase::Recovery | Phase::Loss)
    }

    /// Whether the window is being reduced proportionally.
    pub(crate) fn is_reducing(&self) -> bool {
        self.phase == Phase::Recovery
    }

    /// Remembers how to undo what begins here; `out` retransmissions are in flight already.
    pub(crate) fn begin_undoable(&mut self, acked: u64, out: u64) {
        self.undo_from = Some(acked);
        self.unexplained_retransmissions = (out > 0).then_some(out);
    }

    /// Counts a retransmission that left at timestamp `clock`.
    pub(crate) fn on_retransmitted(&mut self, clock: u32) {
        self.first_retransmission.get_or_insert(clock);
        self.unexplained_retransmissions = Some(self.unexplained_retransmissions.unwrap_or(0) + 1);
    }

    /// A range up to `end` that arrived twice explains `count` retransmissions (RFC 2883).
    pub(crate) fn explain(&mut self, end: u64, count: u64) {
        if self.undo_from.is_some_and(|from| end > from)
            && let Some(unexplained) = &mut self.unexplained_retransmissions
        {
            *unexplained = unexplained.saturating_sub(count);
        }
    }

    /// Whether every retransmission of this reduction was needless.
    pub(crate) fn is_all_explained(&self) -> bool {
        self.undo_from.is_some() && self.unexplained_retransmissions == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_explain_as_many_retransmissions_as_there_were() {
        let mut recovery = Recovery::default();
        recovery.begin_undoable(100, 0);
        recovery.explain(200, 1);
        assert!(!recovery.is_all_explained(), "nothing was retransmitted, so nothing is proven");
        recovery.on_retransmitted(7);
        recovery.on_retransmitted(9);
        assert_eq!(recovery.first_retransmission, Some(7));
        recovery.explain(100, 1);
        recovery.explain(200, 1);
        assert!(!recovery.is_all_explained(), "an old duplicate says nothing");
        recovery.explain(200, 1);
        assert!(recovery.is_all_explained());
    }
}
