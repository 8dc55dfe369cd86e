//! The way behind the bottleneck: delay, jitter, stragglers, duplicates.

use core::cmp::{Ordering, Reverse};
use core::time::Duration;
use std::collections::BinaryHeap;

use sluice_shared::link::{ByteCount, Direction, Propagation};
use sluice_shared::time::{Time, micros};

use crate::bottleneck::Entry;
use crate::fate::Delivered;
use crate::levels::{HopLevel, Traffic};
use crate::random::{Purpose, Sequence};
use crate::weather::Weather;

/// Packets under way, the next to arrive on top.
#[derive(Clone, Debug)]
pub(crate) struct Wire<P> {
    propagation: Propagation,
    luck: Luck,
    flying: BinaryHeap<Reverse<Flying<P>>>,
    bytes: ByteCount,
    /// Numbers packets in the order in which they were sent.
    next_order: u64,
    /// The latest arrival so far among packets that nothing may overtake.
    last_arrival: Time,
}

impl<P: Clone> Wire<P> {
    pub(crate) fn new(propagation: Propagation, weather: Weather, direction: Direction) -> Self {
        Self {
            propagation,
            luck: Luck::new(weather.seed, direction),
            flying: BinaryHeap::new(),
            bytes: ByteCount::ZERO,
            next_order: 0,
            last_arrival: Time::ZERO,
        }
    }

    /// Later packets fly by `propagation`; those under way keep their arrival, and those that follow stay behind them.
    pub(crate) fn set_propagation(
        &mut self,
        propagation: Propagation,
        weather: Weather,
        direction: Direction,
    ) {
        self.propagation = propagation;
        self.luck = Luck::new(weather.seed, direction);
    }

    /// The least time that a packet takes.
    pub(crate) const fn delay(&self) -> Duration {
        self.propagation.delay
    }

    /// Sends a packet off and returns the copies that the wire made of it.
    pub(crate) fn send(&mut self, entry: Entry<P>, now: Time) -> Traffic {
        let (n, settings) = (entry.id.0, self.propagation);
        let jitter = self.luck.jitter.up_to(micros(settings.jitter), n);
        let mut arrives_at = now + settings.delay + Duration::from_micros(jitter);
        if settings.late.holds(self.luck.late.word(n)) {
            arrives_at = arrives_at + settings.late_by;
        } else {
            if !settings.jitter_reorders {
                arrives_at = arrives_at.max(self.last_arrival);
            }
            self.last_arrival = self.last_arrival.max(arrives_at);
        }
        let is_duplicated = settings.duplicate.holds(self.luck.duplicate.word(n));
        let delivered = Delivered {
            id: entry.id,
            packet: entry.packet,
            size: entry.size,
            queued_at: entry.queued_at,
            left_bottleneck_at: now,
            delivered_at: arrives_at,
            is_duplicate: false,
        };
        let copy = is_duplicated.then(|| Delivered { is_duplicate: true, ..delivered.clone() });
        self.push(delivered);
        let mut copies = Traffic::default();
        if let Some(copy) = copy {
            copies.add(copy.size);
            self.push(copy);
        }
        copies
    }

    /// When the next packet arrives.
    pub(crate) fn next_arrival(&self) -> Option<Time> {
        self.flying.peek().map(|Reverse(next)| next.delivered.delivered_at)
    }

    /// The next packet that has arrived by `now`.
    pub(crate) fn take_arrived(&mut self, now: Time) -> Option<Delivered<P>> {
        self.next_arrival().filter(|arrives_at| *arrives_at <= now)?;
        let Reverse(Flying { delivered, .. }) = self.flying.pop()?;
        self.bytes = self.bytes - delivered.size;
        Some(delivered)
    }

    /// What is under way at `now`.
    pub(crate) fn level(&self, now: Time) -> HopLevel {
        let oldest = self.flying.iter().map(|Reverse(flying)| flying.delivered.left_bottleneck_at).min();
        HopLevel {
            packets: self.flying.len() as u64,
            bytes: self.bytes,
            oldest_age: oldest.map(|left_at| now.since(left_at)),
        }
    }

    fn push(&mut self, delivered: Delivered<P>) {
        self.bytes += delivered.size;
        self.flying.push(Reverse(Flying { order: self.next_order, delivered }));
        self.next_order += 1;
    }
}

/// The chances of a direction, each a sequence over packet numbers.
#[derive(Clone, Copy, Debug)]
struct Luck {
    jitter: Sequence,
    late: Sequence,
    duplicate: Sequence,
}

impl Luck {
    const fn new(seed: u64, direction: Direction) -> Self {
        Self {
            jitter: Sequence::new(seed, direction, Purpose::Jitter),
            late: Sequence::new(seed, direction, Purpose::Late),
            duplicate: Sequence::new(seed, direction, Purpose::Duplicate),
        }
    }
}

/// A packet under way; ordered by arrival, then by the order of sending.
#[derive(Clone, Debug)]
struct Flying<P> {
    order: u64,
    delivered: Delivered<P>,
}

impl<P> Flying<P> {
    const fn key(&self) -> (Time, u64) {
        (self.delivered.delivered_at, self.order)
    }
}

impl<P> Ord for Flying<P> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<P> PartialOrd for Flying<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> PartialEq for Flying<P> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<P> Eq for Flying<P> {}
