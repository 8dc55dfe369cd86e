//! Statistics of the emulated network for one lane, from the lab's reports. The engine adds one report at a
//! time and publishes [`LaneNetwork`]; the lane row and the curves read it. Memory is bounded, and figures
//! never span two epochs or two connections.

use std::collections::VecDeque;

use sluice_shared::lab::{FlowReport, HopReport, Knobs, LateWrite, Lateness, LinkReport};
use sluice_shared::time::{Time, micros};
use sluice_shared::units::Amount;
use sluice_shared::wire::Hop;

use crate::features::network::lateness;
use crate::features::network::lateness::LateParts;

/// Newest reports on one lane's connection, and the figures derived from them. Its size is bounded.
#[derive(Debug, Default)]
pub struct LaneLinkStats {
    samples: VecDeque<Sample>,
    worst: VecDeque<WorstWrite>,
    flow: Option<FlowReport>,
    hops: RelayHops,
    /// Beginning of the epoch, on the browser's clock: figures do not span it, curves do.
    since: Time,
}

/// The two pipeline stages that belong to the emulated network; the unit is packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayHops {
    /// Packets waiting for the bottleneck.
    pub queue: Hop,
    /// Packets being serialised or in flight.
    pub wire: Hop,
}

/// One report, reduced to the data needed for curves.
#[derive(Clone, Copy, Debug)]
struct Sample {
    flow: u64,
    /// Time of arrival, on the browser's clock.
    now: Time,
    /// Time of the report, on the server's clock.
    at: Time,
    down: LinkReport,
    lateness: Option<Lateness>,
}

/// Slowest of the writes that arrived between two reports on a connection.
#[derive(Clone, Copy, Debug)]
struct WorstWrite {
    flow: u64,
    /// Time of the report, on the browser's clock.
    now: Time,
    write: LateWrite,
}

/// Point of the network curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeatherPoint {
    /// Time on the browser's clock.
    pub at: Time,
    /// Share of packets lost in the preceding second, 0 to 1; `None` without any packet.
    pub loss: Option<f64>,
    /// Time that the oldest packet had spent in the bottleneck's queue, microseconds.
    pub queue_micros: u64,
    /// Bits per second delivered in the preceding second.
    pub rate_bits: f64,
}

/// Published state of a lane's network.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneNetwork {
    /// The newest report on its connection.
    pub flow: FlowReport,
    /// Share of packets to the browser lost in the last [`LaneLinkStats::WINDOW_MICROS`]; `None` without any.
    pub loss: Option<f64>,
    /// Bits delivered to the browser in the last second; `None` before the second report on its connection.
    pub rate_bits: Option<u64>,
    /// Parts of the delay of the writes that arrived in the last [`LaneLinkStats::WINDOW_MICROS`]; `None`
    /// where the connection does not report it.
    pub late: Option<LateParts>,
}

/// Capacity of the two stages, bytes; 0 where unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayRoom {
    /// The bottleneck's queue.
    pub queue_bytes: u64,
    /// Bytes that the bottleneck can send before the first one arrives.
    pub wire_bytes: u64,
}

impl RelayRoom {
    /// Returns the capacity of a network with these settings.
    pub fn of(knobs: &Knobs) -> Self {
        let bytes = |millis: f64| (knobs.rate_kbit * millis / 8.0) as u64;
        Self { queue_bytes: bytes(knobs.queue_ms), wire_bytes: bytes(knobs.delay_ms) }
    }
}

impl LaneLinkStats {
    /// Number of reports kept: slightly more than the 30 s of the charts at ten a second.
    pub const MOST: usize = 330;
    /// Span of the published losses and late writes, microseconds; shorter if the epoch is shorter.
    pub const WINDOW_MICROS: u64 = 10_000_000;
    /// Span over which rates are computed, microseconds.
    const RATE_MICROS: u64 = 1_000_000;

