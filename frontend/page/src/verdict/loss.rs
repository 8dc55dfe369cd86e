//! Findings about messages that were lost without a report or skipped with one.
//! Part of `findings`; skipped messages are always reported with their reasons.

use crate::short_list::sort_by_key;
use sluice_shared::policy::Policy;
use sluice_shared::wire::GapReason;

use super::finding::{Cause, Finding, FindingKind, Severity};
use super::latency_cause::latency_cause;
use super::sentence::Sentence;
use super::snapshot::{LaneSnapshot, Snapshot};

/// Returns a finding for each lane that lost messages without a report, the largest loss first.
pub(super) fn unreported_findings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut lossy: Vec<(usize, &LaneSnapshot)> =
        snapshot.lanes.iter().enumerate().filter(|(_, lane)| lost_messages(lane) > 0).collect();
    sort_by_key(&mut lossy, |(_, lane)| core::cmp::Reverse(lost_messages(lane)));
    lossy.into_iter().map(|(at, lane)| unreported(at, lane)).collect()
}

/// Returns the messages that a lane lost without a report, in the epoch or before.
pub(super) fn lost_messages(lane: &LaneSnapshot) -> u64 {
    lane.unreported.in_total.max(lost_in_epoch(lane))
}

fn lost_in_epoch(lane: &LaneSnapshot) -> u64 {
    let by_interruptions = lane.interruptions.iter().filter_map(|interruption| interruption.lost);
    lane.unreported.in_epoch.max(by_interruptions.fold(0, u64::saturating_add))
}

fn unreported(at: usize, lane: &LaneSnapshot) -> Finding {
    let in_epoch = lost_in_epoch(lane);
    let (cause, because) = if matches!(lane.policy, Policy::SilentDrop { .. }) {
        (Some(Cause::FaultMode(lane.policy)), ", because its server drops in silence, on purpose")
    } else if lane.policy.is_exhibit() {
        (Some(Cause::FaultMode(lane.policy)), ", because its server fails on purpose")
    } else if lane.starts_over && !lane.interruptions.is_empty() {
        (Some(Cause::StartsOver), ", because it starts over after each disconnection")
    } else {
        (None, "")
    };
    let mut sentence = Sentence::default();
    sentence.lane(at).text(" lost ");
    if in_epoch > 0 {
        sentence.counted(in_epoch, "message").text(" without a report");
    } else {
        sentence.counted(lost_messages(lane), "message").text(" without a report before the last change");
    }
    sentence.text(because).text("; its latency counts only what arrived");
    Finding {
        kind: FindingKind::UnreportedLoss,
        severity: Severity::Failure,
        lanes: vec![at],
        better: None,
        cause,
        fault: cause.and_then(|cause| cause.fault(false)),
        sentence: sentence.finish(),
    }
}

/// Returns a finding for each lane in a fault mode that has lost nothing yet.
pub(super) fn fault_mode_findings(snapshot: &Snapshot) -> Vec<Finding> {
    let is_shown = |lane: &LaneSnapshot| lane.policy.is_exhibit() && lost_messages(lane) == 0;
    let lanes = snapshot.lanes.iter().enumerate().filter(|(_, lane)| is_shown(lane));
    lanes.filter_map(|(at, lane)| fault_mode(at, lane.policy)).collect()
}

fn fault_mode(at: usize, policy: Policy) -> Option<Finding> {
    let failure = match policy {
        Policy::Unbounded => "queues without a bound",
        Policy::SilentDrop { .. } => "drops in silence when its queue is full",
        Policy::BusySpin => "retries blocked writes without a pause",
        Policy::Lossless | Policy::Latest | Policy::DropOldest { .. } | Policy::DropNewest { .. } => {
            return None;
        }
    };
    let cause = Cause::FaultMode(policy);
    let mut sentence = Sentence::default();
    sentence.lane(at).text(" shows a failure on purpose: its server ").text(failure);
    Some(Finding {
        kind: FindingKind::FaultMode,
        severity: Severity::Warning,
        lanes: vec![at],
        better: None,
        cause: Some(cause),
        fault: cause.fault(false),
        sentence: sentence.finish(),
    })
}

