//! The stages put together.

use core::time::Duration;
use std::collections::VecDeque;

use sluice_shared::link::{ByteCount, Direction, LinkProfile};
use sluice_shared::time::Time;

use crate::bottleneck::{Bottleneck, Departure, Entry};
use crate::fate::{DropReason, Dropped, Fate, PacketId};
use crate::levels::{Counters, Levels};
use crate::loss::Loss;
use crate::outage::Outages;
use crate::weather::Weather;
use crate::wire::Wire;

/// One direction of a bad network; see the crate's documentation for its stages and the loop that drives it.
#[derive(Clone, Debug)]
pub struct Link<P> {
    outages: Outages,
    bottleneck: Bottleneck<P>,
    loss: Loss,
    wire: Wire<P>,
    /// Drops that [`Self::poll_fate`] has not given out, in order of their time.
    drops: VecDeque<Dropped<P>>,
    direction: Direction,
    next_id: u64,
    now: Time,
    counters: Counters,
}

impl<P: Clone> Link<P> {
    /// Most bytes that a link holds, queue and wire together: 64 MiB. It bounds memory where no rate does.
    pub const MAX_HELD: ByteCount = ByteCount::new(64 << 20);
    /// Most packets that a link holds, queue and wire together.
    pub const MAX_HELD_PACKETS: u64 = 131_072;

    /// A link at rest.
    pub fn new(profile: LinkProfile, weather: Weather, direction: Direction) -> Self {
        Self {
            outages: Outages::new(profile.outages, weather.since),
            bottleneck: Bottleneck::new(profile.bottleneck),
            loss: Loss::new(profile.loss, weather, direction),
            wire: Wire::new(profile.propagation, weather, direction),
            drops: VecDeque::new(),
            direction,
            next_id: 0,
            now: Time::ZERO,
            counters: Counters::default(),
        }
    }

    /// Takes a packet whose size on the wire, headers included, is `size`, and returns its number.
    ///
    /// What becomes of it comes from [`Self::poll_fate`], at once if the link would not even take it.
    pub fn handle_packet(&mut self, packet: P, size: ByteCount, now: Time) -> PacketId {
        self.advance(now);
        let id = PacketId(self.next_id);
        self.next_id += 1;
        let refusal = self.refusal(size);
        self.counters.offered.add(size);
        let entry = Entry { id, packet, size, queued_at: self.now };
        match refusal {
            Some(reason) => self.drop_packet(entry, reason, None),
            None => match self.bottleneck.enqueue(entry, self.now) {
                Ok(()) => self.advance(self.now),
                Err(entry) => self.drop_packet(entry, DropReason::Queue, None),
            },
        }
        id
    }

    /// The next packet whose way ended at or before `now`, in the order of time.
    pub fn poll_fate(&mut self, now: Time) -> Option<Fate<P>> {
        self.advance(now);
        let dropped_at = self.drops.front().map(|dropped| dropped.dropped_at);
        let arrives_at = self.wire.next_arrival().filter(|arrives_at| *arrives_at <= self.now);
        let is_drop_next = match (dropped_at, arrives_at) {
            (Some(dropped_at), Some(arrives_at)) => dropped_at <= arrives_at,
            (dropped_at, _) => dropped_at.is_some(),
        };
        if is_drop_next {
            return self.drops.pop_front().map(Fate::Dropped);
        }
        let delivered = self.wire.take_arrived(self.now)?;
        self.counters.delivered.add(delivered.size);
        Some(Fate::Delivered(delivered))
    }

