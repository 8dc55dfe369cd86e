//! The receiver's books: what became of each position, as digests.
//!
//! Beside [`crate::delivery::Delivery`], which knows what has arrived, the audit knows what was *consumed*, and keeps no
//! list: each position goes into one of four digests. To certify a session a cut is drawn through each stream; from
//! then on what lies before and behind it is booked apart, so that the part before comes to rest while data flow on.

use std::collections::BTreeMap;

use crate::digest::{IdDigest, Powers};
use crate::ids::{Seq, StreamId};
use crate::wire::{GapReason, SeqRange, Span};

/// The books of all streams that a session follows or has followed, in one life of the hub.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    books: BTreeMap<StreamId, Book>,
    /// Positions before the cuts that are not booked yet.
    open: u64,
}

/// Where a position may be booked, but for consumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Reported in a gap.
    Gap(GapReason),
    /// Missing, and nothing accounts for it.
    Lost,
    /// Passed over while the stream was not followed.
    Unfollowed,
}

/// What became of positions of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Consumed.
    pub consumed: IdDigest,
    /// Reported in gaps.
    pub gaps: IdDigest,
    /// The same by reason, in the order of [`GapReason::ALL`].
    pub gap_reasons: [u64; GapReason::ALL.len()],
    /// Missing, and nothing accounts for them.
    pub lost: IdDigest,
    /// Passed over while the stream was not followed.
    pub unfollowed: IdDigest,
}

impl Account {
    /// What the receiver can account for.
    pub fn accounted(&self) -> IdDigest {
        self.consumed + self.gaps + self.unfollowed
    }

    fn merge(&mut self, other: &Self) {
        self.consumed += other.consumed;
        self.gaps += other.gaps;
        for (mine, theirs) in self.gap_reasons.iter_mut().zip(other.gap_reasons) {
            *mine = mine.saturating_add(theirs);
        }
        self.lost += other.lost;
        self.unfollowed += other.unfollowed;
    }

    fn book(&mut self, entry: Entry, digest: IdDigest) {
        match entry {
            Entry::Gap(reason) => {
                self.gaps += digest;
                if let Some(index) = GapReason::ALL.iter().position(|known| *known == reason) {
                    self.gap_reasons[index] = self.gap_reasons[index].saturating_add(digest.count());
                }
            }
            Entry::Lost => self.lost += digest,
            Entry::Unfollowed => self.unfollowed += digest,
        }
    }
}

#[derive(Clone, Debug)]
struct Book {
    first: Seq,
    /// Where the cut lies while one is drawn.
    cut: Option<Seq>,
    powers: Powers,
    /// Everything before the cut, or everything when there is none.
    before: Account,
    behind: Account,
    /// Positions before the cut that are not booked yet.
    open: u64,
}

impl Audit {
    /// Begins the book of a stream that is followed from `first` on, unless there is one.
    pub fn follow(&mut self, stream: StreamId, first: Seq) {
        self.books.entry(stream).or_insert_with(|| Book::new(first));
    }

    /// Closes the books of the streams that `is_known` does not name.
    pub fn retain(&mut self, is_known: impl Fn(StreamId) -> bool) {
        self.books.retain(|stream, _| is_known(*stream));
    }

    /// A message was consumed.
    pub fn handle_consumed(&mut self, stream: StreamId, seq: Seq) {
        let Some(book) = self.books.get_mut(&stream) else { return };
        let digest = book.powers.of(seq);
        if book.cut.is_some_and(|cut| seq >= cut) {
            book.behind.consumed += digest;
        } else {
            book.before.consumed += digest;
            self.open = self.open.saturating_sub(book.take_open(1));
        }
    }

    /// A run of positions will not be consumed.
    pub fn handle_run(&mut self, stream: StreamId, range: SeqRange, entry: Entry) {
        let Some(book) = self.books.get_mut(&stream) else { return };
        let (first, end) = (range.first, range.end());
        let middle = book.cut.map_or(end, |cut| cut.clamp(first, end));
        let before = IdDigest::of_run(first, middle);
        book.before.book(entry, before);
        book.behind.book(entry, IdDigest::of_run(middle, end));
        self.open = self.open.saturating_sub(book.take_open(before.count()));
    }

