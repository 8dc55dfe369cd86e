//! A subscriber's place in the streams it follows, and what its policy holds back.

use crate::exhibit::{BYTES_BESIDE_MESSAGE, MAX_HELD_BYTES};
use crate::ids::{Seq, StreamId};
use crate::log::{LogEntry, Lookup, Source};
use crate::policy::Policy;
use crate::queue::{Dropped, PolicyQueue, Queued};
use crate::time::Time;
use crate::units::Amount;
use crate::wire::{GapReason, Hop, StreamInfo};

/// Cursors into the hub's logs, and the policy's queue before them.
///
/// What comes next is the oldest message of all streams, so that a subscriber that falls behind sees the feeds in
/// the order in which they were made.
#[derive(Debug)]
pub(super) struct Subscription {
    policy: Policy,
    cursors: Vec<Cursor>,
    queue: PolicyQueue,
    held_bytes_peak: u64,
    silently_dropped: u64,
}

/// Memory that a queue holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) now_bytes: u64,
    pub(super) peak_bytes: u64,
}

#[derive(Debug)]
struct Cursor {
    stream: StreamId,
    /// The position after `head`, or of the next message when there is no head.
    next: Seq,
    /// The message at the front, looked up once.
    head: Option<LogEntry>,
    /// Whether the log had no more when last asked.
    at_head: bool,
}

/// Which messages a poll may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Select {
    /// Those of all streams.
    Any,
    /// Those of one stream.
    Stream(StreamId),
}

impl Subscription {
    pub(super) fn new(policy: Policy, streams: &[StreamInfo]) -> Self {
        let mut new = Self {
            policy,
            cursors: Vec::new(),
            queue: PolicyQueue::default(),
            held_bytes_peak: 0,
            silently_dropped: 0,
        };
        new.replace_streams(streams);
        new
    }

    /// Follows other streams; what waited for the earlier ones is forgotten with them.
    pub(super) fn replace_streams(&mut self, streams: &[StreamInfo]) {
        self.queue = PolicyQueue::default();
        self.cursors = streams
            .iter()
            .map(|info| Cursor { stream: info.id, next: info.next, head: None, at_head: false })
            .collect();
    }

    pub(super) const fn policy(&self) -> Policy {
        self.policy
    }

    /// Whether what is dropped goes unreported.
    pub(super) const fn is_silent(&self) -> bool {
        matches!(self.policy, Policy::SilentDrop { .. })
    }

    /// A message was dropped and will not be reported.
    pub(super) fn drop_silently(&mut self) {
        self.silently_dropped += 1;
    }

    /// Messages dropped without a report.
    pub(super) const fn silently_dropped(&self) -> u64 {
        self.silently_dropped
    }

    /// Memory that the queue holds.
    pub(super) fn held(&self) -> Held {
        let now_bytes = self.queue.bytes() + self.queue.len() as u64 * BYTES_BESIDE_MESSAGE;
        Held { now_bytes, peak_bytes: self.held_bytes_peak }
    }

    /// Another policy, for what waits as well; returns what has to go.
    pub(super) fn set_policy(&mut self, policy: Policy) -> Vec<Dropped> {
        self.policy = policy;
        self.queue.set_policy(policy)
    }

    /// There may be more in the logs.
    pub(super) fn handle_published(&mut self) {
        for cursor in &mut self.cursors {
            cursor.at_head = false;
        }
    }

    /// Brings new messages under the policy: looks up heads, and for a policy with a queue moves all there is to it,
    /// up to an exhibit's cap.
    pub(super) fn fill(&mut self, source: &impl Source, mut dropped: impl FnMut(Dropped, u64)) {
        let mut silently = 0;
        let is_silent = self.is_silent();
        let mut dropped = |gone, count| {
            if is_silent { silently += count } else { dropped(gone, count) }
        };
        for cursor in &mut self.cursors {
            cursor.load(source, &mut dropped);
        }
        if self.policy.is_cursor() {
            return;
        }
        while self.policy != Policy::Unbounded || self.held().now_bytes < MAX_HELD_BYTES {
            let Some(index) = self.oldest_cursor(Select::Any) else { break };
            let Some(message) = self.cursors[index].take(source, &mut dropped) else { break };
            if let Some(gone) = self.queue.push(self.policy, message) {
                dropped(gone, 1);
            }
            self.held_bytes_peak = self.held_bytes_peak.max(self.held().now_bytes);
        }
        self.silently_dropped += silently;
    }

