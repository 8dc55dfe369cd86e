//! What was sent and is not cumulatively acknowledged (RFC 2018 §5, RFC 6675's scoreboard as Linux keeps it).

use std::collections::{BTreeSet, VecDeque};

use sluice_shared::time::Time;

use crate::delivery_rate::DeliveryStamp;

/// A packet that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The packet covers offsets from `start` up to but without `end`.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// When it left last.
    pub(crate) sent_at: Time,
    /// What had been delivered when it left last.
    pub(crate) stamp: DeliveryStamp,
    /// The receiver holds it.
    pub(crate) is_sacked: bool,
    /// It is held lost.
    pub(crate) is_lost: bool,
    /// A retransmission of it is in flight.
    pub(crate) is_retransmission_out: bool,
    /// It was sent more than once.
    pub(crate) was_retransmitted: bool,
}

impl Sent {
    /// A packet that leaves for the first time.
    pub(crate) const fn first_time(start: u64, end: u64, sent_at: Time, stamp: DeliveryStamp) -> Self {
        Self {
            start,
            end,
            sent_at,
            stamp,
            is_sacked: false,
            is_lost: false,
            is_retransmission_out: false,
            was_retransmitted: false,
        }
    }

    /// Whether it is sent, neither acknowledged nor waiting to be sent again: what RACK judges.
    const fn is_under_way(&self) -> bool {
        !self.is_sacked && !self.awaits_retransmission()
    }

    const fn awaits_retransmission(&self) -> bool {
        self.is_lost && !self.is_retransmission_out && !self.is_sacked
    }
}

/// The packets between the first unacknowledged offset and the next to be sent, in order, with their counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scoreboard {
    sent: VecDeque<Sent>,
    /// (when it left, its end) of each packet under way: the order in which RACK looks at them.
    by_time: BTreeSet<(Time, u64)>,
    /// The ends of lost packets whose retransmission has not left.
    to_retransmit: BTreeSet<u64>,
    sacked: u64,
    lost: u64,
    retransmissions_out: u64,
    /// The end of the highest packet selectively acknowledged.
    highest_sacked: u64,
    /// The blocks of the last acknowledgment: what lies in them has been looked at.
    seen_blocks: [(u64, u64); 4],
}

impl Scoreboard {
    /// Adds a packet behind all others.
    pub(crate) fn push(&mut self, packet: Sent) {
        debug_assert!(self.sent.back().is_none_or(|last| last.end == packet.start), "packets are contiguous");
        self.remember(&packet);
        self.sent.push_back(packet);
    }

    /// Removes the first packet if everything of it lies before `acked`.
    pub(crate) fn take_acked(&mut self, acked: u64) -> Option<Sent> {
        let first = *self.sent.front().filter(|packet| packet.end <= acked)?;
        self.forget(&first);
        self.sent.pop_front()
    }

    /// Shortens the first packet to what lies behind `acked`: a copy of its beginning arrived in a smaller packet.
    pub(crate) fn trim_front(&mut self, acked: u64) {
        if let Some(first) = self.sent.front_mut() {
            first.start = first.start.max(acked);
        }
    }

    /// Marks what lies wholly in `blocks` as held by the receiver, calling `visit` with each packet as it was before,
    /// and with the end of the highest packet held.
    pub(crate) fn mark_sacked(&mut self, blocks: &[(u64, u64)], mut visit: impl FnMut(&Sent, u64)) {
        for &(first, end) in blocks {
            // Blocks mostly repeat and extend those of the last acknowledgment.
            let from = self.seen_blocks.iter().find(|seen| seen.0 <= first && first < seen.1);
            let from = from.map_or(first, |seen| seen.1).max(first);
            let mut index = self.sent.partition_point(|packet| packet.end <= from);
            while let Some(packet) = self.sent.get(index).copied().filter(|packet| packet.end <= end) {
                if packet.start >= first && !packet.is_sacked {
                    visit(&packet, self.highest_sacked);
                    self.update(index, |packet| {
                        packet.is_sacked = true;
                        // A retransmission of a packet that is not held lost is believed to be in flight still.
                        packet.is_retransmission_out &= !packet.is_lost;
                        packet.is_lost = false;
                    });
                    self.highest_sacked = self.highest_sacked.max(packet.end);
                }
                index += 1;
            }
        }
        self.seen_blocks = [(0, 0); 4];
        for (slot, block) in self.seen_blocks.iter_mut().zip(blocks) {
            *slot = *block;
        }
    }

