//! Input of the verdict: measurements of all lanes in the current epoch, gathered from the engine.
//!
//! Called before each verdict. A missing measurement is `None`.

use sluice_bridge::{AgeColumn, Connection, Recovery};
use sluice_shared::feed::FeedSpec;
use sluice_shared::lab::TcpWait;
use sluice_shared::mode::Transport;
use sluice_shared::policy::Policy;
use sluice_shared::time::{Time, micros};
use sluice_shared::wire::Waiting;

use crate::engine::delivery_history::DeliveryHistory;
use crate::engine::driver::Engine;
use crate::engine::epochs::EpochChange;
use crate::engine::running_lane::RunningLane;
use crate::features::connection::model::Phase;
use crate::verdict::{
    Change, ConnectionSnapshot, Disruption, Epoch, Interruption, LaneSnapshot, Latency, LatencyPart,
    LatencyParts, MachineLoad, SendQueueWait, SenderState, Snapshot, UnreportedLoss,
};

/// Span over which consumption is averaged, columns of [`AgeColumn::WIDTH_MICROS`]: 5 s.
const RATE_COLUMNS: u64 = 100;

/// Input that the engine does not hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Surroundings {
    /// Seconds until the scheduled end of the outage in progress, if it has one.
    pub(crate) outage_left_secs: Option<u64>,
    /// True if the emulated network blocks UDP.
    pub(crate) is_udp_blocked: bool,
    /// Share of a core used by the server's emulator; `None` without one.
    pub(crate) emulator_load: Option<f32>,
}

/// Returns the measurements of all lanes at `now`.
pub(crate) fn verdict_snapshot(engine: &Engine, around: Surroundings, now: Time) -> Snapshot {
    let (_, out_since) = engine.lab();
    let epoch = engine.epoch();
    let cpu =
        engine.lanes().filter_map(|running| running.model.host.back()).max_by_key(|host| host.produced_at);
    Snapshot {
        epoch: Epoch { since_micros: micros(now.since(epoch.began)), cause: change(epoch.change) },
        in_progress: out_since.map(|since| Disruption::Outage {
            for_micros: micros(now.since(since)),
            left_micros: around.outage_left_secs.map(|secs| secs * 1_000_000),
        }),
        outage_ended_micros: engine
            .events
            .ended_outages_since(Time::ZERO)
            .last()
            .and_then(|(_, until)| out_since.is_none().then(|| micros(now.since(until)))),
        machine: MachineLoad {
            cpu: cpu.map(|host| f64::from(host.sample.cpu)),
            emulator: around.emulator_load.map(f64::from),
            page: engine.meter.busy_share(),
        },
        is_udp_blocked: around.is_udp_blocked,
        lanes: engine.lanes().map(|running| lane_snapshot(engine, running, now)).collect(),
    }
}

const fn change(change: EpochChange) -> Change {
    match change {
        EpochChange::Start => Change::Start,
        EpochChange::Network => Change::Network,
        EpochChange::Consumer => Change::Consumer,
        EpochChange::Policy => Change::Policy,
        EpochChange::Feed => Change::Feed,
        EpochChange::Lanes => Change::Lanes,
    }
}

