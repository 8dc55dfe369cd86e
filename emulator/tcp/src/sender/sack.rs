//! What the selective part of an acknowledgment says (RFC 2018, RFC 2883; Linux's `tcp_sacktag_write_queue`).

use sluice_shared::time::Time;

use crate::recovery::Phase;

use super::Sender;
use super::ack::{Acknowledgment, Learnt};

impl Sender {
    /// Marks what the receiver holds, and learns from what arrived twice.
    pub(super) fn take_sacks(
        &mut self,
        ack: &Acknowledgment<'_>,
        prior_acked: u64,
        learnt: &mut Learnt,
        now: Time,
    ) {
        let duplicate = duplicate_range(ack.sacks, ack.acked);
        if let Some((first, end)) = duplicate {
            self.take_duplicate(first, end, prior_acked, learnt);
        }
        let mut blocks = [(0, 0); 4];
        let mut count = 0;
        let held = ack.sacks.iter().filter(|block| block.1 > self.acked && block.1 <= self.next);
        for (slot, block) in blocks.iter_mut().zip(held) {
            *slot = (block.0.max(self.acked), block.1);
            count += 1;
        }
        let blocks = blocks.get_mut(..count).unwrap_or_default();
        // The newest block comes first; taken in that order, packets reported for the first time by a later block would
        // look overtaken.
        blocks.sort_unstable();
        if let Some(range) = duplicate.filter(|range| range.1 > self.acked) {
            let recovery = &mut self.recovery;
            self.board.mark_duplicate(range, |packet| {
                if packet.was_retransmitted {
                    recovery.explain(packet.end, 1);
                }
            });
        }
        self.mark_held(blocks, learnt, now);
        let start = learnt.overtaken_from;
        if let Some(start) = start
            && (self.recovery.phase != Phase::Loss || self.recovery.undo_from.is_some())
        {
            self.note_reordering(start, self.board.highest_sacked(self.acked));
        }
    }

    fn mark_held(&mut self, blocks: &[(u64, u64)], learnt: &mut Learnt, now: Time) {
        let (rack, min_rtt, high, acked) = (&mut self.rack, self.rtt.min(), self.recovery.high, self.acked);
        let delivered = &mut self.delivered;
        self.board.mark_sacked(blocks, |packet, highest_sacked| {
            rack.on_delivered(packet, min_rtt, now);
            learnt.has_sacked = true;
            learnt.note_delivery(packet);
            *delivered += 1;
            if packet.was_retransmitted {
                return;
            }
            if packet.start < highest_sacked.max(acked) {
                let from = learnt.overtaken_from.map_or(packet.start, |from| from.min(packet.start));
                learnt.overtaken_from = Some(from);
            }
            learnt.has_original_arrived |= packet.end <= high;
            let first = learnt.sacked_sent_at.map_or(packet.sent_at, |(first, _)| first);
            learnt.sacked_sent_at = Some((first, packet.sent_at));
        });
    }

    /// A range arrived twice: somebody repeated it needlessly, or the network did (RFC 2883 §4).
    fn take_duplicate(&mut self, first: u64, end: u64, prior_acked: u64, learnt: &mut Learnt) {
        let span = end.saturating_sub(first);
        if span == 0 || span > self.peer_window.max_bytes.max(self.segment_bytes) {
            return;
        }
        let packets = span.div_ceil(self.segment_bytes);
        let is_probe = span <= self.segment_bytes && self.tail_probe.is_some_and(|probe| probe.high == end);
        learnt.is_probe_duplicate |= is_probe;
        self.duplicates += packets;
        // More duplicates than retransmissions: the network made them, and they prove nothing.
        if self.duplicates > self.retransmitted {
            return;
        }
        learnt.has_duplicate = true;
        self.rack.on_duplicate(learnt.is_probe_duplicate);
        self.delivered += packets;
        if end <= prior_acked {
            self.recovery.explain(end, packets);
        }
    }

    /// A packet that begins at `start` was delivered after one that ends at `highest_sacked`.
    pub(super) fn note_reordering(&mut self, start: u64, highest_sacked: u64) {
        if start < highest_sacked {
            self.rack.on_reordering((highest_sacked - start).div_ceil(self.segment_bytes));
        }
    }
}

/// The first range if it tells of a duplicate: it lies below what is acknowledged, or within the second range.
fn duplicate_range(sacks: &[(u64, u64)], acked: u64) -> Option<(u64, u64)> {
    let &first = sacks.first()?;
    let is_within_second = sacks.get(1).is_some_and(|second| second.0 <= first.0 && first.1 <= second.1);
    (first.0 < acked || is_within_second).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_below_the_acknowledgment_or_within_another_is_a_duplicate() {
        assert_eq!(duplicate_range(&[(10, 20)], 30), Some((10, 20)));
        assert_eq!(duplicate_range(&[(40, 50), (40, 90)], 30), Some((40, 50)));
        assert_eq!(duplicate_range(&[(40, 50), (60, 90)], 30), None);
        assert_eq!(duplicate_range(&[], 30), None);
    }
}
