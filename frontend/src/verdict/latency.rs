//! Findings about latency and stalls.

use core::cmp::Reverse;

use sluice_shared::wire::GapReason;

use super::comparison::{Better, Comparison, MeasuredLane, Outcome};
use super::connection::is_flowing;
use super::finding::{Cause, Fault, Finding, FindingKind, Severity};
use super::latency_parts::{LatencyPart, SendQueueWait};
use super::loss::{lost_messages, skip_reasons};
use super::sentence::{Piece, Sentence, change_phrase};
use super::snapshot::{LaneSnapshot, Latency, Snapshot};
use super::throughput::is_lagging;

/// On a saturated machine, smaller ratios are no difference.
const LARGE_RATIO: f64 = 2.0;
/// The cause of a smaller median is not worth a word, microseconds.
const NOTABLE_MICROS: u64 = 10_000;

/// Returns the findings about latency; none while a disruption is in progress.
pub(super) fn latency_findings(snapshot: &Snapshot) -> Vec<Finding> {
    if snapshot.in_progress.is_some() {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = [measuring(snapshot), unknown(snapshot)].into_iter().flatten().collect();
    let measured = measured_lanes(snapshot);
    if let [only] = measured.as_slice() {
        if findings.is_empty() {
            findings.push(single(*only));
        }
        return findings;
    }
    let mut differing: Vec<(f64, Finding)> = pairs(&measured)
        .into_iter()
        .filter_map(|(first, second)| {
            let comparison = Comparison::new(&first, &second);
            Some((comparison.ratio, difference(snapshot, first, second, comparison)?))
        })
        .collect();
    differing.sort_by(|(one, _), (two, _)| two.total_cmp(one));
    findings.extend(differing.into_iter().map(|(_, finding)| finding));
    findings
}

/// Returns the finding that latencies and stalls of all lanes are alike, unless a lane cannot be compared.
/// `is_all_alike` is whether nothing else differs.
pub(super) fn alike_finding(snapshot: &Snapshot, is_all_alike: bool) -> Option<Finding> {
    let measured = measured_lanes(snapshot);
    let is_comparable = snapshot.in_progress.is_none()
        && measured.len() >= 2
        && measured.len() == snapshot.lanes.len()
        && measured.iter().all(|measured| flaw(snapshot, measured.lane).is_none());
    if !is_comparable {
        return None;
    }
    let lanes: Vec<usize> = measured.iter().map(|measured| measured.at).collect();
    let mut sentence = Sentence::default();
    sentence.text(if is_all_alike { "No difference between " } else { "Latency is alike on " });
    sentence.lanes(&lanes).text(": typical message ");
    sentence.spans(measured.iter().map(|measured| measured.latency.p50_micros));
    let p99s: Vec<u64> = measured.iter().filter_map(|measured| measured.latency.p99()).collect();
    if p99s.len() == measured.len() {
        sentence.text(", 1 in 100 over ").spans(p99s.into_iter());
    }
    let stalls: Vec<u64> = measured.iter().filter_map(|measured| measured.lane.stalls).collect();
    if let (Some(fewest), Some(most)) = (stalls.iter().min(), stalls.iter().max())
        && stalls.len() == measured.len()
        && *most > 0
    {
        sentence.text(", ");
        if fewest < most {
            sentence.count(*fewest).text(" to ");
        }
        sentence.counted(*most, "stall");
    }
    if let Some(direct) = direct_among_emulated(&measured) {
        sentence.text(" (").lane(direct).text(" bypasses the emulated network)");
    }
    Some(Finding {
        kind: if is_all_alike { FindingKind::NoDifference } else { FindingKind::LatencyAlike },
        severity: Severity::Info,
        lanes,
        better: None,
        cause: None,
        fault: None,
        sentence: sentence.finish(),
    })
}

/// Returns the cause of a lane's latency with its share, or why it is larger than another lane's.
pub(super) fn latency_cause(lane: &LaneSnapshot, other: Option<&LaneSnapshot>) -> Option<(Cause, f64)> {
    let main = lane.parts.main_part(other.map(|other| &other.parts))?;
    let is_blocked = main.part == LatencyPart::Blocked;
    let cause = Cause::Latency {
        part: main.part,
        wait: lane.parts.send_queue_wait.filter(|_| main.part == LatencyPart::SendQueue),
        lost_packet: lane.worst_write.filter(|_| is_blocked).and_then(|write| write.lost_packet),
    };
    Some((cause, main.share))
}

/// Returns the noun phrase of a part of the latency.
pub(super) const fn part_phrase(
    part: LatencyPart,
    wait: Option<SendQueueWait>,
    is_consumer_slow: bool,
) -> &'static str {
    match part {
        LatencyPart::Server => "the server itself",
        LatencyPart::CreditWait if is_consumer_slow => "waiting for credit from its consumer",
        LatencyPart::CreditWait => "waiting for credit, although its consumer is fast",
        LatencyPart::PolicyQueue if is_consumer_slow => "its policy's queue, before a slow consumer",
        LatencyPart::PolicyQueue => "its policy's queue",
        LatencyPart::SendQueue => match wait {
            Some(SendQueueWait::CongestionWindow) => "the congestion window (send queue)",
            Some(SendQueueWait::Pacing) => "pacing (send queue)",
            Some(SendQueueWait::PeerWindow) => "the browser's full receive window (send queue)",
            None => "the server's send queue",
        },
        LatencyPart::Bottleneck => "the queue at the network's bottleneck",
        LatencyPart::Propagation => "distance",
        LatencyPart::Blocked => "waiting behind lost packets",
        LatencyPart::Transit => "the way to the browser, unknown where",
        LatencyPart::Browser => "the browser's own buffers",
        LatencyPart::Inbox => "waiting for its consumer",
        LatencyPart::Consumer => "its consumer's own work",
    }
}

