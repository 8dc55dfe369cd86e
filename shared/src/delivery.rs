//! Which positions have arrived or are accounted for: each message is consumed once or lies in a gap.

use std::collections::{BTreeMap, VecDeque};

use core::time::Duration;

use crate::ids::{Seq, StreamId};
use crate::ranges::Ranges;
use crate::time::Time;
use crate::wire::{GapReason, GapReport, SeqRange, StreamInfo};

/// The receiver's account of all streams it follows.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    streams: BTreeMap<StreamId, StreamAccount>,
    /// Streams that were followed before, whose stragglers are not wanted. When one is followed again, its first
    /// messages may have overtaken the announcement, so what has arrived of it stays known.
    retired: BTreeMap<StreamId, StreamAccount>,
    /// What passed while a stream was not followed and is again, until it is taken.
    passed_over: Vec<(StreamId, SeqRange)>,
}

/// What an arriving message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// To be consumed.
    New,
    /// Seen or accounted for before: not to be consumed again.
    Settled,
    /// Of a stream that is no longer followed.
    Retired,
    /// Of a stream that has not been announced yet.
    Unannounced,
}

#[derive(Clone, Debug)]
struct StreamAccount {
    /// Everything below has arrived or lies in a gap.
    settled_below: Seq,
    /// What has arrived or lies in a gap beyond.
    beyond: Ranges,
    /// Ends of `beyond` with when they were reached, oldest first, while positions are missing.
    reached: VecDeque<(Seq, Time)>,
}

impl Delivery {
    /// Most streams remembered as retired; beyond that the lowest ids are forgotten.
    const MOST_RETIRED: usize = 1_024;
    /// How finely the times are kept at which positions were reached.
    const GRAIN: Duration = Duration::from_millis(50);
    /// Most such times kept for a stream.
    const MOST_REACHED: usize = 1_024;

    /// Follows `streams` from the positions they name, and returns the gaps that a jump forward leaves.
    ///
    /// A stream that is followed already keeps its account: its positions below `next` that are missing will not come.
    pub fn handle_streams(&mut self, streams: &[StreamInfo]) -> Vec<GapReport> {
        let mut gaps = Vec::new();
        let mut earlier = core::mem::take(&mut self.streams);
        for info in streams {
            let account = match earlier.remove(&info.id) {
                Some(mut account) => {
                    let missed: Vec<SeqRange> =
                        account.beyond.missing(account.settled_below, info.next).collect();
                    account.settle(account.settled_below, info.next);
                    if !missed.is_empty() {
                        gaps.push(GapReport { stream: info.id, reason: GapReason::Expired, ranges: missed });
                    }
                    account
                }
                None => match self.retired.remove(&info.id) {
                    Some(mut account) => {
                        let missed = account.beyond.missing(account.settled_below, info.next);
                        self.passed_over.extend(missed.map(|range| (info.id, range)));
                        account.settle(account.settled_below, info.next);
                        account
                    }
                    None => StreamAccount::new(info.next),
                },
            };
            self.streams.insert(info.id, account);
        }
        self.retired.append(&mut earlier);
        while self.retired.len() > Self::MOST_RETIRED {
            self.retired.pop_first();
        }
        gaps
    }

    /// Takes what passed while a stream was not followed that is followed again.
    pub fn take_passed_over(&mut self) -> Vec<(StreamId, SeqRange)> {
        core::mem::take(&mut self.passed_over)
    }

