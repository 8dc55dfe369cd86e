//! Findings about latency and stalls.
//! Part of `findings`; a lane with a disqualifying flaw is never called the better one.

use crate::short_list::sort_by_key;
use core::cmp::Reverse;

use sluice_shared::wire::GapReason;

use super::comparison::{Better, Comparison, MeasuredLane, Outcome};
use super::finding::{Cause, Fault, Finding, FindingKind, Severity};
use super::latency_cause::{explain, latency_cause};
use super::loss::{lost_messages, skip_reasons};
use super::measuring::{measured_lanes, measuring_finding, unknown_finding};
use super::sentence::Sentence;
use super::snapshot::{LaneSnapshot, Snapshot};
use super::throughput::is_lagging;

/// Minimum ratio that counts as a difference on a saturated machine.
const LARGE_RATIO: f64 = 2.0;
/// Minimum share of skipped messages that explains a lower latency.
const LARGE_SKIPPED_SHARE: f64 = 0.05;
/// Minimum share of lost datagrams that explains a lower 99th percentile.
const LARGE_LOST_SHARE: f64 = 0.005;
/// Minimum median whose cause is stated, microseconds.
const NOTABLE_MICROS: u64 = 10_000;

/// Returns the findings about latency; none while a disruption is in progress.
pub(super) fn latency_findings(snapshot: &Snapshot) -> Vec<Finding> {
    if snapshot.in_progress.is_some() {
        return Vec::new();
    }
    let mut findings: Vec<Finding> =
        [measuring_finding(snapshot), unknown_finding(snapshot)].into_iter().flatten().collect();
    let measured = measured_lanes(snapshot);
    if let [only] = measured.as_slice() {
        if findings.is_empty() {
            findings.push(single(*only));
        }
        return findings;
    }
    let is_saturated = snapshot.machine.saturated().is_some();
    let mut differing: Vec<(f64, Finding)> = pairs(&measured, is_saturated)
        .into_iter()
        .filter_map(|(first, second)| {
            let comparison = Comparison::new(&first, &second, is_saturated);
            Some((comparison.ratio, difference(snapshot, first, second, comparison)?))
        })
        .collect();
    sort_by_key(&mut differing, |(ratio, _)| -ratio);
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
    mention_direct(&mut sentence, direct_among_emulated(&measured));
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

/// Property that keeps a lane from being called better.
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
        ..Finding::info(FindingKind::SingleLatency, vec![at], sentence.finish())
    }
}

/// Returns the pairs to report: the leader with each other lane, or, if it differs from none, all pairs.
fn pairs<'a>(measured: &[MeasuredLane<'a>], is_saturated: bool) -> Vec<(MeasuredLane<'a>, MeasuredLane<'a>)> {
    let is_sound =
        |measured: &MeasuredLane<'_>| lost_messages(measured.lane) == 0 && !measured.lane.policy.is_exhibit();
    let sound: Vec<&MeasuredLane<'a>> = measured.iter().filter(|measured| is_sound(measured)).collect();
    let points = |lane: &MeasuredLane<'_>| -> i64 {
        let others = sound.iter().filter(|other| other.at != lane.at);
        others
            .map(|other| match Comparison::new(lane, other, is_saturated).outcome() {
                Outcome::First => 1,
                Outcome::Second => -1,
                Outcome::Mixed | Outcome::Alike => 0,
            })
            .sum()
    };
    // Ties are broken by the median alone, so that a worse tail or more stalls never make a lane the leader.
    let leader = sound.iter().max_by_key(|lane| (points(lane), Reverse(lane.latency.p50_micros)));
    let Some(leader) = leader else { return Vec::new() };
    let others = measured.iter().filter(|other| other.at != leader.at);
    let with_leader: Vec<_> = others.map(|other| (**leader, *other)).collect();
    if with_leader
        .iter()
        .any(|(leader, other)| Comparison::new(leader, other, is_saturated).outcome() != Outcome::Alike)
    {
        return with_leader;
    }
    let later = |at: usize| sound.iter().filter(move |other| other.at > at);
    sound.iter().flat_map(|one| later(one.at).map(|other| (**one, **other))).collect()
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
    let mut sentence = Sentence::default();
    let is_own_fault = !is_weak && matches!(fault, Some(Fault::Consumer | Fault::Policy));
    if is_own_fault {
        let culprit = if fault == Some(Fault::Consumer) { "consumer" } else { "policy" };
        sentence.lane(slow.at).text(" is slower than ").lane(fast.at);
        sentence.text(" because of its ").text(culprit).text(", not its transport: ");
        metrics(&mut sentence, &slow, &fast);
    } else {
        let verb = if is_weak {
            " looks better than "
        } else if comparison.is_by_stalls() {
            " flows more evenly than "
        } else if comparison.is_by_tail() {
            " has fewer late messages than "
        } else {
            " is faster than "
        };
        sentence.lane(fast.at).text(verb).lane(slow.at).text(": ");
        metrics(&mut sentence, &fast, &slow);
    }
    if let Some((cause, share)) = because {
        explain(&mut sentence, slow.at, slow.lane, cause, share);
    }
    let was_interrupted = |measured: &MeasuredLane<'_>| !measured.lane.interruptions.is_empty();
    if was_interrupted(&fast) || was_interrupted(&slow) {
        sentence.text(", interruptions included");
    }
    let direct = direct_among_emulated(&[fast, slow]);
    mention_direct(&mut sentence, direct);
    let is_merit = !is_own_fault && !is_weak && direct.is_none();
    Finding {
        better: is_merit.then_some(fast.at),
        cause,
        fault,
        ..Finding::info(FindingKind::LatencyDiffers, vec![fast.at, slow.at], sentence.finish())
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
    Finding::info(FindingKind::LatencyNotComparable, vec![fast.at, slow.at], sentence.finish())
}

