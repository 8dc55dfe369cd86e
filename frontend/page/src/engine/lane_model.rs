//! State of one lane on the page, as reported by its worker.
//!
//! The engine applies reports and begins epochs; painters and the verdict read it. Its size is bounded,
//! whatever the feed.

use core::time::Duration;
use std::collections::VecDeque;

use sluice_shared::certificate::Certificate;
use sluice_shared::time::Time;

use crate::features::connection::model::ConnectionTimeline;
use crate::features::flood::track::InboundTrack;
use crate::features::network::stats::LaneLinkStats;
use crate::features::pipeline::dots::DotTrack;
use crate::features::timeline::columns::ColumnRing;
use sluice_bridge::Connection;
use sluice_bridge::DeliveryGap;
use sluice_bridge::EpochStats;
use sluice_bridge::HostReading;
use sluice_bridge::Report;
use sluice_bridge::Summary;

/// Model of a lane, filled from its worker's reports. Its size is bounded, whatever the feed.
#[derive(Debug)]
pub struct LaneModel {
    /// Connection state.
    pub connection: Connection,
    /// Levels and totals.
    pub summary: Summary,
    /// Time of the worker's last report.
    pub reported_at: Option<Time>,
    /// Latency chart.
    pub columns: ColumnRing,
    /// Replay of sampled messages on the strip.
    pub dots: DotTrack,
    /// Host readings consumed by this lane, oldest first.
    pub host: VecDeque<HostReading>,
    /// Effect of the emulated network.
    pub link_stats: LaneLinkStats,
    /// Timeline of its connections.
    pub connection_timeline: ConnectionTimeline,
    /// Effect of its flood.
    pub inbound: InboundTrack,
    /// The newest certificate.
    pub certificate: Option<Certificate>,
    /// Messages that a pending certificate waits for.
    pub uncertified: Option<u64>,
    /// Newest delivery gaps of at least [`LaneModel::LONG_GAP`], oldest first. A report has only the newest
    /// gaps, and on a lossy network the short ones displace those of an outage within seconds.
    pub long_gaps: VecDeque<DeliveryGap>,
}

impl LaneModel {
    /// Maximum number of host readings: 30 s at 50 Hz, with a margin.
    pub const MAX_HOST: usize = 1_600;
    /// Age from which host readings are dropped, microseconds.
    pub const HOST_SPAN_MICROS: u64 = 60_000_000;

    /// Minimum length of a long delivery gap.
    pub const LONG_GAP: Duration = Duration::from_millis(500);
    /// Maximum number of long gaps kept.
    pub const MAX_LONG_GAPS: usize = 16;

    /// Creates the model of a lane without reports.
    pub fn new() -> Self {
        Self {
            connection: Connection::Idle,
            summary: Summary::default(),
            reported_at: None,
            columns: ColumnRing::default(),
            dots: DotTrack::default(),
            host: VecDeque::new(),
            link_stats: LaneLinkStats::default(),
            connection_timeline: ConnectionTimeline::default(),
            inbound: InboundTrack::default(),
            certificate: None,
            uncertified: None,
            long_gaps: VecDeque::new(),
        }
    }

    /// Applies a report, except for its notes, in the epoch with this number, which began at `began`. A
    /// report that was made before the worker learnt of that epoch contributes nothing to it.
    pub fn apply(&mut self, mut report: Report, epoch: u32, began: Time) {
        if report.summary.epoch.number != epoch {
            report.summary.epoch = EpochStats::new(epoch, began);
        }
        self.reported_at = Some(report.now);
        self.connection = report.connection;
        self.inbound.push(&report.summary.flooding, report.now);
        self.summary = report.summary;
        if report.certificate.is_some() {
            self.certificate = report.certificate;
        }
        self.uncertified = report.uncertified;
        self.keep_long_gaps();
        self.columns.merge(&report.columns);
        self.dots.push(&report.dots);
        self.connection_timeline.extend(&report.connection_events);
        self.host.extend(report.host);
        let expired = |reading: &HostReading| {
            reading.produced_at.as_micros() + Self::HOST_SPAN_MICROS < report.now.as_micros()
        };
        // The newest reading is kept regardless of its age, which the host panel shows.
        while self.host.len() > Self::MAX_HOST
            || (self.host.len() > 1 && self.host.front().is_some_and(expired))
        {
            self.host.pop_front();
        }
    }

    /// Keeps the long ones of the reported gaps. The cost of a gap may be reported after its end.
    fn keep_long_gaps(&mut self) {
        let is_long = |gap: &&DeliveryGap| gap.until.since(gap.from) >= Self::LONG_GAP;
        for gap in self.summary.delivery_gaps.iter().filter(is_long) {
            match self.long_gaps.iter_mut().find(|known| known.from == gap.from) {
                Some(known) => *known = *gap,
                None => self.long_gaps.push_back(*gap),
            }
        }
        while self.long_gaps.len() > Self::MAX_LONG_GAPS {
            self.long_gaps.pop_front();
        }
    }

