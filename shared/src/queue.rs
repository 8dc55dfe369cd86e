//! The queue of a policy that drops.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{Key, Seq, StreamId};
use crate::log::LogEntry;
use crate::policy::Policy;
use crate::time::Time;
use crate::units::Amount;
use crate::wire::{GapReason, Hop};

/// A message that waits, with its stream.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its stream.
    pub stream: StreamId,
    /// The message.
    pub entry: LogEntry,
}

/// A message that a policy let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its stream.
    pub stream: StreamId,
    /// Its position.
    pub seq: Seq,
    /// Why.
    pub reason: GapReason,
}

/// Messages that wait for credit under `latest`, `drop-oldest` or `drop-newest`, or for the transport under the exhibits
/// that keep a queue.
///
/// Under `latest` a newer message takes the place of the older one of its key rather than the end of the queue, so a
/// key that changes all the time is not put off for ever. The queue is then as long as there are keys, and never
/// longer than [`Policy::MAX_LIMIT`].
#[derive(Debug, Default)]
pub struct PolicyQueue {
    waiting: VecDeque<Queued>,
    /// Under `latest`: the place of each key, counted from the first message ever queued.
    places: BTreeMap<(StreamId, Key), u64>,
    /// How many have left the front.
    left: u64,
    bytes: u64,
}

impl PolicyQueue {
    /// Adds a message as `policy` says, and returns what had to go.
    pub fn push(&mut self, policy: Policy, message: Queued) -> Option<Dropped> {
        match policy {
            Policy::Lossless | Policy::Unbounded | Policy::BusySpin => {
                self.append(message);
                None
            }
            Policy::Latest => self.conflate(message),
            Policy::DropOldest { limit } => {
                let dropped = if self.waiting.len() >= limit as usize { self.pop() } else { None };
                self.append(message);
                dropped.map(|old| old.dropped(GapReason::DroppedOldest))
            }
            Policy::DropNewest { limit } | Policy::SilentDrop { limit }
                if self.waiting.len() >= limit as usize =>
            {
                Some(message.dropped(GapReason::DroppedNewest))
            }
            Policy::DropNewest { .. } | Policy::SilentDrop { .. } => {
                self.append(message);
                None
            }
        }
    }

    /// Brings what waits under another policy, and returns what has to go. Order is kept.
    pub fn set_policy(&mut self, policy: Policy) -> Vec<Dropped> {
        let waiting = core::mem::take(self).waiting;
        match policy {
            Policy::Lossless | Policy::Unbounded | Policy::BusySpin => {
                waiting.into_iter().for_each(|message| self.append(message));
                Vec::new()
            }
            Policy::Latest => self.conflate_all(waiting),
            Policy::DropOldest { .. } | Policy::DropNewest { .. } | Policy::SilentDrop { .. } => {
                waiting.into_iter().filter_map(|message| self.push(policy, message)).collect()
            }
        }
    }

    /// Keeps the newest of each key where it stands, so that a key's messages stay in order.
    fn conflate_all(&mut self, waiting: VecDeque<Queued>) -> Vec<Dropped> {
        let mut newest = BTreeMap::new();
        for message in &waiting {
            newest.insert((message.stream, message.entry.key), message.entry.seq);
        }
        let mut dropped = Vec::new();
        for message in waiting {
            let key = (message.stream, message.entry.key);
            if newest.get(&key) == Some(&message.entry.seq) {
                dropped.extend(self.conflate(message));
            } else {
                dropped.push(message.dropped(GapReason::Conflated));
            }
        }
        dropped
    }

    fn conflate(&mut self, message: Queued) -> Option<Dropped> {
        let key = (message.stream, message.entry.key);
        let at = self.places.get(&key).and_then(|place| usize::try_from(place.checked_sub(self.left)?).ok());
        if let Some(older) = at.and_then(|index| self.waiting.get_mut(index)) {
            self.bytes = self.bytes - older.entry.bytes() + message.entry.bytes();
            let older = core::mem::replace(older, message);
            return Some(older.dropped(GapReason::Conflated));
        }
        let full = self.waiting.len() >= Policy::MAX_LIMIT as usize;
        let dropped = if full { self.pop() } else { None };
        self.places.insert(key, self.left + self.waiting.len() as u64);
        self.append(message);
        dropped.map(|old| old.dropped(GapReason::DroppedOldest))
    }

    fn append(&mut self, message: Queued) {
        self.bytes += message.entry.bytes();
        self.waiting.push_back(message);
    }

    /// The first message in line.
    pub fn front(&self) -> Option<&Queued> {
        self.waiting.front()
    }

    /// Takes the first message in line.
    pub fn pop(&mut self) -> Option<Queued> {
        let message = self.waiting.pop_front()?;
        self.left += 1;
        self.bytes -= message.entry.bytes();
        let key = (message.stream, message.entry.key);
        // Under another policy than `latest` there are no places to forget.
        if self.places.get(&key).is_some_and(|&place| place < self.left) {
            self.places.remove(&key);
        }
        Some(message)
    }

    /// Takes the first message of `stream` that waits.
    pub fn pop_of(&mut self, stream: StreamId) -> Option<Queued> {
        let index = self.waiting.iter().position(|queued| queued.stream == stream)?;
        if index == 0 {
            return self.pop();
        }
        let message = self.waiting.remove(index)?;
        self.bytes -= message.entry.bytes();
        self.places.remove(&(message.stream, message.entry.key));
        let moved_from = self.left + index as u64;
        for place in self.places.values_mut().filter(|place| **place > moved_from) {
            *place -= 1;
        }
        Some(message)
    }

    /// The first message of `stream` that waits.
    pub fn front_of(&self, stream: StreamId) -> Option<&Queued> {
        self.waiting.iter().find(|queued| queued.stream == stream)
    }

    /// What waits, bounded as `policy` bounds it.
    pub fn hop(&self, policy: Policy, now: Time) -> Hop {
        let bound = match policy {
            Policy::Latest => u64::from(Policy::MAX_LIMIT),
            Policy::Lossless
            | Policy::DropOldest { .. }
            | Policy::DropNewest { .. }
            | Policy::Unbounded
            | Policy::SilentDrop { .. }
            | Policy::BusySpin => policy.limit().map_or(0, u64::from),
        };
        let oldest = self.waiting.iter().map(|queued| queued.entry.produced_at).min();
        Hop {
            held: Amount::new(self.waiting.len() as u64, self.bytes),
            bound: Amount::new(bound, 0),
            oldest_age_micros: oldest.map_or(0, |at| now.as_micros().saturating_sub(at.as_micros())),
        }
    }

    /// Bytes of the encoded messages that wait.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Queued {
    fn dropped(&self, reason: GapReason) -> Dropped {
        Dropped { stream: self.stream, seq: self.entry.seq, reason }
    }
}

#[cfg(test)]
mod tests;
