//! What a link holds, and what it has done.

use core::time::Duration;

use sluice_shared::link::ByteCount;

use crate::fate::{DropReason, LossKind};

/// What a link holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    /// What waits for the bottleneck; ages count from when a packet was handed in.
    pub queue: HopLevel,
    /// What is being serialised or propagates; ages count from when a packet left the queue or, once it propagates,
    /// the bottleneck.
    pub wire: HopLevel,
}

/// The content of one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HopLevel {
    /// How many packets.
    pub packets: u64,
    /// How many bytes on the wire they are.
    pub bytes: ByteCount,
    /// How long the one that came first has been there; `None` when the hop is empty.
    pub oldest_age: Option<Duration>,
}

impl HopLevel {
    /// Counts one more packet in.
    pub(crate) fn include(&mut self, size: ByteCount, age: Duration) {
        self.packets += 1;
        self.bytes += size;
        self.oldest_age = self.oldest_age.max(Some(age));
    }
}

/// A number of packets with their bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many packets.
    pub packets: u64,
    /// How many bytes.
    pub bytes: ByteCount,
}

impl Traffic {
    pub(crate) fn add(&mut self, size: ByteCount) {
        self.packets += 1;
        self.bytes += size;
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

/// Running totals of a link.
///
/// Law: offered + duplicated = delivered + dropped + held, in packets and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Handed in.
    pub offered: Traffic,
    /// Got past the loss stage.
    pub passed: Traffic,
    /// Second copies that the wire made.
    pub duplicated: Traffic,
    /// Given out as delivered, copies included.
    pub delivered: Traffic,
    /// Dropped because the queue was full.
    pub dropped_by_queue: Traffic,
    /// Lost by chance.
    pub lost_at_random: Traffic,
    /// Lost in bad spells.
    pub lost_in_bursts: Traffic,
    /// Dropped because of an outage.
    pub dropped_by_outage: Traffic,
    /// Dropped because the link was blocked.
    pub dropped_by_block: Traffic,
    /// Dropped because the link held all it may.
    pub dropped_by_overload: Traffic,
}

impl Counters {
    /// Everything dropped, for whatever reason.
    pub fn dropped(&self) -> Traffic {
        let mut all = Traffic::default();
        for part in [
            self.dropped_by_queue,
            self.lost_at_random,
            self.lost_in_bursts,
            self.dropped_by_outage,
            self.dropped_by_block,
            self.dropped_by_overload,
        ] {
            all.merge(part);
        }
        all
    }

    /// The share of packets lost among those that reached the loss stage, 0 to 1; `None` before the first.
    ///
    /// Drops by the queue, an outage or a block are not loss: they have counters of their own.
    pub fn realised_loss(&self) -> Option<f64> {
        let lost = self.lost_at_random.packets + self.lost_in_bursts.packets;
        let all = lost + self.passed.packets;
        (all > 0).then(|| lost as f64 / all as f64)
    }

    /// What should be inside, by the law.
    pub(crate) fn held(&self) -> Traffic {
        let dropped = self.dropped();
        Traffic {
            packets: self.offered.packets + self.duplicated.packets
                - self.delivered.packets
                - dropped.packets,
            bytes: self.offered.bytes + self.duplicated.bytes - self.delivered.bytes - dropped.bytes,
        }
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason, size: ByteCount) {
        let counter = match reason {
            DropReason::Queue => &mut self.dropped_by_queue,
            DropReason::Loss(LossKind::Random) => &mut self.lost_at_random,
            DropReason::Loss(LossKind::Burst) => &mut self.lost_in_bursts,
            DropReason::Outage => &mut self.dropped_by_outage,
            DropReason::Blocked => &mut self.dropped_by_block,
            DropReason::Overload => &mut self.dropped_by_overload,
        };
        counter.add(size);
    }
}