    /// Begins an epoch.
    pub fn begin_epoch(&mut self, number: u32, since: Time) {
        self.summary.epoch = EpochStats::new(number, since);
        self.link_stats.begin_epoch(since);
    }

    /// Discards measurements; keeps the connection and the columns of the timeline, so that the time before
    /// remains for comparison.
    pub fn clear(&mut self) {
        let facts = self.summary.facts.take();
        self.summary = Summary { facts, ..Summary::default() };
        self.dots.clear();
        self.host.clear();
        self.inbound.clear();
        self.long_gaps.clear();
    }

    /// Returns the age of the newest host reading at `now`, microseconds.
    pub fn host_staleness(&self, now: Time) -> Option<u64> {
        self.host.back().map(|reading| sluice_shared::time::micros(now.since(reading.produced_at)))
    }
}

impl Default for LaneModel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::feed::HostSample;
    use sluice_shared::mode::Mode;

    use super::*;

    fn report(now_millis: u64, host_millis: impl IntoIterator<Item = u64>) -> Report {
        let reading = |millis| HostReading {
            produced_at: Time::from_millis(millis),
            consumed_at: Time::from_millis(millis + 1),
            sample: HostSample::default(),
        };
        Report {
            now: Time::from_millis(now_millis),
            connection: Connection::Open { since: Time::ZERO, ready_after_micros: 1, mode: Mode::WebSocket },
            summary: Summary { stalls: 3, ..Summary::default() },
            columns: Vec::new(),
            dots: Vec::new(),
            host: host_millis.into_iter().map(reading).collect(),
            notes: Vec::new(),
            connection_events: Vec::new(),
            certificate: None,
            uncertified: None,
        }
    }

    #[test]
    fn long_gaps_outlive_the_short_ones_that_displace_them_in_reports() {
        let gap = |from: u64, until: u64, lost| DeliveryGap {
            from: Time::from_millis(from),
            until: Time::from_millis(until),
            lost,
            ..DeliveryGap::default()
        };
        let mut model = LaneModel::new();
        let mut take = |gaps: Vec<DeliveryGap>| {
            model.summary.delivery_gaps = gaps;
            model.keep_long_gaps();
            model.long_gaps.iter().map(|gap| (gap.from.as_micros() / 1_000, gap.lost)).collect::<Vec<_>>()
        };
        assert_eq!(take(vec![gap(100, 140, 0), gap(1_000, 5_000, 0)]), [(1_000, 0)]);
        assert_eq!(take(vec![gap(1_000, 5_000, 2)]), [(1_000, 2)], "its cost was found later");
        assert_eq!(
            take((0..16).map(|at| gap(6_000 + at * 100, 6_050 + at * 100, 0)).collect()),
            [(1_000, 2)]
        );
    }

    #[test]
    fn a_stale_lane_keeps_its_last_reading() {
        let mut lane = LaneModel::new();
        lane.apply(report(1_000, [900, 950]), 0, Time::ZERO);
        lane.apply(report(200_000, []), 0, Time::ZERO);
        assert_eq!(lane.host.len(), 1);
        assert_eq!(lane.host_staleness(Time::from_millis(200_950)), Some(200_000_000));
    }

    #[test]
    fn a_lane_holds_a_bounded_number_of_readings() {
        let mut lane = LaneModel::new();
        for round in 0..100 {
            lane.apply(report(1_000 + round, (0..200).map(|step| 900 + round + step / 200)), 0, Time::ZERO);
        }
        assert_eq!(lane.host.len(), LaneModel::MAX_HOST);
    }

    #[test]
    fn clearing_forgets_measurements_and_keeps_the_connection() {
        let mut lane = LaneModel::new();
        lane.apply(report(1_000, [900]), 0, Time::ZERO);
        lane.clear();
        assert_eq!(lane.summary, Summary::default());
        assert_eq!(lane.host_staleness(Time::from_millis(1)), None);
        assert_eq!(lane.connection.name(), "open");
    }

    #[test]
    fn a_report_of_an_earlier_epoch_tells_nothing_of_the_current_one() {
        let mut lane = LaneModel::new();
        let stats = EpochStats { reconnects: 4, ..EpochStats::new(1, Time::ZERO) };
        let mut early = report(1_000, []);
        early.summary.epoch = stats.clone();
        lane.begin_epoch(2, Time::from_millis(900));
        lane.apply(early.clone(), 2, Time::from_millis(900));
        assert_eq!(lane.summary.epoch, EpochStats::new(2, Time::from_millis(900)));
        lane.apply(early, 1, Time::ZERO);
        assert_eq!(lane.summary.epoch, stats);
    }
}
