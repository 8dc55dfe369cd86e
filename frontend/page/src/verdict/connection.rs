//! Findings about lanes that cannot connect, receive nothing, or have fallen back.
//! Part of `findings`; lanes with the same problem share one finding.

use crate::short_list::sort_by_key;
use sluice_shared::mode::Transport;

use super::finding::{Cause, Finding, FindingKind, Severity};
use super::sentence::{Piece, Sentence, by_number};
use super::snapshot::{Change, ConnectionSnapshot, Disruption, LaneSnapshot, SenderState, Snapshot};

/// Maximum duration of a first attempt that is no failure yet, microseconds: several round trips by
/// satellite.
const PATIENCE_MICROS: u64 = 5_000_000;
/// Minimum time without arrivals that is a failure while the feed produces, microseconds.
const SILENT_MICROS: u64 = 2_000_000;
/// Minimum number of missing messages that is a failure at a slow feed.
const MISSING_MESSAGES: u64 = 4;

/// Lanes with the same problem.
#[derive(Debug)]
struct Trouble {
    kind: FindingKind,
    cause: Option<Cause>,
    reason: Option<String>,
    is_given_up: bool,
    lanes: Vec<usize>,
    /// Shortest time of these lanes.
    for_micros: u64,
    retry_in_micros: Option<u64>,
}

/// Returns a finding for each problem, the longest first.
pub(super) fn connection_findings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut troubles: Vec<Trouble> = Vec::new();
    for trouble in snapshot.lanes.iter().enumerate().filter_map(|(at, lane)| trouble(snapshot, at, lane)) {
        let same = troubles.iter_mut().find(|other| {
            (other.kind, other.cause, other.is_given_up) == (trouble.kind, trouble.cause, trouble.is_given_up)
                && other.reason == trouble.reason
        });
        match same {
            Some(other) => {
                other.lanes.extend(trouble.lanes);
                other.for_micros = other.for_micros.min(trouble.for_micros);
                other.retry_in_micros =
                    other.retry_in_micros.zip(trouble.retry_in_micros).map(|(one, two)| one.min(two));
            }
            None => troubles.push(trouble),
        }
    }
    sort_by_key(&mut troubles, |trouble| {
        let is_failure = !matches!(trouble.kind, FindingKind::Closed | FindingKind::Connecting);
        (!is_failure, core::cmp::Reverse(trouble.for_micros))
    });
    let mut findings: Vec<Finding> = troubles.into_iter().map(Trouble::into_finding).collect();
    findings.extend(snapshot.lanes.iter().enumerate().filter_map(|(at, lane)| fallback(snapshot, at, lane)));
    findings
}

/// Returns whether a lane is connected and receives what it should.
pub(super) fn is_flowing(snapshot: &Snapshot, lane: &LaneSnapshot) -> bool {
    matches!(lane.connection, ConnectionSnapshot::Open { .. }) && trouble(snapshot, 0, lane).is_none()
}

fn trouble(snapshot: &Snapshot, at: usize, lane: &LaneSnapshot) -> Option<Trouble> {
    let network_cause = network_cause(snapshot, lane);
    let new = |kind, for_micros| Trouble {
        kind,
        cause: network_cause,
        reason: None,
        is_given_up: false,
        lanes: vec![at],
        for_micros,
        retry_in_micros: None,
    };
    let failed = if lane.was_connected { FindingKind::ConnectionLost } else { FindingKind::CannotConnect };
    match &lane.connection {
        ConnectionSnapshot::Idle => Some(Trouble { cause: None, ..new(FindingKind::Closed, 0) }),
        ConnectionSnapshot::Connecting { for_micros } => {
            let is_hopeless = network_cause.is_some() || lane.was_connected || *for_micros >= PATIENCE_MICROS;
            Some(new(if is_hopeless { failed } else { FindingKind::Connecting }, *for_micros))
        }
        ConnectionSnapshot::Waiting { for_micros, reason, retry_in_micros } => Some(Trouble {
            reason: network_cause.is_none().then(|| reason.clone()),
            retry_in_micros: *retry_in_micros,
            ..new(failed, *for_micros)
        }),
        ConnectionSnapshot::Failed { for_micros, reason } => Some(Trouble {
            cause: None,
            reason: Some(reason.clone()),
            is_given_up: true,
            ..new(failed, *for_micros)
        }),
        ConnectionSnapshot::Open { for_micros, .. } => {
            let for_micros = silence_micros(snapshot, lane, *for_micros)?;
            // Packets sent during an outage are retransmitted by a timer, whose interval doubles each time.
            let outage_ended =
                snapshot.outage_ended_micros.filter(|ended| *ended < for_micros && !lane.is_direct);
            let sender_cause = match lane.sender {
                Some(SenderState::NoCredit) => Some(Cause::NoCredit),
                Some(SenderState::NoData) => Some(Cause::NoData),
                Some(SenderState::TransportFull) => Some(Cause::TransportFull),
                Some(SenderState::Flowing) | None => None,
            };
            let outage_cause = outage_ended.is_some().then_some(Cause::OutageEnded);
            let cause = network_cause.or(outage_cause).or(sender_cause);
            Some(Trouble { cause, ..new(FindingKind::NothingArrives, for_micros) })
        }
    }
}

