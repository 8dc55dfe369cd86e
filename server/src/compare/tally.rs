//! What a lane's client counts.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_shared::histogram::Histogram;
use sluice_shared::ids::{Seq, StreamId};
use sluice_shared::session::{ClientEvent, Delivered};
use sluice_shared::time::{Time, micros};
use sluice_shared::wire::GapReason;

/// The account of one lane over all its connections.
#[derive(Debug)]
pub(super) struct Tally {
    /// What no message can be younger than when it arrives: the least time on the way.
    way: Duration,
    /// Silences longer than this, while messages waited, are stalls.
    stall: Duration,
    last_consumed_at: Option<Time>,
    /// Age when consumed.
    pub(super) age: Histogram,
    /// Age when consumed, above the least time on the way.
    pub(super) added: Histogram,
    pub(super) stalls: u64,
    pub(super) longest_stall: Duration,
    pub(super) consumed: u64,
    pub(super) payload_bytes: u64,
    pub(super) gaps: BTreeMap<GapReason, u64>,
    /// Messages that nothing accounts for.
    pub(super) lost: u64,
    /// When the first Welcome came.
    pub(super) welcomed_at: Option<Time>,
    /// Where each stream begins for this lane.
    first: BTreeMap<StreamId, Seq>,
    pub(super) connections: u64,
}

impl Tally {
    /// An empty account of a lane whose messages are `way` on their way at least; a silence longer than `stall` is one.
    pub(super) fn new(way: Duration, stall: Duration) -> Self {
        Self {
            way,
            stall,
            last_consumed_at: None,
            age: Histogram::new(),
            added: Histogram::new(),
            stalls: 0,
            longest_stall: Duration::ZERO,
            consumed: 0,
            payload_bytes: 0,
            gaps: BTreeMap::new(),
            lost: 0,
            welcomed_at: None,
            first: BTreeMap::new(),
            connections: 0,
        }
    }

    /// A message was consumed `age` after it was produced.
    pub(super) fn note_consumed(&mut self, message: &Delivered, age: Duration, at: Time) {
        self.age.record(age);
        self.added.record(age.saturating_sub(self.way));
        self.consumed += 1;
        self.payload_bytes += message.payload.len() as u64;
        let silence = self.last_consumed_at.replace(at).map_or(Duration::ZERO, |last| at.since(last));
        // A silence is a stall only if the message that ends it was waiting for that long: a slow feed does not stall.
        if silence > self.stall && age > self.stall {
            self.stalls += 1;
            self.longest_stall = self.longest_stall.max(silence);
        }
    }

    /// The session has news.
    pub(super) fn note(&mut self, event: &ClientEvent, now: Time) {
        match event {
            ClientEvent::Welcome(welcome) => {
                self.connections += 1;
                self.welcomed_at.get_or_insert(now);
                for info in &welcome.streams {
                    self.first.entry(info.id).or_insert(info.next);
                }
            }
            ClientEvent::Gap { report, new } => *self.gaps.entry(report.reason).or_default() += new,
            ClientEvent::Lost { messages } => self.lost += messages,
            ClientEvent::Subscribed(_)
            | ClientEvent::Sample(_)
            | ClientEvent::Ping
            | ClientEvent::Heartbeat { .. }
            | ClientEvent::Missed
            | ClientEvent::Echo(_)
            | ClientEvent::Certificate(_)
            | ClientEvent::Silent
            | ClientEvent::StartedOver { .. }
            | ClientEvent::Goodbye(_) => {}
        }
    }

    /// Messages that were published before this lane began to follow.
    pub(super) fn missed_before(&self) -> u64 {
        self.first.values().map(|first| first.0).sum()
    }

    /// Messages that are consumed, or reported not to come.
    pub(super) fn settled(&self) -> u64 {
        self.consumed + self.lost + self.gaps.values().sum::<u64>()
    }
}

/// Microseconds as milliseconds.
pub(super) fn millis(micros: u64) -> f64 {
    micros as f64 / 1e3
}

/// A span in milliseconds.
pub(super) fn span_millis(span: Duration) -> f64 {
    millis(micros(span))
}
