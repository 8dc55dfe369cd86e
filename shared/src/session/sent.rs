//! What the last datagrams carried.

use std::collections::VecDeque;

use crate::ids::{Seq, StreamId};
use crate::mode::Mode;

/// Which messages the last datagrams carried, so that lost ones can be named.
#[derive(Debug)]
pub(super) struct SentDatagrams {
    /// `None` for a mode that loses nothing; within, `None` for one that has been named as lost.
    recent: Option<VecDeque<Option<(StreamId, Seq)>>>,
    /// Place of the first one that is remembered.
    first: u64,
}

impl SentDatagrams {
    /// Enough for the largest window and for what is sent, at the highest rate, while a receiver waits for stragglers.
    const MOST: usize = 16_384;

    pub(super) fn new(mode: Mode) -> Self {
        Self { recent: (mode == Mode::Datagrams).then(VecDeque::new), first: 0 }
    }

    pub(super) fn push(&mut self, stream: StreamId, seq: Seq) {
        let Some(recent) = &mut self.recent else { return };
        if recent.len() >= Self::MOST {
            recent.pop_front();
            self.first += 1;
        }
        recent.push_back(Some((stream, seq)));
    }

    /// Names what was sent at the places from `first` on; each is named once, however often it is asked for.
    pub(super) fn take(&mut self, first: u64, count: u64) -> impl Iterator<Item = (StreamId, Seq)> + '_ {
        let before = self.first;
        let kept = self.recent.as_ref().map_or(0, VecDeque::len);
        let index =
            move |place: u64| usize::try_from(place.saturating_sub(before)).unwrap_or(usize::MAX).min(kept);
        let places = index(first)..index(first.saturating_add(count));
        self.recent
            .iter_mut()
            .flat_map(move |recent| recent.range_mut(places.clone()))
            .filter_map(Option::take)
    }
}
