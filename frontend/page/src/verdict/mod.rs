//! The verdict: findings about the lanes in the order of importance, failures first and latency last.
//!
//! A pure function of a [`Snapshot`] of measurements. The page publishes one several times a second and shows
//! the [`headline`]. All statistics belong to one epoch, the span since the last change. Invariants: a lane
//! that lost messages without a report, fails on purpose or receives nothing is never called the better one,
//! and lanes are called alike only if each of them was measured and nothing has failed. A missing measurement
//! leads to no claim.

mod comparison;
mod connection;
mod finding;
mod interruption;
mod latency;
mod latency_cause;
mod latency_parts;
mod loss;
mod measuring;
mod sentence;
mod snapshot;
mod steady;
mod throughput;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod situations;

pub use finding::{Cause, Fault, Finding, FindingKind, Severity};
pub use latency_parts::{LatencyPart, LatencyParts, SendQueueWait};
pub use sentence::Piece;
pub use snapshot::{
    Change, ConnectionSnapshot, Disruption, Epoch, Interruption, InterruptionKind, LaneSnapshot, Latency,
    MachineLoad, SaturatedResource, SenderState, Snapshot, UnreportedLoss,
};
pub use steady::Steady;

/// Returns all findings, the most important first.
pub fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    if snapshot.lanes.is_empty() {
        return vec![no_lane()];
    }
    let mut findings = connection::connection_findings(snapshot);
    findings.extend(loss::unreported_findings(snapshot));
    findings.extend(loss::fault_mode_findings(snapshot));
    findings.extend(interruption::disruption_finding(snapshot));
    findings.extend(interruption::interruption_findings(snapshot));
    findings.extend(loss::skipped_findings(snapshot));
    findings.extend(throughput::throughput_findings(snapshot));
    let latency = latency::latency_findings(snapshot);
    let alike = if latency.is_empty() { latency::alike_finding(snapshot, findings.is_empty()) } else { None };
    findings.extend(latency);
    findings.extend(throughput::machine_finding(snapshot));
    findings.extend(alike);
    findings
}

/// Returns the one or two most important findings as text. A failure is not diluted by remarks.
pub fn headline(findings: &[Finding]) -> Vec<Piece> {
    let Some((first, others)) = findings.split_first() else { return Vec::new() };
    let mut pieces = first.sentence.clone();
    let second = others
        .first()
        .filter(|second| first.severity < Severity::Failure || second.severity >= Severity::Warning);
    if let Some(second) = second {
        pieces.push(Piece::Text(" ".to_owned()));
        pieces.extend(second.sentence.iter().cloned());
    }
    pieces
}

/// Returns the span that all statistics belong to, as in "since the change of network, 12 s".
pub fn epoch_note(snapshot: &Snapshot) -> String {
    let Epoch { since_micros, cause } = snapshot.epoch;
    format!("since {}, {}", sentence::change_phrase(cause), sentence::elapsed(since_micros))
}

fn no_lane() -> Finding {
    let text = "There is no lane: add one to measure something.";
    Finding::info(FindingKind::NoLane, Vec::new(), vec![Piece::Text(text.to_owned())])
}
