//! The stream put together again, and what a selective acknowledgment says of the gaps (RFC 2018 §4, RFC 2883 §4).

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

/// Ranges beyond a gap that are remembered for acknowledgments, as in Linux.
const MAX_RECENT_RANGES: usize = 4;

/// Received data: what is ready to be read, and what is held behind gaps.
#[derive(Clone, Debug)]
pub(crate) struct Reassembly {
    /// The next offset that is missing (RCV.NXT).
    next: u64,
    ready: VecDeque<Bytes>,
    ready_bytes: u64,
    /// Data behind gaps by its offset, without overlap.
    held: BTreeMap<u64, Bytes>,
    held_bytes: u64,
    /// The ranges behind gaps, start to end, merged; a FIN counts as a place.
    ranges: BTreeMap<u64, u64>,
    /// Starts of the ranges that grew last, the latest first.
    recent: VecDeque<u64>,
    /// A range that arrived twice and was not reported yet.
    duplicate: Option<(u64, u64)>,
    /// The place of the FIN, once one has arrived.
    fin_at: Option<u64>,
}

/// How a segment fitted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It continued the stream. `has_filled_gap` says that nothing is missing any more.
    InOrder { has_filled_gap: bool },
    /// It lies behind a gap.
    BehindGap,
    /// All of it had been there.
    Duplicate,
}

impl Reassembly {
    /// An empty stream whose first byte has offset 1.
    pub(crate) const fn new() -> Self {
        Self {
            next: 1,
            ready: VecDeque::new(),
            ready_bytes: 0,
            held: BTreeMap::new(),
            held_bytes: 0,
            ranges: BTreeMap::new(),
            recent: VecDeque::new(),
            duplicate: None,
            fin_at: None,
        }
    }

    /// Takes the data at `start`, with a FIN behind it if `has_fin`.
    pub(crate) fn insert(&mut self, start: u64, data: &Bytes, has_fin: bool) -> Arrival {
        let data_end = start + data.len() as u64;
        let end = data_end + u64::from(has_fin);
        if has_fin {
            self.fin_at = Some(data_end);
        }
        if end <= self.next {
            self.duplicate = Some((start, end));
            return Arrival::Duplicate;
        }
        if start < self.next {
            self.duplicate = Some((start, self.next));
        }
        if start <= self.next {
            self.append(data_end, data);
            let had_gap = !self.ranges.is_empty();
            self.close_gaps();
            return Arrival::InOrder { has_filled_gap: had_gap && self.ranges.is_empty() };
        }
        let is_known = self.note_range(start, end);
        self.hold(start, data);
        if is_known { Arrival::Duplicate } else { Arrival::BehindGap }
    }

    /// Takes at most `max_bytes` of what is ready.
    pub(crate) fn read(&mut self, max_bytes: usize) -> Option<Bytes> {
        let first = self.ready.front_mut()?;
        let taken = first.split_to(max_bytes.min(first.len()));
        if first.is_empty() {
            self.ready.pop_front();
        }
        self.ready_bytes -= taken.len() as u64;
        Some(taken)
    }

    /// The ranges of a selective acknowledgment: one that arrived twice, told once, then the latest ones.
    pub(crate) fn take_sack_ranges(&mut self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let held = self.recent.iter().filter_map(|start| Some((*start, *self.ranges.get(start)?)));
        self.duplicate.take().into_iter().chain(held)
    }

    /// Whether a range that arrived twice waits to be reported.
    pub(crate) const fn has_duplicate(&self) -> bool {
        self.duplicate.is_some()
    }

    /// The next offset that is missing; past the FIN once that has arrived in order.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Whether the FIN has arrived and nothing before it is missing.
    pub(crate) fn is_finished(&self) -> bool {
        self.fin_at.is_some_and(|at| self.next > at)
    }

    pub(crate) const fn ready_bytes(&self) -> u64 {
        self.ready_bytes
    }

    pub(crate) const fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    pub(crate) fn has_gap(&self) -> bool {
        !self.ranges.is_empty()
    }

    fn append(&mut self, data_end: u64, data: &Bytes) {
        if data_end > self.next {
            let known = data.len() - usize::try_from(data_end - self.next).unwrap_or(data.len());
            let new = data.slice(known..);
            self.ready_bytes += new.len() as u64;
            self.ready.push_back(new);
            self.next = data_end;
        }
        if self.fin_at == Some(self.next) {
            self.next += 1;
        }
    }

    /// Moves what has become contiguous from behind the gaps.
    fn close_gaps(&mut self) {
        while let Some(entry) = self.held.first_entry().filter(|entry| *entry.key() <= self.next) {
            let (start, data) = entry.remove_entry();
            self.held_bytes -= data.len() as u64;
            self.append(start + data.len() as u64, &data);
        }
        while let Some(entry) = self.ranges.first_entry().filter(|entry| *entry.key() <= self.next) {
            entry.remove();
        }
        self.forget_stale_ranges();
    }