fn lane_snapshot(engine: &Engine, running: &RunningLane, now: Time) -> LaneSnapshot {
    let (model, summary) = (&running.model, &running.model.summary);
    let wanted = running.wanted();
    let policy = running.policy();
    let phases = model.connection_timeline.spans(now);
    let last_open = phases.iter().rev().find(|(_, _, phase)| matches!(phase, Phase::Open(_)));
    let first_try = phases.iter().find(|(_, _, phase)| *phase != Phase::Idle);
    let down_since = last_open.map(|(_, until, _)| *until).or_else(|| first_try.map(|(from, ..)| *from));
    let ticks = wanted.and_then(|wanted| {
        wanted.feeds.iter().find_map(|feed| match feed {
            FeedSpec::Ticks(ticks) => Some(u64::from(ticks.rate)),
            FeedSpec::Host | FeedSpec::Stdin | FeedSpec::Publish => None,
        })
    });
    let is_host_on = wanted.is_some_and(|wanted| wanted.feeds.contains(&FeedSpec::Host));
    LaneSnapshot {
        mode: running.mode,
        has_fallback: wanted.is_some_and(|wanted| wanted.upkeep.falls_back),
        policy,
        starts_over: wanted.is_some_and(|wanted| wanted.upkeep.recovery == Recovery::StartOver),
        is_direct: running.is_direct(),
        connection: connection(&model.connection, down_since, now),
        was_connected: last_open.is_some(),
        last_arrival_micros: summary
            .last_arrival
            .zip(model.reported_at)
            .map(|(at, now)| micros(now.since(at))),
        is_feed_running: ticks.is_some() || is_host_on,
        sender: summary.hops.backlog.map(|_| sender(summary.waiting)),
        consumer_delay_micros: wanted.map_or(0, |wanted| u64::from(wanted.consumer.delay_micros)),
        consumer_busy: summary.occupancy.map(f64::from),
        consumed: summary.epoch.consumed.messages,
        offered_per_second: ticks,
        consumed_per_second: consumed_per_second(running, engine.epoch().began),
        unreported: UnreportedLoss { in_epoch: summary.epoch.lost, in_total: summary.lost },
        skipped: summary.epoch.gaps,
        interruptions: interruptions(engine, running),
        latency: summary.epoch.measured().map(|ages| Latency {
            count: ages.count,
            p50_micros: ages.p50,
            p99_micros: ages.p99,
        }),
        stalls: (summary.epoch.consumed.messages > 0).then_some(summary.epoch.stalls),
        parts: parts(running, policy),
        worst_write: model.link_stats.network().and_then(|network| network.late?.worst),
    }
}

fn connection(connection: &Connection, down_since: Option<Time>, now: Time) -> ConnectionSnapshot {
    let down = |since: Time| micros(now.since(down_since.unwrap_or(since).min(since)));
    match connection {
        Connection::Idle => ConnectionSnapshot::Idle,
        Connection::Connecting { since } => ConnectionSnapshot::Connecting { for_micros: down(*since) },
        Connection::Open { since, mode, .. } => {
            ConnectionSnapshot::Open { for_micros: micros(now.since(*since)), mode: *mode }
        }
        Connection::Waiting { reason, retry_at } => ConnectionSnapshot::Waiting {
            for_micros: down(now),
            reason: reason.clone(),
            retry_in_micros: Some(micros(retry_at.since(now))),
        },
        Connection::Failed { reason } => {
            ConnectionSnapshot::Failed { for_micros: down(now), reason: reason.clone() }
        }
    }
}

const fn sender(waiting: Waiting) -> SenderState {
    match waiting {
        Waiting::Nothing => SenderState::Flowing,
        Waiting::NoData => SenderState::NoData,
        Waiting::NoCredit { .. } => SenderState::NoCredit,
        Waiting::Transport { .. } => SenderState::TransportFull,
    }
}

/// Returns the messages consumed per second over the last 5 s; `None` while the epoch or the connection's first
/// message is younger than that.
fn consumed_per_second(running: &RunningLane, began: Time) -> Option<u64> {
    let Connection::Open { since, .. } = running.model.connection else { return None };
    // Later columns have not been reported, and the current one is incomplete.
    let end = running.model.reported_at?.as_micros() / AgeColumn::WIDTH_MICROS;
    // While a lane catches up after a gap, an average that includes the gap does not show its capacity.
    let caught_up_from = running.model.long_gaps.back().map_or(since, |gap| gap.until.max(since));
    rate_until(end, running.model.columns.since(0), began.max(caught_up_from))
}

/// Returns the messages per second in the columns before `end`; `None` if data has arrived for less than
/// [`RATE_COLUMNS`] since `since`.
fn rate_until<'a>(
    end: u64,
    columns: impl Iterator<Item = &'a AgeColumn> + Clone,
    since: Time,
) -> Option<u64> {
    let first = end.checked_sub(RATE_COLUMNS)?;
    let is_counted = |column: &&AgeColumn| column.index * AgeColumn::WIDTH_MICROS >= since.as_micros();
    // The column of the first message is only partly filled.
    let first_with_data = columns.clone().filter(is_counted).find(|column| column.count > 0)?.index;
    if first <= first_with_data {
        return None;
    }
    let within = columns.filter(|column| (first..end).contains(&column.index));
    let consumed: u64 = within.map(|column| u64::from(column.count)).sum();
    Some(consumed * 1_000_000 / (RATE_COLUMNS * AgeColumn::WIDTH_MICROS))
}