    /// Calls `visit` with each packet in a range that arrived twice; its retransmission is no longer in flight.
    pub(crate) fn mark_duplicate(&mut self, (first, end): (u64, u64), mut visit: impl FnMut(&Sent)) {
        let mut index = self.sent.partition_point(|packet| packet.start < first);
        while let Some(packet) = self.sent.get(index).copied().filter(|packet| packet.end <= end) {
            visit(&packet);
            self.update(index, |packet| packet.is_retransmission_out = false);
            index += 1;
        }
    }

    /// The packets under way in the order in which they left, the oldest first.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Sent> {
        self.by_time.iter().filter_map(|(_, end)| self.sent.get(self.index_of_end(*end)?))
    }

    /// All packets in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter()
    }

    /// Holds the packet that ends at `end` lost; says whether that is news. A lost retransmission is news again.
    pub(crate) fn mark_lost(&mut self, end: u64) -> bool {
        let Some(index) = self.index_of_end(end) else { return false };
        let is_news = self.sent.get(index).is_some_and(|packet| packet.is_under_way());
        self.update(index, |packet| {
            if !packet.is_sacked {
                packet.is_retransmission_out &= !packet.is_lost;
                packet.is_lost = true;
            }
        });
        is_news
    }

    /// Holds nothing lost.
    pub(crate) fn unmark_lost(&mut self) {
        for index in 0..self.sent.len() {
            self.update(index, |packet| packet.is_lost = false);
        }
    }

    /// The first lost packet whose retransmission has not left.
    pub(crate) fn first_to_retransmit(&self) -> Option<Sent> {
        self.sent.get(self.index_of_end(*self.to_retransmit.first()?)?).copied()
    }

    /// Joins the packets behind the one that ends at `end` to it while they fit into `max_bytes` and end by
    /// `window_end`, as Linux does with small packets before a retransmission; returns the joined packet.
    pub(crate) fn join_following(&mut self, end: u64, max_bytes: u64, window_end: u64) -> Option<Sent> {
        let index = self.index_of_end(end)?;
        while let (Some(&packet), Some(&next)) = (self.sent.get(index), self.sent.get(index + 1)) {
            let fits = next.end - packet.start <= max_bytes && next.end <= window_end;
            if !fits || packet.is_sacked || next.is_sacked {
                break;
            }
            self.forget(&next);
            self.sent.remove(index + 1);
            self.update(index, |packet| {
                packet.end = next.end;
                packet.was_retransmitted |= next.was_retransmitted;
            });
        }
        self.sent.get(index).copied()
    }

    /// Notes that the packet that ends at `end` left again.
    pub(crate) fn on_retransmitted(&mut self, end: u64, now: Time, stamp: DeliveryStamp, is_counted: bool) {
        let Some(index) = self.index_of_end(end) else { return };
        self.update(index, |packet| {
            packet.sent_at = now;
            packet.stamp = stamp;
            packet.was_retransmitted = true;
            packet.is_retransmission_out |= is_counted;
        });
    }

    pub(crate) fn first(&self) -> Option<&Sent> {
        self.sent.front()
    }

    pub(crate) fn last(&self) -> Option<&Sent> {
        self.sent.back()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Packets sent and not cumulatively acknowledged.
    pub(crate) fn packets_out(&self) -> u64 {
        self.sent.len() as u64
    }

    /// Packets that the network holds, as far as is known: out − sacked − lost + retransmitted (RFC 6675's pipe).
    pub(crate) fn in_flight(&self) -> u64 {
        (self.packets_out() + self.retransmissions_out).saturating_sub(self.sacked + self.lost)
    }

    pub(crate) const fn sacked(&self) -> u64 {
        self.sacked
    }

    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    pub(crate) const fn retransmissions_out(&self) -> u64 {
        self.retransmissions_out
    }

    /// The end of the highest packet that the receiver holds beyond `acked`, or `acked`.
    pub(crate) fn highest_sacked(&self, acked: u64) -> u64 {
        if self.sacked == 0 { acked } else { self.highest_sacked.max(acked) }
    }

    fn index_of_end(&self, end: u64) -> Option<usize> {
        let index = self.sent.partition_point(|packet| packet.end < end);
        self.sent.get(index).is_some_and(|packet| packet.end == end).then_some(index)
    }

    /// The one place where a packet changes, so that counts and orders always agree with it.
    fn update(&mut self, index: usize, change: impl FnOnce(&mut Sent)) {
        let Some(&before) = self.sent.get(index) else { return };
        let mut after = before;
        change(&mut after);
        if after != before {
            self.forget(&before);
            self.remember(&after);
            if let Some(slot) = self.sent.get_mut(index) {
                *slot = after;
            }
        }
    }

    fn remember(&mut self, packet: &Sent) {
        self.sacked += u64::from(packet.is_sacked);
        self.lost += u64::from(packet.is_lost);
        self.retransmissions_out += u64::from(packet.is_retransmission_out);
        if packet.is_under_way() {
            self.by_time.insert((packet.sent_at, packet.end));
        }
        if packet.awaits_retransmission() {
            self.to_retransmit.insert(packet.end);
        }
    }

    fn forget(&mut self, packet: &Sent) {
        self.sacked -= u64::from(packet.is_sacked);
        self.lost -= u64::from(packet.is_lost);
        self.retransmissions_out -= u64::from(packet.is_retransmission_out);
        self.by_time.remove(&(packet.sent_at, packet.end));
        self.to_retransmit.remove(&packet.end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(packets: u64) -> Scoreboard {
        let mut board = Scoreboard::default();
        for i in 0..packets {
            let stamp = DeliveryStamp::default();
            board.push(Sent::first_time(i * 10, (i + 1) * 10, Time::from_millis(i), stamp));
        }
        board
    }

    fn sack(board: &mut Scoreboard, blocks: &[(u64, u64)]) -> Vec<u64> {
        let mut starts = Vec::new();
        board.mark_sacked(blocks, |packet, _| starts.push(packet.start));
        starts
    }

    #[test]
    fn the_pipe_counts_what_the_network_holds() {
        let mut board = board(10);
        assert_eq!(board.in_flight(), 10);
        assert_eq!(sack(&mut board, &[(30, 60)]), [30, 40, 50]);
        assert_eq!(board.in_flight(), 7);
        assert!(board.mark_lost(10));
        assert!(!board.mark_lost(10), "it was lost already");
        assert_eq!((board.lost(), board.in_flight()), (1, 6));
        board.on_retransmitted(10, Time::from_millis(50), DeliveryStamp::default(), true);
        assert_eq!(board.in_flight(), 7);
        assert!(board.mark_lost(10), "the retransmission is lost too");
        assert_eq!((board.retransmissions_out(), board.in_flight()), (0, 6));
        while board.take_acked(100).is_some() {}
        assert_eq!((board.sacked(), board.lost(), board.in_flight()), (0, 0, 0));
        assert!(board.is_empty() && board.by_time.is_empty() && board.to_retransmit.is_empty());
    }

    #[test]
    fn repeated_blocks_are_not_counted_twice_and_extended_ones_in_full() {
        let mut board = board(10);
        assert_eq!(sack(&mut board, &[(30, 50)]), [30, 40]);
        assert_eq!(sack(&mut board, &[(30, 50)]), [0_u64; 0]);
        assert_eq!(sack(&mut board, &[(70, 80), (30, 60)]), [70, 50]);
        assert_eq!(sack(&mut board, &[(20, 90)]), [20, 60, 80]);
        assert_eq!((board.sacked(), board.highest_sacked(0)), (7, 90));
    }

    #[test]
    fn a_packet_covered_in_part_is_not_held() {
        let mut board = board(4);
        assert_eq!(sack(&mut board, &[(5, 25)]), [10]);
        assert_eq!(sack(&mut board, &[(5, 30)]), [20]);
    }

    #[test]
    fn small_packets_are_joined_up_to_the_next_one_held() {
        let mut board = board(6);
        sack(&mut board, &[(40, 50)]);
        for end in [10, 20, 30, 40] {
            board.mark_lost(end);
        }
        let joined = board.join_following(10, 25, 1_000).expect("the packet is there");
        assert_eq!((joined.start, joined.end), (0, 20));
        let joined = board.join_following(30, 100, 1_000).expect("the packet is there");
        assert_eq!((joined.start, joined.end), (20, 40));
        assert_eq!((board.packets_out(), board.lost(), board.sacked()), (4, 2, 1));
        assert_eq!(board.first_to_retransmit().map(|packet| packet.end), Some(20));
    }
}
