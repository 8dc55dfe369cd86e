//! Series of changes of networks, summarised per transport. Created by the long action that makes the
//! changes, and updated with every report. It keeps the results of changes that the server has already
//! dropped.

use sluice_shared::handshake::Spread;
use sluice_shared::lab::{LabReport, PathChange, SwitchReport};
use sluice_shared::mode::Transport;

use crate::features::migration::model::balancer::BalancerTotals;
use crate::features::migration::model::chain::{is_in_use, resolved};
use crate::features::migration::model::facts::gap_micros;
use crate::features::migration::model::lane::PageLane;

/// The number of changes.
pub(crate) const SWITCHES: u32 = 10;
/// Interval between changes, ms.
pub(crate) const EVERY_MILLIS: i32 = 500;

/// Series of changes with its results so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    /// Number of the first change.
    first: u64,
    /// Number of changes made by the server.
    pub(crate) made: u32,
    /// Effect of each change on each connection, by the number of the change.
    paths: Vec<(u64, PathChange)>,
    /// Lanes before the first change.
    lanes: Vec<PageLane>,
    balanced_before: Option<BalancerTotals>,
    balanced: Option<BalancerTotals>,
}

impl Series {
    /// Returns a series before its first change.
    pub(crate) fn new(report: &LabReport, lanes: Vec<PageLane>) -> Self {
        let balanced = report.balancer.as_ref().map(BalancerTotals::of);
        let first = report.switches.last().map_or(0, |switch| switch.number + 1);
        Self { first, made: 0, paths: Vec::new(), lanes, balanced_before: balanced, balanced }
    }

    /// Updates the series from a report; the server keeps only the newest changes.
    pub(crate) fn take(&mut self, report: &LabReport) {
        let last = self.first + u64::from(SWITCHES);
        let own = |switch: &&SwitchReport| (self.first..last).contains(&switch.number);
        for switch in report.switches.iter().filter(own) {
            for path in switch.paths.iter().filter(|path| is_in_use(path, switch)) {
                let is_known =
                    |known: &&mut (u64, PathChange)| known.0 == switch.number && known.1.flow == path.flow;
                match self.paths.iter_mut().find(is_known) {
                    Some((_, known)) => known.clone_from(path),
                    None => self.paths.push((switch.number, path.clone())),
                }
            }
        }
        self.balanced = report.balancer.as_ref().map(BalancerTotals::of);
    }

    /// True if all gaps have ended.
    pub(crate) fn is_settled(&self) -> bool {
        self.gaps().all(|(_, gap)| gap.is_some())
    }

    /// Returns the client's gap of each connection after each change, µs.
    fn gaps(&self) -> impl Iterator<Item = (Transport, Option<u64>)> {
        let paths = self.paths.iter().map(|(_, path)| path);
        paths.clone().map(move |path| (path.transport, gap_micros(&resolved(path, paths.clone()))))
    }

    /// Returns the results of one transport.
    pub(crate) fn of(&self, transport: Transport, lanes_now: &[PageLane]) -> SeriesResult {
        let lanes = self.lanes.iter().filter(|lane| lane.transport == transport);
        let reconnects = |before: &PageLane| {
            let now = lanes_now.iter().find(|now| now.lane == before.lane)?;
            Some(now.reconnects.saturating_sub(before.reconnects))
        };
        let reconnects: Vec<u64> = lanes.filter_map(reconnects).collect();
        let gaps: Vec<_> = self.gaps().filter(|(kind, _)| *kind == transport).map(|(_, gap)| gap).collect();
        SeriesResult {
            connections: gaps.len(),
            lanes: reconnects.len(),
            survived: reconnects.iter().filter(|reconnects| **reconnects == 0).count(),
            reconnects: reconnects.iter().sum(),
            unfinished: gaps.iter().filter(|gap| gap.is_none()).count(),
            gap: Spread::of(gaps.into_iter().flatten().collect()),
        }
    }

    /// Returns the number of packets during the series and how many were misrouted; `None` without a
    /// balancer.
    pub(crate) fn balanced(&self) -> Option<(u64, u64)> {
        let (before, now) = self.balanced_before.zip(self.balanced)?;
        let packets = now.packets.saturating_sub(before.packets);
        Some((packets, now.misrouted.saturating_sub(before.misrouted)))
    }
}

/// Results of a series for one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesResult {
    /// Connections affected by a change.
    pub(crate) connections: usize,
    /// Lanes that existed before the series.
    pub(crate) lanes: usize,
    /// Number of these that did not reconnect.
    pub(crate) survived: usize,
    /// Reconnects of all of these.
    pub(crate) reconnects: u64,
    /// Gaps that have not ended.
    pub(crate) unfinished: usize,
    /// Gaps that have ended.
    pub(crate) gap: Option<Spread>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::migration::model::samples;

    fn lane(lane: u16, transport: Transport, reconnects: u64) -> PageLane {
        PageLane { lane, transport, reconnects, ..samples::lanes()[0].clone() }
    }

    fn switched(number: u64, gap_micros: Option<u64>) -> SwitchReport {
        let mut quic = samples::quic();
        if let Some(change) = &mut quic.quic {
            change.gap_micros = gap_micros;
        }
        SwitchReport { number, paths: vec![quic, samples::tcp()], ..samples::switch() }
    }

    #[test]
    fn a_series_is_its_own_changes_alone() {
        let earlier = LabReport { switches: vec![switched(7, Some(9_000_000))], ..LabReport::default() };
        let before = vec![lane(0, Transport::WebTransport, 2), lane(1, Transport::WebSocket, 0)];
        let mut series = Series::new(&earlier, before);
        series.take(&LabReport {
            switches: vec![switched(7, Some(9_000_000)), switched(8, None)],
            ..earlier.clone()
        });
        assert!(!series.is_settled());
        // The server has dropped the first change meanwhile.
        let switches = vec![switched(8, Some(20_000)), switched(9, Some(40_000))];
        series.take(&LabReport { switches, ..earlier });
        assert!(series.is_settled());
        let now = [lane(0, Transport::WebTransport, 2), lane(1, Transport::WebSocket, 3)];
        let sessions = series.of(Transport::WebTransport, &now);
        assert_eq!((sessions.survived, sessions.lanes, sessions.reconnects), (1, 1, 0));
        assert_eq!(sessions.gap.map(|gap| gap.max_micros), Some(40_000));
        let sockets = series.of(Transport::WebSocket, &now);
        assert_eq!((sockets.survived, sockets.lanes, sockets.reconnects), (0, 1, 3));
        assert_eq!(sockets.gap.map(|gap| gap.median_micros), Some(444_000));
        assert_eq!(series.balanced(), None, "there is no balancer");
    }
}