    /// The streams that are followed, each with the position after the last that has arrived or lies in a gap.
    pub fn seen(&self) -> impl Iterator<Item = (StreamId, Seq)> + '_ {
        let end = |account: &StreamAccount| account.beyond.end().unwrap_or(account.settled_below);
        self.streams.iter().map(move |(&stream, account)| (stream, end(account)))
    }

    /// Whether `stream` is followed, or was and is remembered.
    pub fn knows(&self, stream: StreamId) -> bool {
        self.streams.contains_key(&stream) || self.retired.contains_key(&stream)
    }

    /// Forgets everything: the hub has begun another life.
    pub fn handle_new_epoch(&mut self) {
        *self = Self::default();
    }

    /// Takes in a message.
    pub fn handle_message(&mut self, stream: StreamId, seq: Seq, now: Time) -> Arrival {
        match self.streams.get_mut(&stream) {
            Some(account) if seq < account.settled_below || account.beyond.contains(seq) => Arrival::Settled,
            Some(account) => {
                account.settle(seq, seq.next());
                account.note_reached(now);
                Arrival::New
            }
            None if self.retired.contains_key(&stream) => Arrival::Retired,
            None => Arrival::Unannounced,
        }
    }

    /// Takes in a gap, and returns the part of it that was not accounted for before.
    pub fn handle_gap(&mut self, report: &GapReport) -> GapReport {
        let mut new = GapReport { ranges: Vec::new(), ..*report };
        let Some(account) = self.streams.get_mut(&report.stream) else { return new };
        for range in &report.ranges {
            let first = range.first.max(account.settled_below);
            new.ranges.extend(account.beyond.missing(first, range.end()));
            account.settle(first, range.end());
        }
        new
    }

    /// Gives up on positions that were passed at least `patience` ago and that nothing accounts for.
    pub fn take_unexplained(&mut self, patience: Duration, now: Time) -> Vec<(StreamId, SeqRange)> {
        let mut lost = Vec::new();
        for (&stream, account) in &mut self.streams {
            while let Some(&(seq, at)) = account.reached.front()
                && at + patience <= now
            {
                account.reached.pop_front();
                let missing: Vec<SeqRange> = account.beyond.missing(account.settled_below, seq).collect();
                account.settle(account.settled_below, seq);
                lost.extend(missing.into_iter().map(|range| (stream, range)));
            }
        }
        lost
    }

    /// When [`Delivery::take_unexplained`] may have something.
    pub fn next_unexplained(&self, patience: Duration) -> Option<Time> {
        let first = |account: &StreamAccount| account.reached.front().map(|&(_, at)| at + patience);
        self.streams.values().filter_map(first).min()
    }

    /// Where to resume: per stream, the first position that is not accounted for.
    pub fn resume_positions(&self) -> Vec<(StreamId, Seq)> {
        self.streams.iter().map(|(&stream, account)| (stream, account.settled_below)).collect()
    }
}

impl StreamAccount {
    fn new(next: Seq) -> Self {
        Self { settled_below: next, beyond: Ranges::default(), reached: VecDeque::new() }
    }

    /// Accounts for `first..end`, and returns how many positions of it are new.
    fn settle(&mut self, first: Seq, end: Seq) -> u64 {
        let first = first.max(self.settled_below);
        let added = self.beyond.insert(first, end);
        let settled_below = self.beyond.end_of_run_at(self.settled_below);
        if settled_below > self.settled_below {
            self.settled_below = settled_below;
            self.beyond.remove_below(settled_below);
            while self.reached.front().is_some_and(|&(seq, _)| seq <= settled_below) {
                self.reached.pop_front();
            }
        }
        added
    }