/// A property that keeps a lane from being called better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    LostMessages,
    FailsOnPurpose,
    CannotKeepUp,
}

fn flaw(snapshot: &Snapshot, lane: &LaneSnapshot) -> Option<Flaw> {
    if lost_messages(lane) > 0 {
        Some(Flaw::LostMessages)
    } else if lane.policy.is_exhibit() {
        Some(Flaw::FailsOnPurpose)
    } else {
        is_lagging(snapshot, lane).then_some(Flaw::CannotKeepUp)
    }
}

fn measured_lanes(snapshot: &Snapshot) -> Vec<MeasuredLane<'_>> {
    let lanes = snapshot.lanes.iter().enumerate().filter(|(_, lane)| is_flowing(snapshot, lane));
    lanes
        .filter_map(|(at, lane)| {
            let latency = lane.latency.filter(|latency| latency.count >= Latency::ENOUGH)?;
            Some(MeasuredLane { at, lane, latency })
        })
        .collect()
}

/// Returns the finding about lanes with too few messages.
fn measuring(snapshot: &Snapshot) -> Option<Finding> {
    let messages = |lane: &LaneSnapshot| lane.latency.map_or(lane.consumed, |latency| latency.count);
    let few: Vec<usize> = snapshot
        .lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| is_flowing(snapshot, lane) && messages(lane) < Latency::ENOUGH)
        .map(|(at, _)| at)
        .collect();
    let counts = || few.iter().map(|at| messages(&snapshot.lanes[*at]));
    let (fewest, most) = (counts().min()?, counts().max()?);
    let mut sentence = Sentence::default();
    if few.iter().all(|at| !snapshot.lanes[*at].is_feed_running) {
        sentence.text("Nothing to measure: the feed is not running");
        return Some(info(FindingKind::Measuring, few, sentence.finish()));
    }
    sentence.text("Measuring… ").lanes(&few).text(" got ");
    if fewest < most {
        sentence.count(fewest).text(" to ");
    }
    sentence.counted(most, "message").text(" since ").text(change_phrase(snapshot.epoch.cause));
    sentence.text(", ").elapsed(snapshot.epoch.since_micros).text(" ago");
    Some(info(FindingKind::Measuring, few, sentence.finish()))
}

