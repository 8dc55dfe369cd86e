//! Where the time of a write went: send queue, bottleneck, propagation, or blocked behind a lost packet.
//!
//! No IO and no clock: it is told of everything that happens to one direction of a TCP stream, by offsets that begin
//! with 0 at the first byte.
//!
//! The parts of a write are told by its last byte, and add up to the time until that byte could be read in order:
//!
//! | part | from | until |
//! |---|---|---|
//! | send queue | the write was accepted | the byte was sent for the first time |
//! | bottleneck | the packet by which it arrived was sent | that packet had been serialised |
//! | propagation | then | it arrived |
//! | blocked | | what is left: its own retransmission, and waiting for bytes before it |

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use sluice_link::{Delivered, PacketId};
use sluice_shared::lab::{LateWrite, Lateness};
use sluice_shared::time::{Time, micros};

/// Writes that are followed one by one; when there are more, those that follow count as part of the last.
const MAX_WRITES: usize = 4_096;
/// Dropped packets that are remembered until their bytes have arrived.
const MAX_DROPS: usize = 4_096;

/// The times of a packet that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passage {
    pub(crate) queued_at: Time,
    pub(crate) left_bottleneck_at: Time,
    pub(crate) delivered_at: Time,
}

impl Passage {
    pub(crate) const fn of<P>(delivered: &Delivered<P>) -> Self {
        Self {
            queued_at: delivered.queued_at,
            left_bottleneck_at: delivered.left_bottleneck_at,
            delivered_at: delivered.delivered_at,
        }
    }
}

/// Follows the writes of one direction.
#[derive(Debug, Default)]
pub(crate) struct Attribution {
    /// Writes that cannot be read yet, in order.
    writes: VecDeque<Write>,
    /// How many of them were sent to their last byte.
    sent_writes: usize,
    /// Dropped packets by their first byte, the first that was dropped there, until their bytes can be read.
    drops: BTreeMap<u64, Drop>,
    /// Everything before this offset can be read.
    readable: u64,
    sums: Lateness,
}

#[derive(Clone, Copy, Debug)]
struct Write {
    /// The offset behind its last byte.
    end: u64,
    accepted_at: Time,
    sent_at: Option<Time>,
    arrived: Option<Passage>,
}

#[derive(Clone, Copy, Debug)]
struct Drop {
    end: u64,
    id: PacketId,
}

impl Attribution {
    /// A write up to the offset `end` was accepted at `now`.
    pub(crate) fn on_write(&mut self, end: u64, now: Time) {
        let write = Write { end, accepted_at: now, sent_at: None, arrived: None };
        if self.writes.len() < MAX_WRITES {
            self.writes.push_back(write);
        } else if let Some(last) = self.writes.back_mut() {
            *last = Write { accepted_at: last.accepted_at, ..write };
            self.sent_writes = self.sent_writes.min(MAX_WRITES - 1);
        }
    }

    /// The bytes of `range` left at `now`, for the first time or again.
    pub(crate) fn on_sent(&mut self, range: &Range<u64>, now: Time) {
        while let Some(write) = self.writes.get_mut(self.sent_writes).filter(|write| write.end <= range.end) {
            write.sent_at = Some(now);
            self.sent_writes += 1;
        }
    }

    /// The packet `id` with the bytes of `range` was dropped.
    pub(crate) fn on_dropped(&mut self, range: &Range<u64>, id: PacketId) {
        if range.end > self.readable && self.drops.len() < MAX_DROPS {
            self.drops.entry(range.start).or_insert(Drop { end: range.end, id });
        }
    }

    /// The bytes of `range` arrived, and everything before `readable` can be read now.
    pub(crate) fn on_delivered(&mut self, range: &Range<u64>, passage: Passage, readable: u64) {
        let first = self.writes.partition_point(|write| write.end <= range.start);
        for write in self.writes.range_mut(first..).take_while(|write| write.end <= range.end) {
            write.arrived.get_or_insert(passage);
        }
        if readable > self.readable {
            self.advance(readable, passage.delivered_at);
        }
    }

    /// Sums since the beginning, and the latest write since the last time this was asked.
    pub(crate) fn take_lateness(&mut self) -> Lateness {
        let worst = self.sums.worst.take();
        Lateness { worst, ..self.sums }
    }

    /// What has come together since this was last asked.
    pub(crate) fn drain_lateness(&mut self) -> Lateness {
        std::mem::take(&mut self.sums)
    }

