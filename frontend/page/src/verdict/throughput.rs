//! Findings about lanes that cannot keep up with their feed, and about a saturated machine.
//! Part of `findings`; rates count only once an epoch has settled.

use super::connection::is_flowing;
use super::finding::{Cause, Fault, Finding, FindingKind, Severity};
use super::latency_cause::{latency_cause, part_phrase};
use super::latency_parts::LatencyPart;
use super::sentence::Sentence;
use super::snapshot::{LaneSnapshot, SaturatedResource, SenderState, Snapshot};
use crate::short_list::sort_by_key;

/// Time at the beginning of an epoch in which rates still include the time before it, microseconds.
const SETTLING_MICROS: u64 = 3_000_000;
/// Minimum share of the offered messages that a lane must handle to keep up.
const KEPT_UP: f64 = 0.9;

/// Returns a finding for each lane that cannot keep up, the worst first; none while a disruption is in progress.
pub(super) fn throughput_findings(snapshot: &Snapshot) -> Vec<Finding> {
    if snapshot.in_progress.is_some() {
        return Vec::new();
    }
    let mut behind: Vec<(f64, Finding)> = snapshot
        .lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| is_flowing(snapshot, lane))
        .filter_map(|(at, lane)| {
            let rates = lagging_rates(snapshot, lane)?;
            Some((rates.consumed as f64 / rates.offered.max(1) as f64, cannot_keep_up(at, lane, rates)))
        })
        .collect();
    sort_by_key(&mut behind, |(share, _)| *share);
    behind.into_iter().map(|(_, finding)| finding).collect()
}

/// Messages per second of a lane that cannot keep up.
#[derive(Clone, Copy, Debug)]
struct Rates {
    offered: u64,
    consumed: u64,
}

/// Returns whether a lane handles less than is offered, skipped messages not counted as missing.
pub(super) fn is_lagging(snapshot: &Snapshot, lane: &LaneSnapshot) -> bool {
    lagging_rates(snapshot, lane).is_some()
}

fn lagging_rates(snapshot: &Snapshot, lane: &LaneSnapshot) -> Option<Rates> {
    let since_micros = snapshot.epoch.since_micros;
    if since_micros < SETTLING_MICROS {
        return None;
    }
    let (offered, consumed) = (lane.offered_per_second?, lane.consumed_per_second?);
    let skipped = lane.skipped_total() as f64 * 1e6 / since_micros as f64;
    (consumed as f64 + skipped < offered as f64 * KEPT_UP).then_some(Rates { offered, consumed })
}

fn cannot_keep_up(at: usize, lane: &LaneSnapshot, Rates { offered, consumed }: Rates) -> Finding {
    let cause = lagging_cause(lane);
    let fault = cause.and_then(|cause| cause.fault(lane.is_consumer_slow()));
    let mut sentence = Sentence::default();
    sentence.lane(at).text(" cannot keep up: ");
    if fault == Some(Fault::Consumer) {
        sentence.text("its consumer takes ").rate(consumed).text(" of ").rate(offered).text(" offered");
        if lane.consumer_delay_micros > 0 {
            sentence.text(", at ").span(lane.consumer_delay_micros).text(" a message");
        }
        sentence.text("; its transport is not the limit");
    } else {
        sentence.rate(consumed).text(" of ").rate(offered).text(" offered get through");
        if let Some(Cause::Latency { part, wait, .. }) = cause {
            sentence.text("; the limit is ").text(part_phrase(part, wait, lane.is_consumer_slow()));
        }
    }
    Finding {
        kind: FindingKind::CannotKeepUp,
        severity: Severity::Warning,
        lanes: vec![at],
        better: None,
        cause,
        fault,
        sentence: sentence.finish(),
    }
}

/// Returns the limit of a lane's throughput: a queue before a stage that is too slow. Distance is no limit.
fn lagging_cause(lane: &LaneSnapshot) -> Option<Cause> {
    let by_latency = latency_cause(lane, None).map(|(cause, _)| cause).filter(|cause| match cause {
        Cause::Latency { part, .. } => match part {
            LatencyPart::CreditWait
            | LatencyPart::PolicyQueue
            | LatencyPart::SendQueue
            | LatencyPart::Bottleneck
            | LatencyPart::Blocked
            | LatencyPart::Browser
            | LatencyPart::Inbox
            | LatencyPart::Consumer => true,
            LatencyPart::Server | LatencyPart::Propagation | LatencyPart::Transit => false,
        },
        Cause::UdpBlocked
        | Cause::Outage
        | Cause::OutageEnded
        | Cause::NoCredit
        | Cause::NoData
        | Cause::TransportFull
        | Cause::StartsOver
        | Cause::FaultMode(_)
        | Cause::Skipped(_)
        | Cause::MachineLoad => false,
    });
    by_latency.or(match lane.sender {
        Some(SenderState::NoCredit) => Some(Cause::NoCredit),
        Some(SenderState::TransportFull) => Some(Cause::TransportFull),
        Some(SenderState::Flowing | SenderState::NoData) | None => None,
    })
}

/// Returns the finding about a saturated machine.
pub(super) fn machine_finding(snapshot: &Snapshot) -> Option<Finding> {
    let mut sentence = Sentence::default();
    match snapshot.machine.saturated()? {
        SaturatedResource::Cpu(share) => {
            sentence.text("This machine is saturated (CPU ").percent(share).text(" busy)")
        }
        SaturatedResource::Emulator(share) => sentence
            .text("This machine can hardly keep up with the emulated network (")
            .percent(share)
            .text(" of a core)"),
        SaturatedResource::Page(share) => {
            sentence.text("This page's main thread is saturated (").percent(share).text(" busy)")
        }
    };
    sentence.text(", so small differences mean nothing");
    Some(Finding {
        kind: FindingKind::MachineSaturated,
        severity: Severity::Warning,
        lanes: Vec::new(),
        better: None,
        cause: Some(Cause::MachineLoad),
        fault: Some(Fault::Machine),
        sentence: sentence.finish(),
    })
}