/// Returns the finding about lanes that receive messages of unknown latency.
fn unknown(snapshot: &Snapshot) -> Option<Finding> {
    let lanes: Vec<usize> = snapshot
        .lanes
        .iter()
        .enumerate()
        .filter(|(_, lane)| {
            is_flowing(snapshot, lane) && lane.latency.is_none() && lane.consumed >= Latency::ENOUGH
        })
        .map(|(at, _)| at)
        .collect();
    if lanes.is_empty() {
        return None;
    }
    let mut sentence = Sentence::default();
    sentence.text("The latency of ").lanes(&lanes).text(" is not measured yet");
    Some(info(FindingKind::LatencyUnknown, lanes, sentence.finish()))
}

fn single(only: MeasuredLane<'_>) -> Finding {
    let MeasuredLane { at, lane, latency } = only;
    let mut sentence = Sentence::default();
    sentence.lane(at).text(": typical message ").span(latency.p50_micros);
    if let Some(p99) = latency.p99() {
        sentence.text(", 1 in 100 over ").span(p99);
    }
    if let Some(stalls) = lane.stalls.filter(|stalls| *stalls > 0) {
        sentence.text(", ").counted(stalls, "stall");
    }
    let cause = latency_cause(lane, None).filter(|_| latency.p50_micros >= NOTABLE_MICROS);
    if let Some((cause, share)) = cause {
        explain(&mut sentence, at, lane, cause, share);
    }
    let cause = cause.map(|(cause, _)| cause);
    Finding {
        cause,
        fault: cause.and_then(|cause| cause.fault(lane.is_consumer_slow())),
        ..info(FindingKind::SingleLatency, vec![at], sentence.finish())
    }
}

/// Returns the pairs to report: the leader with each other lane, or, where no lane leads, all pairs.
fn pairs<'a>(measured: &[MeasuredLane<'a>]) -> Vec<(MeasuredLane<'a>, MeasuredLane<'a>)> {
    let is_sound =
        |measured: &MeasuredLane<'_>| lost_messages(measured.lane) == 0 && !measured.lane.policy.is_exhibit();
    let sound: Vec<&MeasuredLane<'a>> = measured.iter().filter(|measured| is_sound(measured)).collect();
    let points = |lane: &MeasuredLane<'_>| -> i64 {
        let others = sound.iter().filter(|other| other.at != lane.at);
        others
            .map(|other| match Comparison::new(lane, other).outcome() {
                Outcome::First => 1,
                Outcome::Second => -1,
                Outcome::Mixed | Outcome::Alike => 0,
            })
            .sum()
    };
    // Ties by the median alone, so that a worse tail or more stalls never make a lane the leader.
    let leader = sound.iter().max_by_key(|lane| (points(lane), Reverse(lane.latency.p50_micros)));
    let Some(leader) = leader else { return Vec::new() };
    let others = measured.iter().filter(|other| other.at != leader.at);
    others.map(|other| (**leader, *other)).collect()
}

/// Returns the finding about two lanes that differ.
fn difference(
    snapshot: &Snapshot,
    first: MeasuredLane<'_>,
    second: MeasuredLane<'_>,
    comparison: Comparison,
) -> Option<Finding> {
    match comparison.outcome() {
        Outcome::Alike => None,
        Outcome::First => Some(winner(snapshot, first, second, comparison)),
        Outcome::Second => Some(winner(snapshot, second, first, comparison)),
        Outcome::Mixed => Some(mixed(snapshot, first, second, comparison)),
    }
}

