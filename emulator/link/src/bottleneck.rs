//! The slowest hop: a drop-tail queue, and one packet at a time being serialised.

use std::collections::VecDeque;

use sluice_shared::link::{Bitrate, BottleneckLimits, ByteCount};
use sluice_shared::time::Time;

use crate::fate::PacketId;
use crate::levels::HopLevel;

/// A packet inside the link.
#[derive(Clone, Debug)]
pub(crate) struct Entry<P> {
    pub(crate) id: PacketId,
    pub(crate) packet: P,
    pub(crate) size: ByteCount,
    pub(crate) queued_at: Time,
}

/// A packet whose last bit has been serialised.
#[derive(Clone, Debug)]
pub(crate) struct Departure<P> {
    pub(crate) entry: Entry<P>,
    pub(crate) left_at: Time,
}

/// Queue and serialiser.
///
/// The queue counts what waits, and neither the packet being serialised nor what propagates: a queue in a router is
/// filled by waiting packets only.
#[derive(Clone, Debug)]
pub(crate) struct Bottleneck<P> {
    limits: Option<BottleneckLimits>,
    queue: VecDeque<Entry<P>>,
    queued: ByteCount,
    serialising: Option<Serialising<P>>,
}

#[derive(Clone, Debug)]
struct Serialising<P> {
    entry: Entry<P>,
    /// When it left the queue.
    since: Time,
    finishes_at: Time,
    busy: BusyPeriod,
}

impl<P> Bottleneck<P> {
    pub(crate) const fn new(limits: Option<BottleneckLimits>) -> Self {
        Self { limits, queue: VecDeque::new(), queued: ByteCount::ZERO, serialising: None }
    }

    /// Takes a packet, or gives it back when it neither can start at once nor finds room to wait.
    ///
    /// Every departure up to `now` must have been taken.
    pub(crate) fn enqueue(&mut self, entry: Entry<P>, now: Time) -> Result<(), Entry<P>> {
        if self.serialising.is_none() {
            self.serialise(entry, now, None);
            return Ok(());
        }
        let limit = self.limits.map(|limits| limits.queue_bytes());
        if limit.is_some_and(|limit| self.queued + entry.size > limit) {
            return Err(entry);
        }
        self.queued += entry.size;
        self.queue.push_back(entry);
        Ok(())
    }

    /// The next packet that left at or before `now`.
    pub(crate) fn take_departure(&mut self, now: Time) -> Option<Departure<P>> {
        let Serialising { entry, finishes_at, busy, .. } =
            self.serialising.take_if(|serialising| serialising.finishes_at <= now)?;
        if let Some(next) = self.queue.pop_front() {
            self.queued = self.queued - next.size;
            self.serialise(next, finishes_at, Some(busy));
        }
        Some(Departure { entry, left_at: finishes_at })
    }

    /// When the packet that is being serialised will be done.
    pub(crate) fn next_departure(&self) -> Option<Time> {
        self.serialising.as_ref().map(|serialising| serialising.finishes_at)
    }

    /// The size of the packet that is being serialised, and since when it is.
    pub(crate) fn serialising(&self) -> Option<(ByteCount, Time)> {
        self.serialising.as_ref().map(|serialising| (serialising.entry.size, serialising.since))
    }

    /// What waits at `now`.
    pub(crate) fn level(&self, now: Time) -> HopLevel {
        HopLevel {
            packets: self.queue.len() as u64,
            bytes: self.queued,
            oldest_age: self.queue.front().map(|entry| now.since(entry.queued_at)),
        }
    }

    /// Goes on with other limits: what is left of the packet being serialised takes the new rate.
    ///
    /// Every departure up to `now` must have been taken.
    pub(crate) fn set_limits(&mut self, limits: Option<BottleneckLimits>, now: Time) {
        self.limits = limits;
        if let Some(serialising) = &mut self.serialising {
            let bits_left = serialising.busy.bits_left(now);
            serialising.busy = BusyPeriod::new(limits.map(|limits| limits.rate), now);
            serialising.finishes_at = serialising.busy.end_after(bits_left);
        }
    }

    fn serialise(&mut self, entry: Entry<P>, now: Time, busy: Option<BusyPeriod>) {
        let rate = self.limits.map(|limits| limits.rate);
        let mut busy = busy.unwrap_or_else(|| BusyPeriod::new(rate, now));
        let finishes_at = busy.end_after(entry.size.bits());
        self.serialising = Some(Serialising { entry, since: now, finishes_at, busy });
    }
}

/// A time without a pause at one rate.
///
/// Departures are computed from its beginning and not from each other, so rounding to microseconds never adds up.
#[derive(Clone, Copy, Debug)]
struct BusyPeriod {
    rate: Option<Bitrate>,
    since: Time,
    bits: u64,
}

impl BusyPeriod {
    const fn new(rate: Option<Bitrate>, since: Time) -> Self {
        Self { rate, since, bits: 0 }
    }

    /// When `bits` more will have passed.
    fn end_after(&mut self, bits: u64) -> Time {
        self.bits = self.bits.saturating_add(bits);
        self.rate.map_or(self.since, |rate| self.since + rate.time_for_bits(self.bits))
    }

    /// How many bits have yet to pass at `now`.
    fn bits_left(&self, now: Time) -> u64 {
        let passed = self.rate.map_or(self.bits, |rate| rate.bits_in(now.since(self.since)));
        self.bits.saturating_sub(passed)
    }
}
