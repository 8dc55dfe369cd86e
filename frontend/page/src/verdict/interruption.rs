//! Findings about disruptions in progress and interruptions that are over.
//! Part of `findings`; while a disruption is in progress, no statistics are compared.

use super::finding::{Cause, Fault, Finding, FindingKind, Severity};
use super::sentence::{Sentence, change_phrase};
use super::snapshot::{Disruption, Interruption, InterruptionKind, LaneSnapshot, Snapshot};
use crate::short_list::sort_by_key;

/// Returns the finding about a disruption that is not over.
pub(super) fn disruption_finding(snapshot: &Snapshot) -> Option<Finding> {
    let mut sentence = Sentence::default();
    let (kind, for_micros, left_micros) = match snapshot.in_progress? {
        Disruption::Outage { for_micros, left_micros } => {
            sentence.text("An outage is in progress: the network lets nothing through");
            (FindingKind::Outage, for_micros, left_micros)
        }
        Disruption::PathChange { for_micros } => {
            sentence.text("The client is moving to another network address");
            (FindingKind::ChangeInProgress, for_micros, None)
        }
        Disruption::Pending { change, for_micros } => {
            sentence.text("Not in effect yet: ").text(change_phrase(change));
            (FindingKind::ChangeInProgress, for_micros, None)
        }
    };
    sentence.text(" (").elapsed(for_micros).text(" so far");
    if let Some(micros) = left_micros {
        sentence.text(", ").elapsed(micros).text(" to go");
    }
    sentence.text(")");
    let is_outage = kind == FindingKind::Outage;
    Some(Finding {
        kind,
        severity: if is_outage { Severity::Failure } else { Severity::Warning },
        lanes: (0..snapshot.lanes.len()).filter(|at| !is_outage || !snapshot.lanes[*at].is_direct).collect(),
        better: None,
        cause: is_outage.then_some(Cause::Outage),
        fault: is_outage.then_some(Fault::Network),
        sentence: sentence.finish(),
    })
}

/// Returns a finding for each lane and kind of interruption, the longest time without data first.
pub(super) fn interruption_findings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut found: Vec<(u64, Finding)> = Vec::new();
    for (at, lane) in snapshot.lanes.iter().enumerate() {
        for kind in [InterruptionKind::Reconnect, InterruptionKind::Migration, InterruptionKind::Outage] {
            let of_kind: Vec<&Interruption> =
                lane.interruptions.iter().filter(|interruption| interruption.kind == kind).collect();
            if !of_kind.is_empty() {
                let longest = longest(&of_kind).unwrap_or(0);
                found.push((longest, interrupted(at, lane, kind, &of_kind)));
            }
        }
    }
    sort_by_key(&mut found, |(longest, _)| core::cmp::Reverse(*longest));
    found.into_iter().map(|(_, finding)| finding).collect()
}

fn interrupted(at: usize, lane: &LaneSnapshot, kind: InterruptionKind, of_kind: &[&Interruption]) -> Finding {
    let mut sentence = Sentence::default();
    sentence.lane(at);
    let (kind, verb) = match kind {
        InterruptionKind::Reconnect => (FindingKind::Reconnected, " reconnected"),
        InterruptionKind::Migration => {
            (FindingKind::Migrated, " moved to another network path without reconnecting")
        }
        InterruptionKind::Outage => (FindingKind::OutlivedOutage, " outlived an outage without reconnecting"),
    };
    sentence.text(verb);
    let times = of_kind.len() as u64;
    if times > 1 {
        sentence.text(" ").count(times).text(" times");
    }
    let without_data = longest(of_kind);
    if let Some(micros) = without_data {
        sentence.text(": ").span(micros).text(" without data");
        sentence.text(if times > 1 { " at the longest" } else { "" });
    }
    sentence.text(if without_data.is_some() { ", " } else { ": " });
    cost(&mut sentence, of_kind);
    let lost = sum(of_kind, |interruption| interruption.lost).unwrap_or(0);
    let cause = (lane.starts_over && lost > 0).then_some(Cause::StartsOver);
    Finding {
        kind,
        severity: Severity::Warning,
        lanes: vec![at],
        better: None,
        cause,
        // A connection may end for many reasons; only a new path is certainly caused by the network.
        fault: if cause.is_some() {
            Some(Fault::Policy)
        } else {
            (kind != FindingKind::Reconnected).then_some(Fault::Network)
        },
        sentence: sentence.finish(),
    }
}

fn cost(sentence: &mut Sentence, of_kind: &[&Interruption]) {
    let lost = sum(of_kind, |interruption| interruption.lost);
    let skipped = sum(of_kind, |interruption| interruption.skipped);
    match (lost, skipped) {
        (Some(0), None | Some(0)) => sentence.text("nothing lost"),
        (Some(0), Some(skipped)) => sentence.counted(skipped, "message").text(" skipped and reported"),
        (Some(lost), None | Some(0)) => sentence.counted(lost, "message").text(" lost without a report"),
        (Some(lost), Some(skipped)) => sentence
            .counted(lost, "message")
            .text(" lost without a report, ")
            .count(skipped)
            .text(" skipped and reported"),
        (None, Some(skipped)) if skipped > 0 => {
            sentence.counted(skipped, "message").text(" skipped and reported so far")
        }
        (None, _) => sentence.text("what it lost is not known yet"),
    };
}

/// Returns the sum of a cost; `None` if one of them is unknown.
fn sum(of_kind: &[&Interruption], cost: fn(&Interruption) -> Option<u64>) -> Option<u64> {
    of_kind.iter().try_fold(0u64, |sum, interruption| Some(sum.saturating_add(cost(interruption)?)))
}

fn longest(of_kind: &[&Interruption]) -> Option<u64> {
    of_kind.iter().filter_map(|interruption| interruption.without_data_micros).max()
}