    /// Adds the report made at `at` on the lane's connection, if it has one.
    pub fn take(&mut self, flow: Option<&FlowReport>, room: RelayRoom, at: Time, now: Time) {
        let Some(flow) = flow else {
            self.flow = None;
            self.hops = RelayHops::default();
            return;
        };
        self.hops = RelayHops {
            queue: hop(flow.down.queue, room.queue_bytes),
            wire: hop(flow.down.wire, room.wire_bytes),
        };
        let lateness = flow.lateness;
        self.samples.push_back(Sample { flow: flow.flow, now, at, down: flow.down, lateness });
        if let Some(worst) = lateness.and_then(|lateness| lateness.worst) {
            self.worst.push_back(WorstWrite { flow: flow.flow, now, write: worst });
        }
        while self.samples.len() > Self::MOST {
            self.samples.pop_front();
        }
        while self.worst.front().is_some_and(|seen| micros(now.since(seen.now)) > Self::WINDOW_MICROS)
            || self.worst.len() > Self::MOST
        {
            self.worst.pop_front();
        }
        self.flow = Some(flow.clone());
    }

    /// Removes all reports.
    pub fn clear(&mut self) {
        *self = Self { since: self.since, ..Self::default() };
    }

    /// Begins an epoch at `since` on the browser's clock.
    pub const fn begin_epoch(&mut self, since: Time) {
        self.since = since;
    }

    /// Returns the newest report on the lane's connection.
    pub const fn flow(&self) -> Option<&FlowReport> {
        self.flow.as_ref()
    }

    /// Returns the two emulated stages of the pipeline.
    pub const fn hops(&self) -> &RelayHops {
        &self.hops
    }

    /// Returns the recent share of packets to the browser that were lost, 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        loss(&self.window_start()?.down, &self.samples.back()?.down)
    }

    /// Returns the state to publish; `None` without an emulated connection.
    pub fn network(&self) -> Option<LaneNetwork> {
        let flow = self.flow.clone()?;
        let newest = self.samples.back()?;
        Some(LaneNetwork {
            loss: self.loss(),
            rate_bits: self.rate(self.samples.len() - 1).map(|bits| bits as u64),
            late: newest.lateness.map(|lateness| self.late_parts(newest, lateness)),
            flow,
        })
    }

    /// Returns the curves from `since` on, oldest first. Points of different connections are not joined: the
    /// first of each is `None`.
    pub fn points(&self, since: Time) -> impl Iterator<Item = Option<WeatherPoint>> {
        let first = self.samples.partition_point(|sample| sample.now < since);
        (first..self.samples.len()).map(|at| {
            let sample = self.samples[at];
            let before = self.before(at, Self::RATE_MICROS)?;
            Some(WeatherPoint {
                at: sample.now,
                loss: loss(&before.down, &sample.down),
                queue_micros: sample.down.queue.oldest_micros,
                rate_bits: self.rate(at)?,
            })
        })
    }

    /// Returns the report at the start of the last [`LaneLinkStats::WINDOW_MICROS`].
    fn window_start(&self) -> Option<&Sample> {
        let newest = self.samples.len().checked_sub(1)?;
        let from = self.first_within(newest, Self::WINDOW_MICROS)?;
        let in_epoch = self.samples.partition_point(|sample| sample.now < self.since);
        self.samples.get(from.max(in_epoch)).filter(|_| from.max(in_epoch) < newest)
    }

    /// Returns the oldest report on the same connection that is at most `span` older than the one at `at`.
    fn before(&self, at: usize, span: u64) -> Option<&Sample> {
        self.samples.get(self.first_within(at, span)?)
    }

    fn first_within(&self, at: usize, span: u64) -> Option<usize> {
        let sample = self.samples.get(at)?;
        let from = self.samples.partition_point(|other| {
            // Half a period of tolerance: reports arrive about every 100 ms.
            other.flow < sample.flow || micros(sample.at.since(other.at)) > span + 50_000
        });
        (from < at).then_some(from)
    }

    fn rate(&self, at: usize) -> Option<f64> {
        let (sample, before) = (self.samples.get(at)?, self.before(at, Self::RATE_MICROS)?);
        let bytes = sample.down.delivered_bytes.saturating_sub(before.down.delivered_bytes);
        Some(bytes as f64 * 8e6 / micros(sample.at.since(before.at)).max(1) as f64)
    }

    fn late_parts(&self, newest: &Sample, now: Lateness) -> LateParts {
        let Some((start, before)) = self.window_start().and_then(|start| Some((start, start.lateness?)))
        else {
            return LateParts::default();
        };
        // Writes from before the epoch used another network; the server's clock tells when they were written.
        let written_from = newest.at.as_micros().saturating_sub(micros(newest.now.since(self.since)));
        let worst = self.worst.iter().filter(|worst| {
            worst.flow == newest.flow
                && worst.now > start.now
                && worst.write.written_at.as_micros() >= written_from
        });
        LateParts {
            span_micros: micros(newest.at.since(start.at)),
            writes: now.writes.saturating_sub(before.writes),
            micros: [
                now.send_queue_micros.saturating_sub(before.send_queue_micros),
                now.bottleneck_micros.saturating_sub(before.bottleneck_micros),
                now.propagation_micros.saturating_sub(before.propagation_micros),
                now.blocked_micros.saturating_sub(before.blocked_micros),
            ],
            worst: worst.map(|worst| worst.write).max_by_key(lateness::total),
        }
    }
}

