//! Reports to the page.
//! Built from the active lane, its statistics and the connection machine whenever the page requests one.

use sluice_shared::session::ClientSession;
use sluice_shared::time::Time;
use sluice_shared::units::Amount;
use sluice_shared::wire::Hop;

use super::active_lane::ActiveLane;
use super::connection::ConnectionMachine;
use super::model::LaneStats;
use sluice_bridge::{Credit, Hops, Report, Summary};

/// Builds a report, and discards what need not be reported again.
pub(super) fn report(
    mut active: Option<&mut ActiveLane>,
    machine: &ConnectionMachine,
    stats: &mut LaneStats,
    now: Time,
) -> Report {
    let certificate = active.as_mut().and_then(|active| active.certificate.take());
    let flooding = active.as_mut().map(|active| active.flooding(now)).unwrap_or_default();
    let active = active.as_deref();
    Report {
        now,
        certificate,
        uncertified: active.and_then(|active| active.session.uncertified()),
        connection: machine.connection().clone(),
        summary: Summary {
            transport_open_times: machine.transport_open_times(),
            flooding,
            ..summary(active, stats, now)
        },
        columns: stats.take_columns(),
        dots: stats.take_dots(),
        host: stats.take_host(),
        notes: stats.take_notes(now),
        connection_events: stats.timeline.take(),
    }
}

fn summary(active: Option<&ActiveLane>, stats: &mut LaneStats, now: Time) -> Summary {
    let in_hand_since = active.and_then(|active| active.consumer.in_hand_since());
    let totals = stats.totals(in_hand_since, now);
    let last_outage = stats.timeline.last_outage();
    let (delivery_gaps, delivery_gaps_since) = stats.delivery_gaps();
    let mut epoch = stats.epoch(now);
    if let Some(active) = active {
        epoch.duplicates = active.session.duplicates() - active.duplicates_before_epoch;
    }
    let measured = Summary {
        consumed: totals.consumed,
        consumed_per_second: totals.consumed_per_second,
        gaps: totals.gaps,
        newest_gap: totals.newest_gap,
        lost: totals.lost,
        reconnects: totals.reconnects,
        stalls: totals.stalls,
        busy: totals.busy,
        occupancy: totals.occupancy,
        epoch,
        last_outage,
        delivery_gaps,
        delivery_gaps_since,
        last_arrival: stats.last_arrival(),
        ..Summary::default()
    };
    let Some(active) = active else { return measured };
    let (session, last) = (&active.session, active.last_sample());
    Summary {
        hops: hops(active, now),
        credit: credit(session),
        waiting: active.current_sample(now).map(|sample| sample.waiting).unwrap_or_default(),
        duplicates: session.duplicates() - active.duplicates_before,
        rtt_micros: session.clock().min_rtt().map(sluice_shared::time::micros),
        clock_offset_micros: active.clock_offset_micros(),
        path: last.map(|sample| sample.path).unwrap_or_default(),
        facts: active.facts.clone(),
        core_micros: last.map_or(0, |sample| sample.core_micros),
        blocked_writes: last.map_or(0, |sample| sample.blocked_writes),
        exhibit: last.and_then(|sample| sample.exhibit),
        ..measured
    }
}

fn credit(session: &ClientSession) -> Credit {
    let receiver = session.credit();
    let sent = session.server_sent();
    Credit::new(receiver.limit(), receiver.window(), sent, receiver.received(), receiver.consumed())
}

fn hops(active: &ActiveLane, now: Time) -> Hops {
    let session = &active.session;
    let offset_micros = session.clock().offset_micros().unwrap_or(0);
    let sample = active.current_sample(now);
    let transport = sample.map(|sample| sample.transport);
    let window = credit(session).window;
    let bound = if session.window().is_zero() { Amount::ZERO } else { window };
    // Data sent by the session and not received here includes what the server's transport still holds.
    let sent = session.transit_hop();
    let in_transport = transport.map_or(Amount::ZERO, |transport| transport.held);
    let transit = Hop { held: sent.held - in_transport, bound, ..sent };
    Hops {
        backlog: sample.map(|sample| sample.backlog),
        policy_queue: sample.map(|sample| sample.policy_queue),
        transport,
        transit,
        inbox: Hop { bound, ..session.inbox_hop(now) },
        consumer: active.consumer.hop(offset_micros, now),
    }
}
