//! Skipped messages by reason.
//!
//! Filled by `LaneStats`, which also logs them at a limited rate.

use core::time::Duration;

use sluice_shared::time::Time;
use sluice_shared::wire::{GapReason, GapReport};

use super::notes::Notes;
use sluice_bridge::{Level, SkippedRun};

const REASONS: usize = GapReason::ALL.len();

/// Counter of skipped messages. The first gap of a reason is logged at once, later ones together every few
/// seconds.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    counts: [u64; REASONS],
    noted: [u64; REASONS],
    noted_at: [Option<Time>; REASONS],
    newest: Option<SkippedRun>,
}

impl Gaps {
    const NOTE_EVERY: Duration = Duration::from_secs(5);

    /// Counts `messages` of a reported gap.
    pub(super) fn record(&mut self, report: &GapReport, messages: u64) {
        for (known, count) in GapReason::ALL.into_iter().zip(&mut self.counts) {
            if known == report.reason {
                *count += messages;
            }
        }
        if let Some(range) = report.ranges.last() {
            self.newest = Some(SkippedRun {
                stream: report.stream.0,
                first: range.first.0,
                last: range.end().0.saturating_sub(1),
                reason: report.reason,
            });
        }
    }

    /// Returns the newest run of messages that was reported as skipped.
    pub(super) const fn newest(&self) -> Option<SkippedRun> {
        self.newest
    }

    /// Returns the counts, in the order of [`GapReason::ALL`].
    pub(super) const fn counts(&self) -> [u64; REASONS] {
        self.counts
    }

    /// Logs the gaps that are due and were not logged yet.
    pub(super) fn note(&mut self, notes: &mut Notes, now: Time) {
        for (index, reason) in GapReason::ALL.into_iter().enumerate() {
            let new = self.counts[index] - self.noted[index];
            let due = self.noted_at[index].is_none_or(|at| now.since(at) >= Self::NOTE_EVERY);
            if new > 0 && due {
                let (level, what) = describe(reason);
                notes.push(level, format!("{new} messages {what}."), now);
                self.noted[index] = self.counts[index];
                self.noted_at[index] = Some(now);
            }
        }
    }
}

fn describe(reason: GapReason) -> (Level, &'static str) {
    match reason {
        GapReason::Retention => (Level::Warning, "fell out of the hub's log before they could be sent"),
        GapReason::Conflated => (Level::Info, "gave way to newer ones of the same key, as the policy says"),
        GapReason::DroppedOldest => {
            (Level::Info, "were dropped as the oldest of a full queue, as the policy says")
        }
        GapReason::DroppedNewest => (Level::Info, "were refused by a full queue, as the policy says"),
        GapReason::TooLarge => (Level::Warning, "did not fit into a datagram of this path"),
        GapReason::Network => (Level::Warning, "were lost with their datagrams"),
        GapReason::Expired => (Level::Warning, "were missed, because the server had given the session up"),
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::ids::{Seq, StreamId};
    use sluice_shared::wire::SeqRange;

    use super::*;

    fn gap(first: u64) -> GapReport {
        let ranges =
            vec![SeqRange { first: Seq(first), count: 2 }, SeqRange { first: Seq(first + 9), count: 2 }];
        GapReport { stream: StreamId(4), reason: GapReason::Conflated, ranges }
    }

    #[test]
    fn the_newest_gap_is_named_by_its_last_run() {
        let mut gaps = Gaps::default();
        gaps.record(&gap(1), 4);
        let seen = SkippedRun { stream: 4, first: 10, last: 11, reason: GapReason::Conflated };
        assert_eq!(gaps.newest(), Some(seen));
    }

    #[test]
    fn many_gaps_make_few_notes_that_count_them_all() {
        let (mut gaps, mut notes) = (Gaps::default(), Notes::new());
        for millis in 0..=5_000 {
            gaps.record(&gap(1), 2);
            gaps.note(&mut notes, Time::from_millis(millis));
        }
        let texts: Vec<_> = notes.take().into_iter().map(|note| note.text).collect();
        assert_eq!(texts.len(), 2);
        assert!(texts[0].starts_with("2 messages "), "{texts:?}");
        assert!(texts[1].starts_with("10000 messages "), "{texts:?}");
        assert_eq!(gaps.counts()[1], 10_002);
    }
}
