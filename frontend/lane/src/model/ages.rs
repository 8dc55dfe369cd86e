//! Latency of messages over the last 30 s of an epoch.
//!
//! Filled by the epoch's recorder. Summaries are rebuilt at most ten times a second, since each merges all
//! histograms.

use core::time::Duration;

use sluice_shared::histogram::Histogram;
use sluice_shared::time::{Time, micros};

use sluice_bridge::{Ages, Summary, curve_share};

/// Latency of one message with its components.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parts {
    /// Consumed − produced.
    pub(super) total: Duration,
    /// Sent by the session − produced.
    pub(super) at_server: Duration,
    /// Received − sent by the session.
    pub(super) in_transit: Duration,
    /// Consumed − received.
    pub(super) in_inbox: Duration,
}

/// Latencies of the last 30 s, kept as one set of histograms for every three seconds.
///
/// The window slides by whole spans, so it covers between 27 and 30 s. Summaries are rebuilt at most ten
/// times a second.
#[derive(Debug)]
pub(super) struct AgeWindow {
    spans: Vec<Span>,
    /// Buffer for merging.
    merged: Histogram,
    shares: [f64; Summary::CURVE],
    newest: LatencyReport,
    reported_at: Option<Time>,
}

#[derive(Debug)]
struct Span {
    /// Number of the time span, in spans since the origin.
    index: u64,
    parts: [Histogram; PARTS],
}

/// Number of values in [`Parts`]: total, at the server, in transit, in the inbox.
const PARTS: usize = 4;

/// Latency statistics as last reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LatencyReport {
    /// Summaries in the order of [`Parts`].
    pub(crate) ages: [Ages; PARTS],
    /// Quantile curve of the total; see [`sluice_bridge::EpochStats::curve`].
    pub(crate) curve: Vec<u32>,
}

impl AgeWindow {
    const SPANS: usize = 10;
    const SPAN_MICROS: u64 = 3_000_000;
    const REPORT_EVERY: Duration = Duration::from_millis(100);

    pub(super) fn new() -> Self {
        let span = |_| Span { index: 0, parts: core::array::from_fn(|_| Histogram::new()) };
        Self {
            spans: (0..Self::SPANS).map(span).collect(),
            merged: Histogram::new(),
            shares: core::array::from_fn(curve_share),
            newest: LatencyReport::default(),
            reported_at: None,
        }
    }

    /// Records one message, consumed at `now`.
    pub(super) fn record(&mut self, parts: Parts, now: Time) {
        let index = now.as_micros() / Self::SPAN_MICROS;
        let span = &mut self.spans[(index % Self::SPANS as u64) as usize];
        if span.index != index {
            span.index = index;
            span.parts.iter_mut().for_each(Histogram::clear);
        }
        let [total, at_server, in_transit, in_inbox] = &mut span.parts;
        total.record(parts.total);
        at_server.record(parts.at_server);
        in_transit.record(parts.in_transit);
        in_inbox.record(parts.in_inbox);
    }

    /// Returns the statistics of the last 30 s.
    pub(super) fn report(&mut self, now: Time) -> &LatencyReport {
        if self.reported_at.is_none_or(|at| now.since(at) >= Self::REPORT_EVERY) {
            self.reported_at = Some(now);
            for part in 0..PARTS {
                self.merge(part, now);
                self.newest.ages[part] = ages_of(&self.merged);
                if part == 0 {
                    let curve = self.merged.quantiles_micros(self.shares.iter().copied());
                    self.newest.curve.clear();
                    self.newest.curve.extend(curve.map(|age| u32::try_from(age).unwrap_or(u32::MAX)));
                }
            }
        }
        &self.newest
    }

    fn merge(&mut self, part: usize, now: Time) {
        let newest = now.as_micros() / Self::SPAN_MICROS;
        self.merged.clear();
        for span in &self.spans {
            if span.index + Self::SPANS as u64 > newest && span.parts[part].count() > 0 {
                self.merged.merge(&span.parts[part]);
            }
        }
    }

    /// Discards all measurements.
    pub(super) fn clear(&mut self) {
        self.spans.iter_mut().flat_map(|span| &mut span.parts).for_each(Histogram::clear);
        self.reported_at = None;
    }
}

fn ages_of(histogram: &Histogram) -> Ages {
    let mut quantiles = histogram.quantiles_micros([0.5, 0.95, 0.99].into_iter());
    let mut next = || quantiles.next().unwrap_or(0);
    let ages =
        Ages { count: histogram.count(), p50: next(), p95: next(), p99: next(), max: histogram.max_micros() };
    debug_assert!([ages.p50, ages.p95, ages.p99, ages.max].is_sorted(), "percentiles ascend: {ages:?}");
    ages
}

impl Parts {
    /// Returns the total in whole microseconds, the unit of the charts.
    pub(super) fn total_micros(self) -> u32 {
        u32::try_from(micros(self.total)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aged(millis: u64) -> Parts {
        Parts { total: Duration::from_millis(millis), ..Parts::default() }
    }

    #[test]
    fn ages_leave_the_window_after_thirty_seconds() {
        let mut window = AgeWindow::new();
        window.record(aged(500), Time::from_millis(0));
        for second in 1..=40 {
            window.record(aged(10), Time::from_millis(second * 1_000));
            let max = window.report(Time::from_millis(second * 1_000)).ages[0].max;
            assert_eq!(max == 500_000, second < 30, "{second}: {max}");
        }
        assert_eq!(window.report(Time::from_millis(40_200)).ages[0].count, 29);
    }

    #[test]
    fn a_summary_is_made_ten_times_a_second_at_most() {
        let mut window = AgeWindow::new();
        window.record(aged(10), Time::from_millis(1_000));
        assert_eq!(window.report(Time::from_millis(1_000)).ages[0].count, 1);
        window.record(aged(20), Time::from_millis(1_050));
        assert_eq!(window.report(Time::from_millis(1_099)).ages[0].count, 1);
        assert_eq!(window.report(Time::from_millis(1_100)).ages[0].count, 2);
    }

    #[test]
    fn the_curve_ascends_and_ends_near_the_largest_age() {
        let mut window = AgeWindow::new();
        for age in 1..=1_000 {
            window.record(aged(age), Time::from_millis(age));
        }
        let reported = window.report(Time::from_millis(1_000));
        assert_eq!(reported.curve.len(), Summary::CURVE);
        assert!(reported.curve.is_sorted());
        assert!(reported.curve.last().is_some_and(|age| *age > 960_000), "{:?}", reported.curve);
        assert_eq!(reported.ages[0].max, 1_000_000);
    }

    #[test]
    fn clearing_forgets_at_once() {
        let mut window = AgeWindow::new();
        window.record(aged(10), Time::from_millis(1_000));
        assert_eq!(window.report(Time::from_millis(1_000)).ages[0].count, 1);
        window.clear();
        assert_eq!(window.report(Time::from_millis(1_001)).ages[0], Ages::default());
    }
}