    fn note_reached(&mut self, now: Time) {
        let Some(end) = self.beyond.end() else { return };
        let old_news =
            self.reached.back().is_some_and(|&(seq, at)| end <= seq || now.since(at) < Delivery::GRAIN);
        if !old_news && self.reached.len() < Delivery::MOST_REACHED {
            self.reached.push_back((end, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::FeedSpec;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const STREAM: StreamId = StreamId(3);

    fn stream_at(next: u64) -> StreamInfo {
        StreamInfo { id: STREAM, feed: FeedSpec::Host, name: "host".into(), next: Seq(next) }
    }

    fn following(next: u64) -> Delivery {
        let mut delivery = Delivery::default();
        assert!(delivery.handle_streams(&[stream_at(next)]).is_empty());
        delivery
    }

    fn gap(first: u64, count: u64) -> GapReport {
        let ranges = vec![SeqRange { first: Seq(first), count }];
        GapReport { stream: STREAM, reason: GapReason::Conflated, ranges }
    }

    #[test]
    fn a_message_is_new_once() {
        let mut delivery = following(5);
        assert_eq!(delivery.handle_message(STREAM, Seq(6), Time::ZERO), Arrival::New);
        assert_eq!(delivery.handle_message(STREAM, Seq(6), Time::ZERO), Arrival::Settled);
        assert_eq!(delivery.handle_message(STREAM, Seq(4), Time::ZERO), Arrival::Settled);
        assert_eq!(delivery.resume_positions(), [(STREAM, Seq(5))]);
        assert_eq!(delivery.handle_message(STREAM, Seq(5), Time::ZERO), Arrival::New);
        assert_eq!(delivery.resume_positions(), [(STREAM, Seq(7))]);
    }

    #[test]
    fn a_gap_accounts_for_its_positions_once() {
        let mut delivery = following(0);
        assert_eq!(delivery.handle_gap(&gap(1, 3)), gap(1, 3));
        assert_eq!(delivery.handle_gap(&gap(2, 4)), gap(4, 2));
        assert_eq!(delivery.handle_gap(&gap(1, 5)).messages(), 0);
        assert_eq!(delivery.handle_message(STREAM, Seq(2), Time::ZERO), Arrival::Settled);
        assert_eq!(delivery.handle_message(STREAM, Seq(0), Time::ZERO), Arrival::New);
        assert_eq!(delivery.resume_positions(), [(STREAM, Seq(6))]);
    }

    #[test]
    fn a_hole_that_nothing_explains_is_lost_after_its_patience() {
        let patience = Duration::from_secs(1);
        let mut delivery = following(0);
        delivery.handle_message(STREAM, Seq(2), Time::from_millis(10));
        assert_eq!(delivery.next_unexplained(patience), Some(Time::from_millis(1_010)));
        assert!(delivery.take_unexplained(patience, Time::from_millis(1_009)).is_empty());
        let lost = delivery.take_unexplained(patience, Time::from_millis(1_010));
        assert_eq!(lost, [(STREAM, SeqRange { first: Seq(0), count: 2 })]);
        assert_eq!(delivery.next_unexplained(patience), None);
    }

    #[test]
    fn a_session_that_begins_further_on_leaves_a_gap() {
        let mut delivery = following(0);
        delivery.handle_message(STREAM, Seq(1), Time::ZERO);
        let gaps = delivery.handle_streams(&[stream_at(4)]);
        let ranges = [SeqRange { first: Seq(0), count: 1 }, SeqRange { first: Seq(2), count: 2 }];
        assert_eq!(gaps, [GapReport { stream: STREAM, reason: GapReason::Expired, ranges: ranges.into() }]);
        assert_eq!(delivery.resume_positions(), [(STREAM, Seq(4))]);
    }

    #[test]
    fn a_stream_that_is_followed_again_keeps_what_overtook_its_announcement() {
        let mut delivery = following(0);
        delivery.handle_message(STREAM, Seq(0), Time::ZERO);
        delivery.handle_message(STREAM, Seq(8), Time::ZERO);
        delivery.handle_streams(&[]);
        assert!(delivery.handle_streams(&[stream_at(7)]).is_empty());
        assert_eq!(delivery.take_passed_over(), [(STREAM, SeqRange { first: Seq(1), count: 6 })]);
        assert_eq!(delivery.take_passed_over(), []);
        assert_eq!(delivery.seen().collect::<Vec<_>>(), [(STREAM, Seq(9))]);
        assert_eq!(delivery.resume_positions(), [(STREAM, Seq(7))]);
        assert_eq!(delivery.handle_message(STREAM, Seq(8), Time::ZERO), Arrival::Settled);
        assert_eq!(delivery.handle_message(STREAM, Seq(7), Time::ZERO), Arrival::New);
        assert_eq!(delivery.resume_positions(), [(STREAM, Seq(9))]);
    }

    #[test]
    fn stragglers_of_a_stream_given_up_are_told_from_early_ones() {
        let mut delivery = following(0);
        delivery.handle_streams(&[]);
        assert_eq!(delivery.handle_message(STREAM, Seq(0), Time::ZERO), Arrival::Retired);
        assert_eq!(delivery.handle_message(StreamId(9), Seq(0), Time::ZERO), Arrival::Unannounced);
    }
}
