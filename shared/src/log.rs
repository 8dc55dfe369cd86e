//! A stream's recent messages, kept once for all subscribers.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::digest::{IdDigest, Powers};
use crate::ids::{Key, Seq, StreamId};
use crate::time::Time;
use crate::units::Amount;
use crate::wire::Hop;

/// A message as the log keeps it: encoded once, shared by every subscriber.
#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Its position.
    pub seq: Seq,
    /// What it is about.
    pub key: Key,
    /// When the feed made it.
    pub produced_at: Time,
    /// The encoded item ([`crate::wire::codec::encode_message`]).
    pub item: Bytes,
}

impl LogEntry {
    /// What it counts for in credit.
    pub fn bytes(&self) -> u64 {
        self.item.len() as u64
    }
}

/// What a cursor finds in a log.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// The message.
    Found(LogEntry),
    /// Nothing yet: the cursor is at the head.
    AtHead,
    /// It is gone; what is kept begins at this position.
    Evicted(Seq),
}

/// Everything that was ever appended to a log, as a digest: it outlives the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Produced {
    next: Seq,
    digest: IdDigest,
}

impl Produced {
    /// The position that the next message will have.
    pub const fn next(self) -> Seq {
        self.next
    }

    /// What was appended from `first` on and before `cut`: all of it, less what lies outside.
    pub fn between(self, first: Seq, cut: Seq) -> IdDigest {
        self.digest - IdDigest::of_run(Seq(0), first) - IdDigest::of_run(cut, self.next)
    }
}

/// A bounded log of one stream. A subscriber is a position in it, so a slow one costs nothing but falls behind.
#[derive(Debug)]
pub struct StreamLog {
    entries: VecDeque<Kept>,
    next: Seq,
    bound: Amount,
    /// Bytes of everything ever appended.
    appended_bytes: u64,
    /// Bytes of what is kept.
    kept_bytes: u64,
    /// The positions of everything ever appended.
    produced: IdDigest,
    powers: Powers,
}

#[derive(Debug)]
struct Kept {
    entry: LogEntry,
    /// Bytes of everything appended before this entry.
    bytes_before: u64,
}

impl StreamLog {
    /// An empty log that keeps at most `bound`, but always the newest message.
    pub fn new(bound: Amount) -> Self {
        Self {
            entries: VecDeque::new(),
            next: Seq(0),
            bound,
            appended_bytes: 0,
            kept_bytes: 0,
            produced: IdDigest::EMPTY,
            powers: Powers::default(),
        }
    }

    /// The position that the next message will have.
    pub const fn next_seq(&self) -> Seq {
        self.next
    }

    /// Appends the message at [`StreamLog::next_seq`], and lets the oldest go as the bound requires.
    pub fn append(&mut self, key: Key, produced_at: Time, item: Bytes) -> Seq {
        let seq = self.next;
        let bytes = item.len() as u64;
        self.entries.push_back(Kept {
            entry: LogEntry { seq, key, produced_at, item },
            bytes_before: self.appended_bytes,
        });
        self.produced += self.powers.of(seq);
        self.next = seq.next();
        self.appended_bytes += bytes;
        self.kept_bytes += bytes;
        while self.entries.len() > 1
            && !Amount::new(self.entries.len() as u64, self.kept_bytes).fits_within(self.bound)
        {
            if let Some(oldest) = self.entries.pop_front() {
                self.kept_bytes -= oldest.entry.bytes();
            }
        }
        seq
    }

    /// What stands at `seq`.
    pub fn lookup(&self, seq: Seq) -> Lookup {
        if seq >= self.next {
            return Lookup::AtHead;
        }
        match self.kept_at(seq) {
            Some(kept) => Lookup::Found(kept.entry.clone()),
            None => Lookup::Evicted(self.first_seq()),
        }
    }

    /// The oldest position that is kept; the head when nothing is.
    pub fn first_seq(&self) -> Seq {
        self.entries.front().map_or(self.next, |kept| kept.entry.seq)
    }

    /// What is kept from `cursor` to the head, and how old the oldest of it is.
    pub fn backlog(&self, cursor: Seq, now: Time) -> Hop {
        let from = cursor.max(self.first_seq());
        let Some(oldest) = self.kept_at(from) else {
            return Hop { bound: self.bound, ..Hop::default() };
        };
        Hop {
            held: Amount::new(self.next.0 - from.0, self.appended_bytes - oldest.bytes_before),
            bound: self.bound,
            oldest_age_micros: now.as_micros().saturating_sub(oldest.entry.produced_at.as_micros()),
        }
    }

    /// What was ever produced.
    pub const fn produced(&self) -> Produced {
        Produced { next: self.next, digest: self.produced }
    }

    /// What is kept.
    pub fn kept(&self) -> Amount {
        Amount::new(self.entries.len() as u64, self.kept_bytes)
    }

    fn kept_at(&self, seq: Seq) -> Option<&Kept> {
        let index = seq.0.checked_sub(self.first_seq().0)?;
        self.entries.get(usize::try_from(index).ok()?)
    }
}

/// Where sessions read messages. The server's hub is one; a simulation may be another.
pub trait Source {
    /// What stands at `seq` of `stream`.
    fn lookup(&self, stream: StreamId, seq: Seq) -> Lookup;
    /// What is kept of `stream` from `cursor` to the head.
    fn backlog(&self, stream: StreamId, cursor: Seq, now: Time) -> Hop;
    /// What was ever produced in `stream`; `None` when it is not followed.
    fn produced(&self, stream: StreamId) -> Option<Produced>;
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn log_of(count: u64, bound: Amount) -> StreamLog {
        let mut log = StreamLog::new(bound);
        for index in 0..count {
            log.append(Key(0), Time::from_millis(index), Bytes::from(vec![0; 10]));
        }
        log
    }

    #[test]
    fn a_log_keeps_what_its_bound_allows_and_says_what_is_gone() {
        let log = log_of(10, Amount::new(4, 1_000));
        assert_eq!(log.kept(), Amount::new(4, 40));
        assert!(matches!(log.lookup(Seq(5)), Lookup::Evicted(Seq(6))));
        assert!(matches!(log.lookup(Seq(6)), Lookup::Found(entry) if entry.seq == Seq(6)));
        assert!(matches!(log.lookup(Seq(10)), Lookup::AtHead));
    }

    #[test]
    fn a_message_larger_than_the_bound_is_still_kept() {
        let log = log_of(3, Amount::new(100, 5));
        assert_eq!(log.kept(), Amount::new(1, 10));
    }

    #[test]
    fn what_was_produced_is_known_after_it_is_gone() {
        let log = log_of(10, Amount::new(4, 1_000));
        assert_eq!(log.produced().next(), Seq(10));
        for (first, cut) in [(0, 10), (0, 3), (2, 9), (9, 10), (5, 5)] {
            let expected = IdDigest::of_run(Seq(first), Seq(cut));
            assert_eq!(log.produced().between(Seq(first), Seq(cut)), expected, "{first}..{cut}");
        }
    }

    #[test]
    fn a_backlog_counts_from_the_cursor_to_the_head() {
        let log = log_of(10, Amount::new(100, 1_000));
        let hop = log.backlog(Seq(7), Time::from_millis(20));
        assert_eq!(hop.held, Amount::new(3, 30));
        assert_eq!(hop.oldest_age_micros, 13_000);
        assert_eq!(log.backlog(Seq(10), Time::ZERO).held, Amount::ZERO);
        // A cursor that was overtaken counts what is left.
        assert_eq!(log_of(10, Amount::new(4, 1_000)).backlog(Seq(0), Time::ZERO).held, Amount::new(4, 40));
    }
}