fn winner(
    snapshot: &Snapshot,
    fast: MeasuredLane<'_>,
    slow: MeasuredLane<'_>,
    comparison: Comparison,
) -> Finding {
    if let Some(flaw) = disqualification(snapshot, fast.lane, slow.lane) {
        return not_comparable(fast, slow, flaw);
    }
    if fast.lane.skipped_total() > slow.lane.skipped_total() {
        return fresher_by_skipping(fast, slow);
    }
    let because = latency_cause(slow.lane, Some(fast.lane));
    let cause = because.map(|(cause, _)| cause);
    let fault = cause.and_then(|cause| cause.fault(slow.lane.is_consumer_slow()));
    let is_weak = snapshot.machine.saturated().is_some() && comparison.ratio < LARGE_RATIO;
    let has_other_path = fast.lane.is_direct != slow.lane.is_direct;
    let mut sentence = Sentence::default();
    let is_own_fault = !is_weak && matches!(fault, Some(Fault::Consumer | Fault::Policy));
    if is_own_fault {
        let culprit = if fault == Some(Fault::Consumer) { "consumer" } else { "policy" };
        sentence.lane(slow.at).text(" is slower than ").lane(fast.at);
        sentence.text(" because of its ").text(culprit).text(", not its transport: ");
        metrics(&mut sentence, &slow, &fast);
    } else {
        let verb = match (is_weak, comparison.is_by_stalls()) {
            (true, _) => " looks better than ",
            (false, true) => " flows more evenly than ",
            (false, false) => " is faster than ",
        };
        sentence.lane(fast.at).text(verb).lane(slow.at).text(": ");
        metrics(&mut sentence, &fast, &slow);
    }
    if let Some((cause, share)) = because {
        explain(&mut sentence, slow.at, slow.lane, cause, share);
    }
    if has_other_path {
        let direct = if fast.lane.is_direct { fast.at } else { slow.at };
        sentence.text(" (").lane(direct).text(" bypasses the emulated network)");
    }
    let is_merit = !is_own_fault && !is_weak && !has_other_path;
    Finding {
        better: is_merit.then_some(fast.at),
        cause,
        fault,
        ..info(FindingKind::LatencyDiffers, vec![fast.at, slow.at], sentence.finish())
    }
}

/// Returns why a lane must not be called better than another one.
fn disqualification(snapshot: &Snapshot, fast: &LaneSnapshot, slow: &LaneSnapshot) -> Option<Flaw> {
    match flaw(snapshot, fast)? {
        Flaw::CannotKeepUp => (!is_lagging(snapshot, slow)).then_some(Flaw::CannotKeepUp),
        flaw @ (Flaw::LostMessages | Flaw::FailsOnPurpose) => Some(flaw),
    }
}

fn not_comparable(fast: MeasuredLane<'_>, slow: MeasuredLane<'_>, flaw: Flaw) -> Finding {
    let mut sentence = Sentence::default();
    sentence.text("The latency of ").lane(fast.at).text(" does not compare with ").lane(slow.at).text(" (");
    metrics(&mut sentence, &fast, &slow);
    sentence.text("): ").text(match flaw {
        Flaw::LostMessages => "it counts only what arrived, and messages were lost",
        Flaw::FailsOnPurpose => "its server fails on purpose",
        Flaw::CannotKeepUp => "it counts only what arrived, and the lane cannot keep up",
    });
    info(FindingKind::LatencyNotComparable, vec![fast.at, slow.at], sentence.finish())
}

fn fresher_by_skipping(fast: MeasuredLane<'_>, slow: MeasuredLane<'_>) -> Finding {
    let main = skip_reasons(fast.lane).first().map(|(reason, _)| *reason);
    let because = match main {
        Some(GapReason::Conflated | GapReason::DroppedOldest | GapReason::DroppedNewest) => {
            " because its policy skips messages: "
        }
        Some(GapReason::Network) => " because it does not wait for lost messages: ",
        Some(GapReason::Retention | GapReason::TooLarge | GapReason::Expired) | None => {
            ", but it skipped messages: "
        }
    };
    let mut sentence = Sentence::default();
    sentence.lane(fast.at).text(" is faster than ").lane(slow.at).text(because);
    metrics(&mut sentence, &fast, &slow);
    sentence.text(", ").count(fast.lane.skipped_total()).text(" skipped against ");
    sentence.count(slow.lane.skipped_total());
    let cause = main.map(Cause::Skipped);
    Finding {
        cause,
        fault: cause.and_then(|cause| cause.fault(false)),
        ..info(FindingKind::FresherBySkipping, vec![fast.at, slow.at], sentence.finish())
    }
}