fn loss(before: &LinkReport, now: &LinkReport) -> Option<f64> {
    let lost = now.lost_packets.saturating_sub(before.lost_packets);
    let all = lost + now.passed_packets.saturating_sub(before.passed_packets);
    (all > 0).then(|| lost as f64 / all as f64)
}

fn hop(report: HopReport, bound_bytes: u64) -> Hop {
    Hop {
        held: Amount::new(report.packets, report.bytes),
        bound: Amount::new(0, bound_bytes),
        oldest_age_micros: report.oldest_micros,
    }
}

#[cfg(test)]
mod tests {
    use sluice_shared::lab::Congestion;
    use sluice_shared::mode::Transport;

    use super::*;

    /// Returns a report after `tenths` of a second in which 9 of 10 packets of 1,250 bytes passed, 10 each
    /// tenth.
    fn report(flow: u64, tenths: u64) -> FlowReport {
        let down = LinkReport {
            delivered_bytes: tenths * 9 * 1_250,
            passed_packets: tenths * 9,
            lost_packets: tenths,
            queue: HopReport { packets: 2, bytes: 2_500, oldest_micros: 7_000 },
            ..LinkReport::default()
        };
        let worst = LateWrite {
            written_at: Time::from_millis(tenths * 100),
            send_queue_micros: 1_000,
            bottleneck_micros: 0,
            propagation_micros: 50_000,
            blocked_micros: tenths * 100,
            lost_packet: Some(tenths),
        };
        let lateness = Lateness {
            writes: tenths,
            blocked_micros: tenths * 300,
            worst: Some(worst),
            ..Lateness::default()
        };
        FlowReport {
            flow,
            lane: Some(0),
            transport: Transport::WebSocket,
            congestion: Congestion::Cubic,
            up: LinkReport::default(),
            down,
            tcp: None,
            lateness: Some(lateness),
            quic: None,
        }
    }

    fn after(tenths: impl Iterator<Item = u64>) -> LaneLinkStats {
        let mut link_stats = LaneLinkStats::default();
        for tenth in tenths {
            let at = Time::from_millis(tenth * 100);
            link_stats.take(
                Some(&report(1, tenth)),
                RelayRoom::default(),
                at,
                at + core::time::Duration::from_secs(1_000),
            );
        }
        link_stats
    }

    #[test]
    fn loss_and_rate_are_those_of_the_recent_past() {
        let network = after(0..50).network().expect("a connection");
        assert!((network.loss.expect("packets") - 0.1).abs() < 1e-9);
        // 90 packets of 1,250 bytes a second.
        let rate = network.rate_bits.expect("a rate");
        assert!((rate as f64 / 900_000.0 - 1.0).abs() < 0.01, "{rate}");
        assert_eq!(network.flow.down.queue.packets, 2);
    }

