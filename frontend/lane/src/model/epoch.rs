//! Statistics of the current epoch, beside the lane's totals.
//!
//! Owned by `LaneStats`, which begins an epoch with each change of the set-up.

use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::GapReason;

use super::ages::{AgeWindow, Parts};
use sluice_bridge::EpochStats;

/// Statistics since the last change of the set-up.
///
/// Every event after the change counts. Latency counts only for messages produced after it, and stalls only
/// from the first of these on: the time that the change itself takes to arrive belongs to neither set-up.
#[derive(Debug)]
pub(super) struct EpochRecorder {
    counts: EpochStats,
    latency: AgeWindow,
    /// True if a message produced in this epoch was consumed.
    has_begun: bool,
}

impl EpochRecorder {
    /// Creates empty statistics, before any epoch.
    pub(super) fn new() -> Self {
        Self { counts: EpochStats::default(), latency: AgeWindow::new(), has_begun: false }
    }

    /// Begins an epoch.
    pub(super) fn begin(&mut self, number: u32, since: Time) {
        self.counts = EpochStats::new(number, since);
        self.latency.clear();
        self.has_begun = false;
    }

    /// Discards the counts of this epoch.
    pub(super) fn clear(&mut self) {
        self.begin(self.counts.number, self.counts.since);
    }

    /// Counts a message of `bytes` bytes.
    pub(super) fn record_consumed(&mut self, bytes: u64) {
        self.counts.consumed += Amount::one(bytes);
    }

    /// Records the latency of a message, if it was produced in this epoch.
    pub(super) fn record_latency(&mut self, parts: Parts, produced_at: Time, consumed_at: Time) {
        if produced_at < self.counts.since {
            return;
        }
        self.has_begun = true;
        self.latency.record(parts, consumed_at);
    }

    /// Counts a stall.
    pub(super) fn record_stall(&mut self) {
        self.counts.stalls += u64::from(self.has_begun);
    }

    /// Counts messages of a reported gap.
    pub(super) fn record_gap(&mut self, reason: GapReason, messages: u64) {
        for (known, count) in GapReason::ALL.into_iter().zip(&mut self.counts.gaps) {
            *count += if known == reason { messages } else { 0 };
        }
    }

    /// Counts messages that were lost without a report.
    pub(super) const fn record_lost(&mut self, messages: u64) {
        self.counts.lost += messages;
    }

    /// Counts a reconnection after a loss.
    pub(super) const fn record_reconnect(&mut self) {
        self.counts.reconnects += 1;
    }

    /// Returns the statistics, without duplicates, which the session counts.
    pub(super) fn stats(&mut self, now: Time) -> EpochStats {
        let reported = self.latency.report(now);
        let [latency, latency_at_server, latency_in_transit, latency_in_inbox] = reported.ages;
        debug_assert!(
            latency.count <= self.counts.consumed.messages,
            "{} latencies of {} messages",
            latency.count,
            self.counts.consumed.messages
        );
        EpochStats {
            latency,
            latency_at_server,
            latency_in_transit,
            latency_in_inbox,
            curve: reported.curve.clone(),
            ..self.counts.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn consume(recorder: &mut EpochRecorder, produced_ms: u64, consumed_ms: u64) {
        let parts = Parts { total: Duration::from_millis(consumed_ms - produced_ms), ..Parts::default() };
        recorder.record_consumed(10);
        recorder.record_latency(parts, Time::from_millis(produced_ms), Time::from_millis(consumed_ms));
    }

    #[test]
    fn messages_from_before_the_change_have_no_latency_in_its_epoch() {
        let mut recorder = EpochRecorder::new();
        consume(&mut recorder, 1_000, 1_400);
        assert_eq!(recorder.stats(Time::from_millis(1_400)).latency.max, 400_000);
        recorder.begin(7, Time::from_millis(2_000));
        consume(&mut recorder, 1_999, 2_900);
        consume(&mut recorder, 2_000, 2_950);
        let recorder = recorder.stats(Time::from_millis(3_000));
        assert_eq!((recorder.number, recorder.since), (7, Time::from_millis(2_000)));
        assert_eq!((recorder.latency.count, recorder.latency.max), (1, 950_000));
        assert_eq!(recorder.consumed, Amount::new(2, 20), "all that is consumed counts");
    }

    #[test]
    fn a_stall_counts_from_the_first_message_of_the_epoch_on() {
        let mut recorder = EpochRecorder::new();
        recorder.begin(1, Time::from_millis(2_000));
        consume(&mut recorder, 1_000, 2_500);
        recorder.record_stall();
        assert_eq!(recorder.stats(Time::from_millis(2_500)).stalls, 0, "the change takes its time to arrive");
        consume(&mut recorder, 2_100, 2_700);
        recorder.record_stall();
        assert_eq!(recorder.stats(Time::from_millis(2_800)).stalls, 1);
    }

    #[test]
    fn the_next_epoch_counts_from_zero() {
        let mut recorder = EpochRecorder::new();
        recorder.begin(1, Time::ZERO);
        consume(&mut recorder, 1_000, 1_010);
        recorder.record_gap(GapReason::Conflated, 4);
        recorder.record_lost(2);
        recorder.record_reconnect();
        let stats = recorder.stats(Time::from_millis(1_020));
        assert_eq!((stats.gaps_total(), stats.lost, stats.reconnects), (4, 2, 1));
        let since = Time::from_millis(1_030);
        recorder.begin(2, since);
        let stats = recorder.stats(since);
        assert_eq!(EpochStats { curve: Vec::new(), ..stats }, EpochStats::new(2, since));
    }
}