/// Returns a finding for each lane that skipped messages, the most first. Lanes with the same single reason
/// share one.
pub(super) fn skipped_findings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut skipping: Vec<(usize, &LaneSnapshot)> =
        snapshot.lanes.iter().enumerate().filter(|(_, lane)| lane.skipped_total() > 0).collect();
    sort_by_key(&mut skipping, |(_, lane)| core::cmp::Reverse(lane.skipped_total()));
    let only_reason = |lane: &LaneSnapshot| match skip_reasons(lane).as_slice() {
        [(reason, _)] => Some(*reason),
        _ => None,
    };
    let mut groups: Vec<Vec<(usize, &LaneSnapshot)>> = Vec::new();
    for (at, lane) in skipping {
        let reason = only_reason(lane);
        let same = groups.iter_mut().find(|group| reason.is_some() && only_reason(group[0].1) == reason);
        match same {
            Some(group) => group.push((at, lane)),
            None => groups.push(vec![(at, lane)]),
        }
    }
    groups.iter().filter_map(|group| skipped(group)).collect()
}

/// Returns the reasons for which a lane skipped messages, the most frequent first.
pub(super) fn skip_reasons(lane: &LaneSnapshot) -> Vec<(GapReason, u64)> {
    let mut reasons: Vec<(GapReason, u64)> =
        GapReason::ALL.into_iter().zip(lane.skipped).filter(|(_, messages)| *messages > 0).collect();
    sort_by_key(&mut reasons, |(_, messages)| core::cmp::Reverse(*messages));
    reasons
}

fn skipped(group: &[(usize, &LaneSnapshot)]) -> Option<Finding> {
    let (_, lane) = group.first()?;
    let reasons = skip_reasons(lane);
    let (main, _) = *reasons.first()?;
    let mut sentence = Sentence::default();
    for (index, (at, lane)) in group.iter().enumerate() {
        if index == 0 {
            sentence.lane(*at).text(" skipped ").counted(lane.skipped_total(), "message");
        } else {
            sentence.text(if index + 1 == group.len() { " and " } else { ", " });
            sentence.lane(*at).text(" ").count(lane.skipped_total());
        }
    }
    sentence.text(", all reported: ");
    if let [(reason, messages)] = reasons.as_slice() {
        sentence.text(by_reason(*reason, *messages));
    } else {
        for (index, (reason, messages)) in reasons.iter().enumerate() {
            sentence.text(if index == 0 { "" } else { ", " }).count(*messages).text(" ");
            sentence.text(by_reason(*reason, *messages));
        }
    }
    let cause = Cause::Skipped(main);
    // The server's log moved on because the lane was slow; the lane's latency shows the cause.
    let slow = || latency_cause(lane, None).and_then(|(cause, _)| cause.fault(lane.is_consumer_slow()));
    let is_wanted =
        matches!(main, GapReason::Conflated | GapReason::DroppedOldest | GapReason::DroppedNewest);
    Some(Finding {
        kind: FindingKind::Skipped,
        severity: if is_wanted { Severity::Info } else { Severity::Warning },
        lanes: group.iter().map(|(at, _)| *at).collect(),
        better: None,
        cause: Some(cause),
        fault: cause.fault(false).or_else(slow),
        sentence: sentence.finish(),
    })
}

const fn by_reason(reason: GapReason, messages: u64) -> &'static str {
    match reason {
        GapReason::Retention => "no longer in the server's log when the lane got there",
        GapReason::Conflated if messages == 1 => "replaced by a newer one of the same key",
        GapReason::Conflated => "replaced by newer ones of the same key",
        GapReason::DroppedOldest => "dropped as the oldest in a full queue",
        GapReason::DroppedNewest => "refused by a full queue",
        GapReason::TooLarge => "too large for a datagram",
        GapReason::Network => "lost in the network as datagrams",
        GapReason::Expired => "gone with an expired session",
    }
}