fn mixed(
    snapshot: &Snapshot,
    first: MeasuredLane<'_>,
    second: MeasuredLane<'_>,
    comparison: Comparison,
) -> Finding {
    let flawed = [(first, second), (second, first)]
        .into_iter()
        .find_map(|(one, other)| Some((one, other, disqualification(snapshot, one.lane, other.lane)?)));
    if let Some((one, other, flaw)) = flawed {
        return not_comparable(one, other, flaw);
    }
    let mut sentence = Sentence::default();
    sentence.text("Neither is better: ");
    // The lane with the better typical message comes first, whatever its position.
    let leads_second = [comparison.p50, comparison.p99].into_iter().find(|better| *better != Better::Neither)
        == Some(Better::Second);
    let order = [(Better::First, first, second), (Better::Second, second, first)];
    let order = if leads_second { [order[1], order[0]] } else { order };
    for (index, (side, own, other)) in order.into_iter().enumerate() {
        sentence.text(if index == 0 { "" } else { ", but " }).lane(own.at).text(" has ");
        merits(&mut sentence, side, comparison, own, other);
    }
    info(FindingKind::LatencyMixed, vec![first.at, second.at], sentence.finish())
}

fn merits(
    sentence: &mut Sentence,
    side: Better,
    comparison: Comparison,
    own: MeasuredLane<'_>,
    other: MeasuredLane<'_>,
) {
    let mut separator = "";
    if comparison.p50 == side {
        sentence.text("the faster typical message (").span(own.latency.p50_micros).text(" against ");
        sentence.span(other.latency.p50_micros).text(")");
        separator = " and ";
    }
    if comparison.p99 == side {
        sentence.text(separator).text("the faster slowest 1 in 100 (over ").span(own.latency.p99_micros);
        sentence.text(" against ").span(other.latency.p99_micros).text(")");
        separator = " and ";
    }
    if let (true, Some((few, many))) = (comparison.stalls == side, own.lane.stalls.zip(other.lane.stalls)) {
        sentence.text(separator).text("fewer stalls (").count(few).text(" against ").count(many).text(")");
    }
}

/// Appends the measures of one lane against those of another.
fn metrics(sentence: &mut Sentence, own: &MeasuredLane<'_>, other: &MeasuredLane<'_>) {
    sentence.text("typical message ").span(own.latency.p50_micros).text(" against ");
    sentence.span(other.latency.p50_micros);
    if let Some((p99, other_p99)) = own.latency.p99().zip(other.latency.p99()) {
        sentence.text(", 1 in 100 over ").span(p99).text(" against ").span(other_p99);
    }
    if let Some((stalls, other_stalls)) = own.lane.stalls.zip(other.lane.stalls)
        && stalls.max(other_stalls) > 0
    {
        sentence.text(", ").counted(stalls, "stall").text(" against ").count(other_stalls);
    }
}

/// Appends the share of the latency that its cause takes.
fn explain(sentence: &mut Sentence, at: usize, lane: &LaneSnapshot, cause: Cause, share: f64) {
    let Cause::Latency { part, wait, lost_packet } = cause else { return };
    sentence.text("; ").percent(share).text(" of the latency of ").lane(at).text(" is ");
    sentence.text(part_phrase(part, wait, lane.is_consumer_slow()));
    if let Some(number) = lost_packet {
        sentence.text(" such as packet ").count(number);
    }
}

fn direct_among_emulated(measured: &[MeasuredLane<'_>]) -> Option<usize> {
    let has_emulated = measured.iter().any(|measured| !measured.lane.is_direct);
    measured.iter().find(|measured| measured.lane.is_direct && has_emulated).map(|measured| measured.at)
}

fn info(kind: FindingKind, lanes: Vec<usize>, sentence: Vec<Piece>) -> Finding {
    Finding { kind, severity: Severity::Info, lanes, better: None, cause: None, fault: None, sentence }
}
