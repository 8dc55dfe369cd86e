//! Figures of a run: the measured values that tables, answers and claims refer to.

use core::time::Duration;

use sluice_bridge::{DeliveryGap, LaneInput, OutageInput, ViewInput};
use sluice_shared::time::{Time, micros};

use crate::stories::metric::Metric;
use crate::stories::script::Claim;
use crate::stories::text::LaneText;

/// A measured value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The lane or the probe.
    pub subject: &'static str,
    /// The quantity.
    pub metric: Metric,
    /// Its value; `None` if it was not measured.
    pub value: Option<u64>,
}

/// The measured values of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Returns the figures with one more.
    pub fn with(mut self, subject: &'static str, metric: Metric, value: Option<u64>) -> Self {
        self.0.push(Figure { subject, metric, value });
        self
    }

    /// Returns a value; `None` if it was not measured.
    pub fn get(&self, subject: &str, metric: Metric) -> Option<u64> {
        let figure = self.0.iter().find(|figure| figure.subject == subject && figure.metric == metric)?;
        figure.value
    }

    /// Returns whether the figures show what is claimed. What was not measured shows nothing.
    pub fn show(&self, claim: Claim) -> bool {
        match claim {
            Claim::AtLeast(subject, metric, least) => {
                self.get(subject, metric).is_some_and(|value| value >= least)
            }
            Claim::AtMost(subject, metric, most) => {
                self.get(subject, metric).is_some_and(|value| value <= most)
            }
            Claim::Less(first, second, metric) => self
                .get(first, metric)
                .zip(self.get(second, metric))
                .is_some_and(|(first, second)| first < second),
        }
    }
}

/// Extremes and means of one lane since a run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneRecord {
    core: Option<(u64, Time)>,
    core_permille: Option<u64>,
    /// Sum and number of the reported shares of busy time, thousandths.
    busy: (u64, u64),
    longest_gap: Option<u64>,
    server_bytes: Option<u64>,
    smallest_window: Option<u64>,
    most_unsent: Option<u64>,
}

impl LaneRecord {
    /// Time before which a share of a core means little.
    const LEAST_CORE_TIME: Duration = Duration::from_secs(1);

    /// Takes the extremes of a report in a run that began at `began`.
    pub fn take(&mut self, lane: &LaneInput, began: Time) {
        let summary = &lane.summary;
        // The list of gaps holds the newest ones alone.
        let gaps = gaps_since(lane, began).map(|gap| micros(gap.until.since(gap.from.max(began))));
        self.longest_gap = self.longest_gap.max(gaps.max());
        if let Some(at) = lane.reported_at.filter(|_| summary.core_micros > 0) {
            match self.core {
                Some((before, since)) if summary.core_micros >= before => {
                    let elapsed = at.since(since);
                    if elapsed >= Self::LEAST_CORE_TIME {
                        self.core_permille =
                            Some((summary.core_micros - before) * 1_000 / micros(elapsed).max(1));
                    }
                }
                // Another connection counts from 0.
                Some(_) | None => self.core = Some((summary.core_micros, at)),
            }
        }
        if summary.consumed.messages > 0 {
            let permille = (f64::from(summary.busy) * 1_000.0).round() as u64;
            self.busy = (self.busy.0 + permille, self.busy.1 + 1);
        }
        let queues = summary.hops.policy_queue.zip(summary.hops.transport);
        let held = queues.map(|(queue, transport)| queue.held.bytes + transport.held.bytes);
        let peak = summary.exhibit.map(|exhibit| exhibit.held_bytes_peak);
        self.server_bytes = self.server_bytes.max(held).max(peak);
        if let Some(tcp) = lane.flow.as_ref().and_then(|flow| flow.tcp.as_ref()) {
            let window = tcp.peer_window_bytes;
            self.smallest_window = Some(self.smallest_window.map_or(window, |smallest| smallest.min(window)));
            self.most_unsent = self.most_unsent.max(Some(tcp.unsent_bytes));
        }
    }
}

/// Returns the known delivery gaps that ended after `began`.
fn gaps_since(lane: &LaneInput, began: Time) -> impl Iterator<Item = &DeliveryGap> {
    lane.summary.delivery_gaps.iter().chain(&lane.long_gaps).filter(move |gap| gap.until >= began)
}