/// Returns the time since the last arrival on an open connection, if that is too long.
fn silence_micros(snapshot: &Snapshot, lane: &LaneSnapshot, open_micros: u64) -> Option<u64> {
    if !lane.is_feed_running {
        return None;
    }
    // A slow consumer works through its inbox before it grants more credit, so it is late but not cut off.
    let is_consuming = lane.consumed_per_second.is_some_and(|rate| rate > 0);
    if lane.sender == Some(SenderState::NoCredit) && is_consuming {
        return None;
    }
    let interval = lane.offered_per_second.map_or(0, |rate| 1_000_000 / rate.max(1));
    // A reset discards the arrivals before it.
    let measured_for = match snapshot.epoch.cause {
        Change::Start => open_micros.min(snapshot.epoch.since_micros),
        Change::Network | Change::Consumer | Change::Policy | Change::Feed | Change::Lanes => open_micros,
    };
    let silence = lane.last_arrival_micros.unwrap_or(measured_for);
    (silence >= SILENT_MICROS.max(MISSING_MESSAGES * interval)).then_some(silence)
}

/// Returns the condition of the emulated network that keeps a lane from working.
fn network_cause(snapshot: &Snapshot, lane: &LaneSnapshot) -> Option<Cause> {
    if lane.is_direct {
        return None;
    }
    let is_out = matches!(snapshot.in_progress, Some(Disruption::Outage { .. }));
    let needs_udp = lane.transport() == Transport::WebTransport;
    let may_fall_back = lane.has_fallback && !matches!(lane.connection, ConnectionSnapshot::Open { .. });
    if is_out {
        Some(Cause::Outage)
    } else if snapshot.is_udp_blocked && needs_udp && !may_fall_back {
        Some(Cause::UdpBlocked)
    } else {
        None
    }
}

fn fallback(snapshot: &Snapshot, at: usize, lane: &LaneSnapshot) -> Option<Finding> {
    if !lane.has_fallen_back() {
        return None;
    }
    let is_udp_blocked = snapshot.is_udp_blocked && !lane.is_direct;
    let cause = is_udp_blocked.then_some(Cause::UdpBlocked);
    let mut sentence = Sentence::default();
    sentence.lane(at).text(" has fallen back to ").text(title(lane.transport()));
    sentence.text(if is_udp_blocked { ", because the network blocks UDP" } else { "" });
    Some(Finding {
        kind: FindingKind::FellBack,
        severity: Severity::Warning,
        lanes: vec![at],
        better: None,
        cause,
        fault: cause.and_then(|cause| cause.fault(false)),
        sentence: sentence.finish(),
    })
}

const fn title(transport: Transport) -> &'static str {
    match transport {
        Transport::WebSocket => "WebSocket",
        Transport::WebTransport => "WebTransport",
    }
}

impl Trouble {
    fn into_finding(self) -> Finding {
        let is_failure = !matches!(self.kind, FindingKind::Closed | FindingKind::Connecting);
        let sentence = if self.kind == FindingKind::NothingArrives {
            self.silence_sentence()
        } else if is_failure {
            self.disconnected_sentence()
        } else {
            self.unopened_sentence()
        };
        let fault = self.cause.and_then(|cause| cause.fault(false));
        Finding {
            kind: self.kind,
            severity: if is_failure { Severity::Failure } else { Severity::Info },
            lanes: self.lanes,
            better: None,
            cause: self.cause,
            fault,
            sentence,
        }
    }

    fn silence_sentence(&self) -> Vec<Piece> {
        let mut sentence = Sentence::default();
        sentence.text("Nothing has arrived on ").lanes(&self.lanes).text(" for ").elapsed(self.for_micros);
        // An outage in progress has a finding of its own.
        if self.cause != Some(Cause::Outage) {
            sentence.text(self.reason_after_colon().unwrap_or(", although the feed is running"));
        }
        sentence.finish()
    }

    fn unopened_sentence(&self) -> Vec<Piece> {
        let mut sentence = Sentence::default();
        sentence.lanes(&self.lanes).text(by_number(&self.lanes, " is ", " are "));
        if self.kind == FindingKind::Closed {
            sentence.text("closed");
        } else {
            sentence.text("connecting (").elapsed(self.for_micros).text(" so far)");
        }
        sentence.finish()
    }

    fn disconnected_sentence(&self) -> Vec<Piece> {
        let mut sentence = Sentence::default();
        sentence.lanes(&self.lanes);
        sentence.text(if self.kind == FindingKind::CannotConnect {
            " cannot connect"
        } else {
            by_number(&self.lanes, " has lost its connection", " have lost their connections")
        });
        if self.is_given_up {
            sentence.text(by_number(&self.lanes, " and does not try again", " and do not try again"));
        }
        sentence.text(" (").elapsed(self.for_micros).text(" so far");
        if let Some(micros) = self.retry_in_micros {
            sentence.text(", next try in ").elapsed(micros);
        }
        sentence.text(")");
        if let Some(reason) = self.reason_after_colon() {
            sentence.text(reason);
        } else if let Some(reason) = &self.reason {
            let reason = reason.trim().trim_end_matches('.');
            if !reason.is_empty() {
                sentence.text(": ").text(reason);
            }
        }
        sentence.finish()
    }

    fn reason_after_colon(&self) -> Option<&'static str> {
        match self.cause? {
            Cause::UdpBlocked => Some(": the network blocks UDP, which WebTransport needs"),
            Cause::Outage => Some(": the network is in an outage"),
            Cause::OutageEnded => Some(": an outage has ended, and the transport has not sent again yet"),
            Cause::NoCredit => Some(": its consumer grants no more credit"),
            Cause::NoData => Some(": the server has nothing to send"),
            Cause::TransportFull => Some(": the server has data, but the transport takes no more"),
            Cause::StartsOver
            | Cause::FaultMode(_)
            | Cause::Skipped(_)
            | Cause::Latency { .. }
            | Cause::MachineLoad => None,
        }
    }
}