    /// When [`Self::poll_fate`] should be called next, and what for; `None` while the link is empty.
    ///
    /// The fate of a packet that is lost on the wire is told by the time at which it would have arrived.
    pub fn poll_timeout(&self) -> Option<(Time, &'static str)> {
        let arrival = self.wire.next_arrival().map(|at| (at, "delivery"));
        // A packet under way in the bottleneck needs no attention before the first moment it could arrive.
        let departure = self.bottleneck.next_departure().map(|at| (at + self.wire.delay(), "bottleneck"));
        let loss = self.drops.front().map(|dropped| (dropped.dropped_at, "drop"));
        [arrival, departure, loss].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// Moves the link to `now` without taking anything out, so that [`Self::levels`] is of this moment.
    pub fn handle_timeout(&mut self, now: Time) {
        self.advance(now);
    }

    /// Changes the network under the packets: nothing inside is lost, and they stay in order.
    ///
    /// The packet in the bottleneck finishes what is left of it at the new rate; the queue stays even where the new
    /// limit is smaller; what is on the wire keeps its arrival. Links of one lab must be given the same `weather`;
    /// keep its `since` when schedule and bad spells shall go on, renew it when they shall begin anew.
    pub fn set_profile(&mut self, profile: LinkProfile, weather: Weather, now: Time) {
        self.advance(now);
        self.outages.set_schedule(profile.outages, weather.since);
        self.loss = Loss::new(profile.loss, weather, self.direction);
        self.wire.set_propagation(profile.propagation, weather, self.direction);
        self.bottleneck.set_limits(profile.bottleneck, self.now);
        self.advance(self.now);
    }

    /// Drops everything that comes from `now` on for `duration`, beside what the schedule says.
    ///
    /// An outage that lasts longer already is not shortened.
    pub fn start_outage(&mut self, duration: Duration, now: Time) {
        self.advance(now);
        self.outages.start(self.now + duration);
    }

    /// Drops everything that comes while `is_blocked`; what is inside already goes on.
    pub fn block(&mut self, is_blocked: bool) {
        self.outages.is_blocked = is_blocked;
    }

    /// Whether a packet that came at `now` would be dropped by an outage.
    pub fn is_out(&self, now: Time) -> bool {
        self.outages.is_out(now)
    }

    /// What waits and what flies, at the time of the last call that was given one.
    pub fn levels(&self) -> Levels {
        let mut wire = self.wire.level(self.now);
        if let Some((size, since)) = self.bottleneck.serialising() {
            wire.include(size, self.now.since(since));
        }
        Levels { queue: self.bottleneck.level(self.now), wire }
    }

    /// What happened since the link was built.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Runs every departure from the bottleneck up to `now`, each at its own time.
    fn advance(&mut self, now: Time) {
        debug_assert!(now >= self.now, "time goes back from {:?} to {now:?}", self.now);
        self.now = now.max(self.now);
        while let Some(departure) = self.bottleneck.take_departure(self.now) {
            let Departure { entry, left_at } = departure;
            match self.loss.verdict(entry.id, left_at) {
                Some(kind) => self.drop_packet(entry, DropReason::Loss(kind), Some(left_at)),
                None => {
                    self.counters.passed.add(entry.size);
                    let copies = self.wire.send(entry, left_at);
                    self.counters.duplicated.merge(copies);
                }
            }
        }
    }

    fn refusal(&self, size: ByteCount) -> Option<DropReason> {
        if self.outages.is_blocked {
            return Some(DropReason::Blocked);
        }
        if self.outages.is_out(self.now) {
            return Some(DropReason::Outage);
        }
        let held = self.counters.held();
        let is_full = held.packets >= Self::MAX_HELD_PACKETS || held.bytes + size > Self::MAX_HELD;
        is_full.then_some(DropReason::Overload)
    }

    fn drop_packet(&mut self, entry: Entry<P>, reason: DropReason, left_bottleneck_at: Option<Time>) {
        self.counters.count_drop(reason, entry.size);
        self.drops.push_back(Dropped {
            id: entry.id,
            packet: entry.packet,
            size: entry.size,
            reason,
            queued_at: entry.queued_at,
            left_bottleneck_at,
            dropped_at: left_bottleneck_at.unwrap_or(self.now),
        });
    }
}