/// Returns the interruptions that ended in this epoch.
fn interruptions(engine: &Engine, running: &RunningLane) -> Vec<Interruption> {
    let began = engine.epoch().began;
    let is_quic = running.mode_in_use().transport() == Transport::WebTransport;
    let address_changes = engine.events.address_changes_since(began).filter(|_| is_quic);
    let network_outages = engine.events.ended_outages_since(began).filter(|_| !running.is_direct());
    let history = DeliveryHistory {
        began,
        last_outage: running.model.summary.last_outage,
        newest_gaps: &running.model.summary.delivery_gaps,
        long_gaps: &running.model.long_gaps,
        address_changes: address_changes.collect(),
        network_outages: network_outages.collect(),
    };
    history.interruptions()
}

/// Returns the parts of the lane's latency: in transit as measured by the emulated network, before and after
/// as measured by the lane.
fn parts(running: &RunningLane, policy: Policy) -> LatencyParts {
    let (model, stats) = (&running.model, &running.model.summary.epoch);
    let mut parts = LatencyParts::default();
    if stats.measured().is_none() {
        return parts;
    }
    let network = model.link_stats.network();
    let late = network.as_ref().and_then(|network| network.late).filter(|late| late.writes > 0);
    let at_server = stats.latency_at_server.p50;
    let [send_queue, ..] = late.map_or([0; 4], |late| late.micros.map(|total| total / late.writes));
    let part = match model.summary.waiting {
        Waiting::NoCredit { .. } => LatencyPart::CreditWait,
        Waiting::Transport { .. } => LatencyPart::SendQueue,
        Waiting::Nothing | Waiting::NoData if policy != Policy::Lossless => LatencyPart::PolicyQueue,
        Waiting::Nothing | Waiting::NoData => LatencyPart::Server,
    };
    match late {
        Some(late) => {
            let [_, bottleneck, propagation, blocked] = late.micros.map(|total| total / late.writes);
            parts = parts
                .with(LatencyPart::SendQueue, send_queue)
                .with(LatencyPart::Bottleneck, bottleneck)
                .with(LatencyPart::Propagation, propagation)
                .with(LatencyPart::Blocked, blocked);
        }
        None => parts = parts.with(LatencyPart::Transit, stats.latency_in_transit.p50),
    }
    let known = parts.mean_micros(part).unwrap_or(0);
    parts = parts.with(part, known + at_server).with(LatencyPart::Inbox, stats.latency_in_inbox.p50);
    let tcp = network.as_ref().and_then(|network| network.flow.tcp.as_ref());
    parts.send_queue_wait = tcp.and_then(|tcp| match tcp.waits_for {
        TcpWait::CongestionWindow => Some(SendQueueWait::CongestionWindow),
        TcpWait::PeerWindow => Some(SendQueueWait::PeerWindow),
        TcpWait::Nothing | TcpWait::Handshake => None,
    });
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns columns with 20 messages each: 400 per second.
    fn columns(columns: core::ops::Range<u64>) -> Vec<AgeColumn> {
        columns.map(|index| AgeColumn { index, count: 20, ..AgeColumn::default() }).collect()
    }

    #[test]
    fn the_time_before_the_first_message_is_not_counted() {
        // The lane opened in column 10; its first message came 2 s later.
        let (data, opened) = (columns(50..400), Time::from_millis(500));
        assert_eq!(rate_until(60, data.iter(), opened), None);
        assert_eq!(rate_until(150, data.iter(), opened), None, "the window begins with the first message");
        assert_eq!(rate_until(151, data.iter(), opened), Some(400));
        assert_eq!(rate_until(400, data.iter(), opened), Some(400));
    }

    #[test]
    fn messages_before_a_change_are_not_counted() {
        let (data, changed) = (columns(0..300), Time::from_millis(10_000));
        assert_eq!(rate_until(300, data.iter(), changed), None);
        assert_eq!(rate_until(301, data.iter(), changed), Some(396), "one column of 100 is empty");
    }

    #[test]
    fn a_lane_that_consumes_nothing_any_more_has_a_rate_of_zero() {
        assert_eq!(rate_until(400, columns(0..200).iter(), Time::ZERO), Some(0));
        assert_eq!(rate_until(400, [].iter(), Time::ZERO), None, "nothing ever came");
    }
}