    fn advance(&mut self, readable: u64, at: Time) {
        // The byte that everything behind it waited for is the first that was missing.
        let culprit = self.drop_at(self.readable);
        self.readable = readable;
        while let Some(write) = self.writes.front().copied().filter(|write| write.end <= readable) {
            self.writes.pop_front();
            self.sent_writes = self.sent_writes.saturating_sub(1);
            if let (Some(sent_at), Some(arrived)) = (write.sent_at, write.arrived) {
                self.count(write.accepted_at, sent_at, arrived, at, culprit);
            }
        }
        while let Some(first) = self.drops.first_entry().filter(|entry| entry.get().end <= readable) {
            first.remove();
        }
    }

    fn count(
        &mut self,
        accepted_at: Time,
        sent_at: Time,
        arrived: Passage,
        at: Time,
        culprit: Option<PacketId>,
    ) {
        let send_queue = micros(sent_at.since(accepted_at));
        let bottleneck = micros(arrived.left_bottleneck_at.since(arrived.queued_at));
        let propagation = micros(arrived.delivered_at.since(arrived.left_bottleneck_at));
        let total = micros(at.since(accepted_at));
        let late = LateWrite {
            written_at: accepted_at,
            send_queue_micros: send_queue,
            bottleneck_micros: bottleneck,
            propagation_micros: propagation,
            blocked_micros: total.saturating_sub(send_queue + bottleneck + propagation),
            lost_packet: None,
        };
        let late =
            LateWrite { lost_packet: culprit.filter(|_| late.blocked_micros > 0).map(|id| id.0), ..late };
        let sums = &mut self.sums;
        sums.writes += 1;
        sums.send_queue_micros += late.send_queue_micros;
        sums.bottleneck_micros += late.bottleneck_micros;
        sums.propagation_micros += late.propagation_micros;
        sums.blocked_micros += late.blocked_micros;
        if sums.worst.is_none_or(|worst| total_micros(&worst) < total) {
            sums.worst = Some(late);
        }
    }

    /// The first packet that was dropped with the byte at `offset` in it.
    fn drop_at(&self, offset: u64) -> Option<PacketId> {
        let around = self.drops.range(..=offset).filter(|(_, drop)| offset < drop.end);
        around.map(|(_, drop)| drop.id).min()
    }
}

/// Adds `more` to `sums`.
pub(crate) fn add(sums: &mut Lateness, more: Lateness) {
    sums.writes += more.writes;
    sums.send_queue_micros += more.send_queue_micros;
    sums.bottleneck_micros += more.bottleneck_micros;
    sums.propagation_micros += more.propagation_micros;
    sums.blocked_micros += more.blocked_micros;
    if let Some(late) = more.worst
        && sums.worst.is_none_or(|worst| total_micros(&worst) < total_micros(&late))
    {
        sums.worst = Some(late);
    }
}