    /// Merges a range in and makes it the latest; notes what of it had arrived, and says whether that was all.
    fn note_range(&mut self, start: u64, end: u64) -> bool {
        let mut merged = (start, end);
        let touching: Vec<(u64, u64)> = self
            .ranges
            .range(..=end)
            .rev()
            .map(|(first, last)| (*first, *last))
            .take_while(|(_, last)| *last >= start)
            .collect();
        for &(first, last) in &touching {
            self.ranges.remove(&first);
            merged = (merged.0.min(first), merged.1.max(last));
            let overlap = (first.max(start), last.min(end));
            if overlap.0 < overlap.1 {
                self.duplicate = Some(overlap);
            }
        }
        self.ranges.insert(merged.0, merged.1);
        self.forget_stale_ranges();
        self.recent.retain(|first| *first != merged.0);
        self.recent.push_front(merged.0);
        self.recent.truncate(MAX_RECENT_RANGES);
        touching.iter().any(|(first, last)| *first <= start && end <= *last)
    }

    fn forget_stale_ranges(&mut self) {
        let ranges = &self.ranges;
        self.recent.retain(|first| ranges.contains_key(first));
    }

    /// Keeps the parts of `data` that are not held already.
    fn hold(&mut self, start: u64, data: &Bytes) {
        let end = start + data.len() as u64;
        let mut at = start;
        while at < end {
            let before = self.held.range(..=at).next_back().map(|(first, held)| first + held.len() as u64);
            if let Some(known_until) = before.filter(|until| *until > at) {
                at = known_until;
                continue;
            }
            let until = self.held.range(at..).next().map_or(end, |(first, _)| end.min(*first));
            let index = |offset: u64| usize::try_from(offset - start).unwrap_or(data.len()).min(data.len());
            let part = data.slice(index(at)..index(until));
            self.held_bytes += part.len() as u64;
            self.held.insert(at, part);
            at = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(range: core::ops::Range<u8>) -> Bytes {
        range.collect::<Vec<u8>>().into()
    }

    fn read_all(stream: &mut Reassembly) -> Vec<u8> {
        core::iter::from_fn(|| stream.read(3)).flatten().collect()
    }

    fn sacks(stream: &mut Reassembly) -> Vec<(u64, u64)> {
        stream.take_sack_ranges().collect()
    }

    #[test]
    fn data_in_any_order_and_overlap_comes_out_once_and_in_order() {
        let mut stream = Reassembly::new();
        // Offset 1 carries byte 0.
        assert_eq!(stream.insert(11, &bytes(10..20), false), Arrival::BehindGap);
        assert_eq!(stream.insert(26, &bytes(25..30), true), Arrival::BehindGap);
        assert_eq!(stream.insert(16, &bytes(15..28), false), Arrival::BehindGap);
        assert_eq!(stream.held_bytes(), 20);
        assert_eq!(stream.insert(1, &bytes(0..5), false), Arrival::InOrder { has_filled_gap: false });
        assert_eq!(stream.insert(4, &bytes(3..12), false), Arrival::InOrder { has_filled_gap: true });
        assert!(stream.is_finished());
        assert_eq!((stream.next(), stream.ready_bytes(), stream.held_bytes()), (32, 30, 0));
        assert_eq!(read_all(&mut stream), (0..30).collect::<Vec<u8>>());
    }

    #[test]
    fn the_latest_ranges_are_reported_first_and_a_duplicate_once_before_them() {
        let mut stream = Reassembly::new();
        for start in [21, 41, 61, 81, 101] {
            stream.insert(start, &bytes(0..10), false);
        }
        assert_eq!(sacks(&mut stream), [(101, 111), (81, 91), (61, 71), (41, 51)]);
        stream.insert(51, &bytes(0..10), false);
        assert_eq!(sacks(&mut stream), [(41, 71), (101, 111), (81, 91)]);
        assert_eq!(stream.insert(45, &bytes(0..5), false), Arrival::Duplicate);
        assert_eq!(sacks(&mut stream), [(45, 50), (41, 71), (101, 111), (81, 91)]);
        assert_eq!(sacks(&mut stream), [(41, 71), (101, 111), (81, 91)]);
        stream.insert(1, &bytes(0..20), false);
        assert_eq!(stream.insert(1, &bytes(0..10), false), Arrival::Duplicate);
        assert_eq!(sacks(&mut stream), [(1, 11), (41, 71), (101, 111), (81, 91)]);
        assert_eq!(stream.next(), 31);
    }
}