    #[test]
    fn late_writes_are_summed_over_the_window_and_the_latest_is_named() {
        let late = after(0..300).network().and_then(|network| network.late).expect("told");
        assert!((99..=101).contains(&late.writes), "{late:?}");
        assert_eq!(late.micros[3], late.writes * 300);
        assert_eq!(late.worst.and_then(|worst| worst.lost_packet), Some(299));
        let shares = late.shares().expect("shares");
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_room_follows_from_the_settings() {
        let knobs = Knobs { rate_kbit: 8_000.0, queue_ms: 100.0, delay_ms: 50.0, ..Knobs::default() };
        assert_eq!(RelayRoom::of(&knobs), RelayRoom { queue_bytes: 100_000, wire_bytes: 50_000 });
        assert_eq!(RelayRoom::of(&Knobs { delay_ms: 50.0, ..Knobs::default() }), RelayRoom::default());
    }

    #[test]
    fn connections_are_not_joined() {
        let mut link_stats = after(0..20);
        let at = Time::from_millis(2_000);
        link_stats.take(
            Some(&report(2, 1)),
            RelayRoom::default(),
            at,
            at + core::time::Duration::from_secs(1_000),
        );
        let points: Vec<_> = link_stats.points(Time::ZERO).collect();
        assert_eq!(points.len(), 21);
        assert!(points[20].is_none() && points[19].is_some());
        let network = link_stats.network().expect("a connection");
        assert_eq!((network.loss, network.rate_bits), (None, None), "one report makes no rate");
        assert_eq!(network.late, Some(LateParts::default()), "and no sum of its own");
    }

    #[test]
    fn what_is_kept_is_bounded_and_a_lane_without_a_connection_has_no_network() {
        let mut link_stats = after(0..2_000);
        assert_eq!(link_stats.points(Time::ZERO).count(), LaneLinkStats::MOST);
        assert!(link_stats.worst.len() <= 101);
        link_stats.take(None, RelayRoom::default(), Time::ZERO, Time::ZERO);
        assert_eq!(link_stats.network(), None);
        assert_eq!(link_stats.hops(), &RelayHops::default());
    }

    #[test]
    fn figures_do_not_reach_back_beyond_the_epoch_and_curves_do() {
        let offset = core::time::Duration::from_secs(1_000);
        let mut link_stats = after(0..40);
        // From here on no packet is lost and no write is blocked by one.
        link_stats.begin_epoch(Time::from_millis(3_950) + offset);
        assert_eq!(link_stats.loss(), None, "no two reports of this epoch");
        assert_eq!(link_stats.network().and_then(|network| network.late), Some(LateParts::default()));
        for tenth in 40..60 {
            let mut calm = report(1, tenth);
            calm.down.lost_packets = 39;
            let at = Time::from_millis(tenth * 100);
            link_stats.take(Some(&calm), RelayRoom::default(), at, at + offset);
        }
        assert_eq!(link_stats.loss(), Some(0.0));
        let late = link_stats.network().and_then(|network| network.late).expect("told");
        assert_eq!((late.writes, late.span_micros), (19, 1_900_000));
        assert_eq!(link_stats.points(Time::ZERO).count(), 60);
        assert!(link_stats.points(Time::ZERO).flatten().take(20).all(|point| point.loss > Some(0.05)));
    }

    #[test]
    fn the_worst_write_of_another_epoch_or_connection_is_not_this_ones() {
        let offset = core::time::Duration::from_secs(1_000);
        let mut link_stats = after(0..40);
        link_stats.begin_epoch(Time::from_millis(3_950) + offset);
        for tenth in 40..44 {
            let mut next = report(1, tenth);
            // All arrivals were written before the change.
            for worst in next.lateness.iter_mut().filter_map(|lateness| lateness.worst.as_mut()) {
                worst.written_at = Time::from_millis(3_900);
            }
            let at = Time::from_millis(tenth * 100);
            link_stats.take(Some(&next), RelayRoom::default(), at, at + offset);
        }
        assert_eq!(link_stats.network().and_then(|network| network.late).and_then(|late| late.worst), None);
    }
}