fn fresher_by_skipping(fast: MeasuredLane<'_>, slow: MeasuredLane<'_>) -> Finding {
    let main = skip_reasons(fast.lane).first().map(|(reason, _)| *reason);
    let skipped = fast.lane.skipped_total() as f64;
    let share = skipped / (skipped + fast.lane.consumed as f64);
    let (is_cause, because) = match main {
        Some(GapReason::Conflated | GapReason::DroppedOldest | GapReason::DroppedNewest) => {
            (share >= LARGE_SKIPPED_SHARE, " because its policy skips messages: ")
        }
        Some(GapReason::Network) => {
            (share >= LARGE_LOST_SHARE, " because it does not wait for lost messages: ")
        }
        Some(GapReason::Retention | GapReason::TooLarge | GapReason::Expired) | None => (false, ""),
    };
    let because = if is_cause { because } else { ", but it skipped messages: " };
    let mut sentence = Sentence::default();
    sentence.lane(fast.at).text(" is faster than ").lane(slow.at).text(because);
    metrics(&mut sentence, &fast, &slow);
    sentence.text(", ").count(fast.lane.skipped_total()).text(" skipped against ");
    sentence.count(slow.lane.skipped_total());
    let cause = main.filter(|_| is_cause).map(Cause::Skipped);
    Finding {
        cause,
        fault: cause.and_then(|cause| cause.fault(false)),
        ..Finding::info(FindingKind::FresherBySkipping, vec![fast.at, slow.at], sentence.finish())
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
    // The lane with the better typical message comes first, regardless of its position.
    let leads_second = [comparison.p50, comparison.p99].into_iter().find(|better| *better != Better::Neither)
        == Some(Better::Second);
    let order = [(Better::First, first, second), (Better::Second, second, first)];
    let order = if leads_second { [order[1], order[0]] } else { order };
    for (index, (side, own, other)) in order.into_iter().enumerate() {
        sentence.text(if index == 0 { "" } else { ", but " }).lane(own.at).text(" has ");
        merits(&mut sentence, side, comparison, own, other);
    }
    mention_direct(&mut sentence, direct_among_emulated(&[first, second]));
    Finding::info(FindingKind::LatencyMixed, vec![first.at, second.at], sentence.finish())
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

fn mention_direct(sentence: &mut Sentence, direct: Option<usize>) {
    if let Some(at) = direct {
        sentence.text(" (").lane(at).text(" bypasses the emulated network)");
    }
}

/// Returns a lane that bypasses the emulated network where another one does not.
fn direct_among_emulated(measured: &[MeasuredLane<'_>]) -> Option<usize> {
    let has_emulated = measured.iter().any(|measured| !measured.lane.is_direct);
    measured.iter().find(|measured| measured.lane.is_direct && has_emulated).map(|measured| measured.at)
}