    /// Bytes of the message that would come next; `None` when there is none.
    pub(super) fn peek(&self, select: Select) -> Option<u64> {
        let queued = match select {
            Select::Any => self.queue.front(),
            Select::Stream(stream) => self.queue.front_of(stream),
        };
        if let Some(queued) = queued {
            return Some(queued.entry.bytes());
        }
        let cursor = &self.cursors[self.oldest_cursor(select)?];
        cursor.head.as_ref().map(LogEntry::bytes)
    }

    /// Takes the message that [`Subscription::peek`] saw.
    pub(super) fn take(
        &mut self,
        select: Select,
        source: &impl Source,
        mut dropped: impl FnMut(Dropped, u64),
    ) -> Option<Queued> {
        let queued = match select {
            Select::Any => self.queue.pop(),
            Select::Stream(stream) => self.queue.pop_of(stream),
        };
        if queued.is_some() {
            return queued;
        }
        let index = self.oldest_cursor(select)?;
        let mut silently = 0;
        let is_silent = self.is_silent();
        let taken = self.cursors[index].take(source, &mut |gone, count| {
            if is_silent { silently += count } else { dropped(gone, count) }
        });
        self.silently_dropped += silently;
        taken
    }

    fn oldest_cursor(&self, select: Select) -> Option<usize> {
        let wanted = |cursor: &Cursor| match select {
            Select::Any => true,
            Select::Stream(stream) => cursor.stream == stream,
        };
        self.cursors
            .iter()
            .enumerate()
            .filter(|(_, cursor)| wanted(cursor))
            .filter_map(|(index, cursor)| Some((cursor.head.as_ref()?.produced_at, index)))
            .min()
            .map(|(_, index)| index)
    }

    /// What waits in the logs. A head that was looked up still counts there.
    pub(super) fn backlog(&self, source: &impl Source, now: Time) -> Hop {
        let mut total = Hop::default();
        for cursor in &self.cursors {
            let from = cursor.head.as_ref().map_or(cursor.next, |head| head.seq);
            let hop = source.backlog(cursor.stream, from, now);
            total.held += hop.held;
            total.bound += hop.bound;
            total.oldest_age_micros = total.oldest_age_micros.max(hop.oldest_age_micros);
        }
        total
    }

    /// What waits in the policy's queue.
    pub(super) fn queue_hop(&self, now: Time) -> Hop {
        if self.policy.is_cursor() && self.queue.is_empty() {
            return Hop { held: Amount::ZERO, ..Hop::default() };
        }
        self.queue.hop(self.policy, now)
    }
}

impl Cursor {
    /// Looks up the head, unless it is known, or known to be missing.
    fn load(&mut self, source: &impl Source, dropped: &mut impl FnMut(Dropped, u64)) {
        while self.head.is_none() && !self.at_head {
            match source.lookup(self.stream, self.next) {
                Lookup::Found(entry) => {
                    self.next = entry.seq.next();
                    self.head = Some(entry);
                }
                Lookup::AtHead => self.at_head = true,
                Lookup::Evicted(first) => {
                    let count = first.0.saturating_sub(self.next.0);
                    let gone = Dropped { stream: self.stream, seq: self.next, reason: GapReason::Retention };
                    dropped(gone, count);
                    self.next = first;
                }
            }
        }
    }

    fn take(&mut self, source: &impl Source, dropped: &mut impl FnMut(Dropped, u64)) -> Option<Queued> {
        let entry = self.head.take()?;
        self.load(source, dropped);
        Some(Queued { stream: self.stream, entry })
    }
}
