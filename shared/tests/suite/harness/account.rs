//! The exact account of a run: every message is consumed once or lies in one reported gap.

use core::ops::Add as _;
use std::collections::{BTreeMap, BTreeSet};

use sluice_shared::certificate::Certificate;
use sluice_shared::digest::IdDigest;
use sluice_shared::ids::{Epoch, Key, Seq, StreamId};
use sluice_shared::session::Delivered;
use sluice_shared::wire::{GapReason, GapReport, StreamInfo};

use super::logs::{Logs, epoch_of};

/// What the consumer and the driver of the client have seen.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Per life of the hub and stream, each time that it was followed, in order.
    books: BTreeMap<(u64, StreamId), Vec<Book>>,
    epoch: u64,
    pub(crate) consumed: u64,
    pub(crate) gaps: BTreeMap<GapReason, u64>,
    /// The last position consumed of each key.
    of_key: BTreeMap<(u64, StreamId, Key), Seq>,
    pub(crate) order: Order,
}

/// What order the consumer may count on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    #[default]
    None,
    /// Messages of one key.
    OfKeys,
    /// Messages of one stream.
    OfStreams,
}

/// One stream, from when it was followed until it no longer was.
#[derive(Debug)]
struct Book {
    start: Seq,
    is_open: bool,
    consumed: BTreeSet<Seq>,
    in_gaps: BTreeSet<Seq>,
    /// What the session counted as accounted for by gaps alone.
    new_in_gaps: u64,
}

impl Account {
    /// Other streams are followed.
    pub(crate) fn follow(&mut self, epoch: Epoch, infos: &[StreamInfo]) {
        let epoch = epoch.0;
        self.epoch = epoch;
        for ((life, stream), books) in &mut self.books {
            if *life != epoch || infos.iter().all(|info| info.id != *stream) {
                books.iter_mut().for_each(|book| book.is_open = false);
            }
        }
        for info in infos {
            let books = self.books.entry((epoch, info.id)).or_default();
            if !books.last().is_some_and(|book| book.is_open) {
                // Messages may overtake the announcement of the stream they belong to.
                let overtaking = books.last_mut().map(|book| book.consumed.split_off(&info.next));
                books.push(Book {
                    start: info.next,
                    is_open: true,
                    consumed: overtaking.unwrap_or_default(),
                    in_gaps: BTreeSet::new(),
                    new_in_gaps: 0,
                });
            }
        }
    }

    /// The consumer takes a message.
    pub(crate) fn consume(&mut self, message: &Delivered) {
        let epoch = epoch_of(message).0;
        let header = message.header;
        let books =
            self.books.get_mut(&(epoch, header.stream)).expect("a message of a stream that was followed");
        let book =
            books.iter_mut().rfind(|book| book.start <= header.seq).expect("a position that was followed");
        let follows = book.consumed.last().is_none_or(|&last| last < header.seq);
        assert!(book.consumed.insert(header.seq), "consumed twice: {header:?}");
        assert!(self.order != Order::OfStreams || follows, "out of order: {header:?}");
        let of_key = self.of_key.insert((epoch, header.stream, header.key), header.seq);
        let follows = of_key.is_none_or(|last| last < header.seq);
        assert!(self.order == Order::None || follows, "after a newer one of its key: {header:?}");
        self.consumed += 1;
    }

    /// A gap is reported.
    pub(crate) fn note_gap(&mut self, report: &GapReport, new: u64) {
        let book = self.books.get_mut(&(self.epoch, report.stream)).and_then(|books| books.last_mut());
        let Some(book) = book.filter(|book| book.is_open) else {
            assert_eq!(new, 0, "a gap counts in a stream that is not followed: {report:?}");
            return;
        };
        let mut most = 0;
        for range in &report.ranges {
            let first = range.first.max(book.start);
            for seq in (first.0..range.end().0).map(Seq) {
                if book.in_gaps.insert(seq) && !book.consumed.contains(&seq) {
                    most += 1;
                }
            }
        }
        assert!(new <= most, "a gap counts {new} where {most} can be: {report:?}");
        book.new_in_gaps += new;
        *self.gaps.entry(report.reason).or_default() += new;
    }

    /// Whether every message of the streams that are followed is accounted for, up to the logs' heads.
    pub(crate) fn is_complete(&self, logs: &Logs) -> bool {
        self.open_books().all(|(stream, book)| {
            let total = logs.head(stream).0.saturating_sub(book.start.0);
            book.consumed.len() as u64 + book.new_in_gaps >= total
        })
    }

    /// How many positions of the streams that are followed lie before the last one consumed, or are it.
    pub(crate) fn passed(&self) -> u64 {
        let passed = |book: &Book| book.consumed.last().map_or(0, |last| last.next().0 - book.start.0);
        self.open_books().map(|(_, book)| passed(book)).sum()
    }

    /// Checks, at rest, that each message was consumed or lies in a gap, and that none counts as both.
    pub(crate) fn check(&self, logs: &Logs) {
        for (stream, book) in self.open_books() {
            let end = logs.head(stream);
            let unaccounted: Vec<Seq> = (book.start.0..end.0)
                .map(Seq)
                .filter(|seq| !book.consumed.contains(seq) && !book.in_gaps.contains(seq))
                .collect();
            assert_eq!(unaccounted, [], "unaccounted for in {stream:?} from {:?} to {end:?}", book.start);
            let counted = book.consumed.len() as u64 + book.new_in_gaps;
            assert_eq!(counted, end.0.saturating_sub(book.start.0), "counted twice in {stream:?}");
        }
    }

    /// Checks that the newest message of each key was consumed.
    pub(crate) fn check_newest(&self, logs: &Logs) {
        for (stream, key, seq) in logs.newest() {
            let book = self.open_books().find(|&(id, book)| id == stream && book.start <= seq);
            assert!(
                book.is_none_or(|(_, book)| book.consumed.contains(&seq)),
                "the newest of {key:?} in {stream:?}, {seq:?}, was not consumed"
            );
        }
    }

    /// Checks that a certificate, made at rest, says what was consumed and what lies in gaps.
    pub(crate) fn check_certificate(&self, certificate: &Certificate) {
        assert_eq!(certificate.epoch.0, self.epoch);
        for stream in &certificate.streams {
            let books = &self.books[&(self.epoch, stream.span.stream)];
            assert_eq!(stream.span.first, books[0].start);
            let consumed = books.iter().flat_map(|book| &book.consumed).map(|seq| IdDigest::of(*seq));
            assert_eq!(stream.consumed, consumed.fold(IdDigest::EMPTY, IdDigest::add), "{stream:?}");
            let in_gaps: u64 = books.iter().map(|book| book.new_in_gaps).sum();
            assert_eq!(stream.gaps.count(), in_gaps, "{stream:?}");
        }
        let open: BTreeSet<StreamId> = self.open_books().map(|(stream, _)| stream).collect();
        assert!(open.into_iter().eq(certificate.streams.iter().map(|stream| stream.span.stream)));
    }

    fn open_books(&self) -> impl Iterator<Item = (StreamId, &Book)> {
        self.books
            .iter()
            .filter(|((epoch, _), _)| *epoch == self.epoch)
            .flat_map(|(&(_, stream), books)| books.iter().map(move |book| (stream, book)))
            .filter(|(_, book)| book.is_open)
    }
}