    /// Draws a cut through each stream that `ends` names, before which its positions are to come to rest. An earlier
    /// cut is given up.
    pub fn draw_cuts(&mut self, ends: impl Iterator<Item = (StreamId, Seq)>) -> Vec<Span> {
        self.give_up_cuts();
        let mut spans = Vec::new();
        for (stream, cut) in ends {
            let Some(book) = self.books.get_mut(&stream) else { continue };
            let first = book.first;
            let cut = cut.max(first);
            book.cut = Some(cut);
            let booked = book.before.accounted().count().saturating_add(book.before.lost.count());
            book.open = (cut.0 - first.0).saturating_sub(booked);
            self.open = self.open.saturating_add(book.open);
            spans.push(Span { stream, first, cut });
        }
        spans
    }

    /// Positions before the cuts that are not booked yet.
    pub const fn open(&self) -> u64 {
        self.open
    }

    /// What became of the positions of `stream` before its cut.
    pub fn account(&self, stream: StreamId) -> Option<Account> {
        self.books.get(&stream).map(|book| book.before)
    }

    /// Removes the cuts.
    pub fn give_up_cuts(&mut self) {
        self.open = 0;
        for book in self.books.values_mut() {
            book.cut = None;
            book.open = 0;
            book.before.merge(&core::mem::take(&mut book.behind));
        }
    }
}

impl Book {
    fn new(first: Seq) -> Self {
        let (before, behind) = (Account::default(), Account::default());
        Self { first, cut: None, powers: Powers::default(), before, behind, open: 0 }
    }

    /// Books `count` positions before the cut, and returns how many of them were open: a position that is booked twice
    /// must not hide one that is not booked in another stream.
    fn take_open(&mut self, count: u64) -> u64 {
        let taken = count.min(self.open);
        self.open -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const STREAM: StreamId = StreamId(3);

    fn range(first: u64, count: u64) -> SeqRange {
        SeqRange { first: Seq(first), count }
    }

    fn run(first: u64, end: u64) -> IdDigest {
        IdDigest::of_run(Seq(first), Seq(end))
    }

    #[test]
    fn what_lies_before_the_cut_comes_to_rest_while_data_flow_on() {
        let mut audit = Audit::default();
        audit.follow(STREAM, Seq(10));
        (10..15).for_each(|seq| audit.handle_consumed(STREAM, Seq(seq)));
        let spans = audit.draw_cuts([(STREAM, Seq(20))].into_iter());
        assert_eq!(spans, [Span { stream: STREAM, first: Seq(10), cut: Seq(20) }]);
        assert_eq!(audit.open(), 5);
        // A gap across the cut, consumption on both sides of it, in any order.
        audit.handle_run(STREAM, range(18, 5), Entry::Gap(GapReason::Conflated));
        (23..30).for_each(|seq| audit.handle_consumed(STREAM, Seq(seq)));
        assert_eq!(audit.open(), 3);
        audit.handle_run(STREAM, range(17, 1), Entry::Lost);
        [16, 15].into_iter().for_each(|seq| audit.handle_consumed(STREAM, Seq(seq)));
        assert_eq!(audit.open(), 0);
        let account = audit.account(STREAM).expect("followed");
        assert_eq!((account.consumed, account.gaps, account.lost), (run(10, 17), run(18, 20), run(17, 18)));
        assert_eq!(account.accounted() + account.lost, run(10, 20));
        // Without the cut both sides are one.
        audit.give_up_cuts();
        let account = audit.account(STREAM).expect("followed");
        assert_eq!(account.accounted() + account.lost, run(10, 30));
        assert_eq!(account.gap_reasons.iter().sum::<u64>(), 5);
    }

    #[test]
    fn a_position_consumed_twice_does_not_hide_one_that_is_missing_elsewhere() {
        let mut audit = Audit::default();
        let other = StreamId(4);
        for stream in [STREAM, other] {
            audit.follow(stream, Seq(0));
        }
        audit.draw_cuts([(STREAM, Seq(2)), (other, Seq(2))].into_iter());
        for seq in [0, 1, 1, 1] {
            audit.handle_consumed(STREAM, Seq(seq));
        }
        assert_eq!(audit.open(), 2);
        assert_ne!(audit.account(STREAM).expect("followed").consumed, run(0, 2));
    }

    #[test]
    fn a_stream_that_is_followed_again_keeps_its_book() {
        let mut audit = Audit::default();
        audit.follow(STREAM, Seq(5));
        audit.handle_consumed(STREAM, Seq(5));
        audit.handle_run(STREAM, range(6, 4), Entry::Unfollowed);
        audit.follow(STREAM, Seq(10));
        audit.handle_consumed(STREAM, Seq(10));
        assert_eq!(audit.account(STREAM).expect("followed").accounted(), run(5, 11));
        audit.retain(|_| false);
        assert_eq!(audit.account(STREAM), None);
    }
}