const fn total_micros(late: &LateWrite) -> u64 {
    late.send_queue_micros + late.bottleneck_micros + late.propagation_micros + late.blocked_micros
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_millis(millis)
    }

    /// A packet that left at `sent`, waited 2 ms for the bottleneck and flew for 10 ms.
    fn passage(sent: u64) -> Passage {
        Passage { queued_at: at(sent), left_bottleneck_at: at(sent + 2), delivered_at: at(sent + 12) }
    }

    fn parts(late: &LateWrite) -> [u64; 4] {
        [late.send_queue_micros, late.bottleneck_micros, late.propagation_micros, late.blocked_micros]
            .map(|micros| micros / 1_000)
    }

    #[test]
    fn a_write_that_meets_nothing_waits_for_nothing() {
        let mut attribution = Attribution::default();
        attribution.on_write(100, at(0));
        attribution.on_sent(&(0..100), at(0));
        attribution.on_delivered(&(0..100), passage(0), 100);
        let lateness = attribution.take_lateness();
        let worst = lateness.worst.expect("one arrived");
        assert_eq!((lateness.writes, parts(&worst), worst.lost_packet), (1, [0, 2, 10, 0], None));
        assert_eq!(attribution.take_lateness().worst, None, "told once");
    }

    #[test]
    fn waiting_for_the_window_is_send_queue_and_not_blocked() {
        let mut attribution = Attribution::default();
        attribution.on_write(3_000, at(5));
        attribution.on_sent(&(0..1_448), at(5));
        attribution.on_delivered(&(0..1_448), passage(5), 1_448);
        attribution.on_sent(&(1_448..3_000), at(25));
        attribution.on_delivered(&(1_448..3_000), passage(25), 3_000);
        let worst = attribution.take_lateness().worst.expect("one arrived");
        assert_eq!((parts(&worst), worst.written_at), ([20, 2, 10, 0], at(5)));
    }

    #[test]
    fn a_write_behind_a_hole_names_the_lost_packet() {
        let mut attribution = Attribution::default();
        for (first, id) in [(0, 7), (100, 8), (200, 9)] {
            attribution.on_write(first + 100, at(first / 100));
            attribution.on_sent(&(first..first + 100), at(first / 100));
            if id == 7 {
                attribution.on_dropped(&(first..first + 100), PacketId(id));
            }
        }
        attribution.on_delivered(&(100..200), passage(1), 0);
        attribution.on_delivered(&(200..300), passage(2), 0);
        // Its retransmission is lost too; the one that held everything up from the start is the first.
        attribution.on_sent(&(0..100), at(30));
        attribution.on_dropped(&(0..100), PacketId(12));
        attribution.on_sent(&(0..100), at(60));
        attribution.on_delivered(&(0..100), passage(60), 300);
        let lateness = attribution.take_lateness();
        assert_eq!(lateness.writes, 3);
        // 72 ms in all for the first (60 of them until the packet that arrived left), 71 and 70 for those behind it.
        assert_eq!(lateness.blocked_micros, 1_000 * (60 + 59 + 58));
        let worst = lateness.worst.expect("arrived");
        assert_eq!((parts(&worst), worst.lost_packet), ([0, 2, 10, 60], Some(PacketId(7).0)));
        assert!(attribution.drops.is_empty() && attribution.writes.is_empty());
    }

    #[test]
    fn of_two_holes_the_one_filled_last_is_named() {
        let mut attribution = Attribution::default();
        for (first, id) in [(0, 0), (100, 1), (200, 2)] {
            attribution.on_write(first + 100, at(0));
            attribution.on_sent(&(first..first + 100), at(0));
            if id < 2 {
                attribution.on_dropped(&(first..first + 100), PacketId(id));
            }
        }
        attribution.on_delivered(&(200..300), passage(0), 0);
        attribution.on_delivered(&(0..100), passage(30), 100);
        attribution.on_delivered(&(100..200), passage(40), 300);
        let worst = attribution.take_lateness().worst.expect("arrived");
        assert_eq!((worst.lost_packet, parts(&worst)), (Some(1), [0, 2, 10, 40]));
    }

    #[test]
    fn an_overtaken_packet_blocks_without_a_lost_one() {
        let mut attribution = Attribution::default();
        attribution.on_write(100, at(0));
        attribution.on_write(200, at(0));
        attribution.on_sent(&(0..200), at(0));
        attribution.on_delivered(&(100..200), passage(0), 0);
        attribution.on_delivered(&(0..100), passage(5), 200);
        let lateness = attribution.take_lateness();
        assert_eq!(lateness.worst.and_then(|worst| worst.lost_packet), None);
        assert_eq!(lateness.blocked_micros, 10_000);
    }

    #[test]
    fn the_four_parts_add_up_to_the_total_and_memory_is_bounded() {
        let mut attribution = Attribution::default();
        let mut end = 0;
        for n in 0..3 * MAX_WRITES as u64 {
            end += 1 + n % 7;
            attribution.on_write(end, at(n));
        }
        assert_eq!(attribution.writes.len(), MAX_WRITES);
        // Every third packet of 10 bytes is lost once, so there are more holes than are remembered.
        let mut id = 0;
        let packets: Vec<Range<u64>> =
            (0..end.div_ceil(10)).map(|n| n * 10..(n * 10 + 10).min(end)).collect();
        for range in &packets {
            attribution.on_sent(range, at(50_000));
            id += 1;
            if id % 3 == 0 {
                attribution.on_dropped(range, PacketId(id));
            }
        }
        assert!(attribution.drops.len() <= MAX_DROPS);
        for (n, range) in packets.iter().enumerate() {
            attribution.on_delivered(range, passage(60_000 + n as u64), range.end);
        }
        let lateness = attribution.take_lateness();
        let sum = lateness.send_queue_micros
            + lateness.bottleneck_micros
            + lateness.propagation_micros
            + lateness.blocked_micros;
        assert_eq!(lateness.writes, MAX_WRITES as u64);
        assert!(attribution.writes.is_empty() && attribution.drops.is_empty());
        // The last write counts from the first that it swallowed, and is read with the last byte.
        let total =
            micros(passage(60_000 + packets.len() as u64 - 1).delivered_at.since(at(MAX_WRITES as u64 - 1)));
        assert_eq!(total_micros(&lateness.worst.expect("arrived")), total);
        assert!(sum > total);
    }
}