/// Returns the messages that are missing without a report: as the page has found, or as the server's fault mode counts
/// them, since what is missing behind megabytes of buffers is found late.
fn lost(lane: &LaneInput) -> u64 {
    lane.summary.lost.max(lane.summary.exhibit.map_or(0, |exhibit| exhibit.silently_dropped))
}

/// What a run has disturbed, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// Beginning of the run.
    pub began: Time,
    /// The run's outage, once it has begun.
    pub outage: Option<OutageInput>,
}

/// Returns the figures of all lanes.
pub fn lane_figures(
    input: &ViewInput,
    lanes: &'static [LaneText],
    records: &[LaneRecord],
    disturbance: Disturbance,
) -> Figures {
    let mut figures = Figures::default();
    for ((text, lane), record) in lanes.iter().zip(&input.lanes).zip(records) {
        let summary = &lane.summary;
        let has_data = summary.consumed.messages > 0;
        let latency = summary.epoch.measured();
        let fresh_after =
            disturbance.outage.and_then(|outage| fresh_after(outage, gaps_since(lane, disturbance.began)));
        // Before anything has arrived, nothing can be missing.
        let known = |value: u64| has_data.then_some(value);
        figures = figures
            .with(text.id, Metric::Lost, known(lost(lane)))
            .with(text.id, Metric::Skipped, known(summary.gaps.iter().sum()))
            .with(text.id, Metric::Consumed, Some(summary.consumed.messages))
            .with(text.id, Metric::NoData, record.longest_gap)
            .with(text.id, Metric::FreshAfter, fresh_after)
            .with(text.id, Metric::Connections, known(1 + summary.reconnects))
            .with(text.id, Metric::Stalls, known(summary.stalls))
            .with(text.id, Metric::P50, latency.map(|ages| ages.p50))
            .with(text.id, Metric::P99, latency.map(|ages| ages.p99))
            .with(text.id, Metric::ServerBytes, record.server_bytes)
            .with(text.id, Metric::Core, record.core_permille)
            .with(text.id, Metric::Busy, record.busy.0.checked_div(record.busy.1))
            .with(text.id, Metric::PeerWindow, record.smallest_window)
            .with(text.id, Metric::Unsent, record.most_unsent);
    }
    figures
}

/// Returns the time from the end of an outage until data came.
fn fresh_after<'gap>(outage: OutageInput, mut gaps: impl Iterator<Item = &'gap DeliveryGap>) -> Option<u64> {
    let ended = outage.until?;
    let gap = gaps.find(|gap| gap.from <= ended && ended <= gap.until)?;
    Some(micros(gap.until.since(ended)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_about_something_that_was_not_measured_is_not_shown() {
        let figures = Figures::default().with("a", Metric::Lost, Some(0)).with("b", Metric::Lost, None);
        assert!(figures.show(Claim::AtMost("a", Metric::Lost, 0)));
        assert!(!figures.show(Claim::AtMost("b", Metric::Lost, 0)), "unknown is not zero");
        assert!(!figures.show(Claim::AtLeast("c", Metric::Lost, 0)));
        assert!(!figures.show(Claim::Less("a", "b", Metric::Lost)));
        let both = Figures::default().with("a", Metric::P99, Some(7)).with("b", Metric::P99, Some(8));
        assert!(both.show(Claim::Less("a", "b", Metric::P99)));
        assert!(!both.show(Claim::Less("b", "a", Metric::P99)));
    }

    #[test]
    fn data_is_fresh_when_the_gap_around_the_end_of_the_outage_ends() {
        let at = Time::from_millis;
        let gap = |from, until| DeliveryGap { from: at(from), until: at(until), ..DeliveryGap::default() };
        let outage = OutageInput { from: at(1_000), until: Some(at(5_000)) };
        let gaps = [gap(900, 950), gap(990, 5_160), gap(6_000, 9_000)];
        assert_eq!(fresh_after(outage, gaps.iter()), Some(160_000));
        assert_eq!(fresh_after(outage, gaps[2..].iter()), None, "a later gap is not the outage's");
        assert_eq!(fresh_after(OutageInput { until: None, ..outage }, gaps.iter()), None);
    }
}
