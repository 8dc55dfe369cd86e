//! Table of situations, each with the headline that it must lead to.
//! Lanes are called A, B and C from the top.

pub(super) mod builder;
mod connections;
mod latencies;
mod losses;
mod throughputs;

use super::*;

/// Situation with its expected headline.
struct Situation {
    name: &'static str,
    snapshot: Snapshot,
    /// The fault of the first finding.
    fault: Option<Fault>,
    headline: &'static str,
}

fn situation(
    name: &'static str,
    snapshot: Snapshot,
    fault: Option<Fault>,
    headline: &'static str,
) -> Situation {
    Situation { name, snapshot, fault, headline }
}

fn all() -> Vec<Situation> {
    let mut all = connections::situations();
    all.extend(losses::situations());
    all.extend(throughputs::situations());
    all.extend(latencies::situations());
    all
}

/// Returns pieces as plain text.
pub(super) fn plain(pieces: &[Piece]) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) | Piece::Number(text) => text.clone(),
            Piece::Lane(at) => ["A", "B", "C", "D"][*at].to_owned(),
        })
        .collect::<String>()
        .replace(['\u{a0}', '\u{202f}'], " ")
}

#[test]
fn every_situation_has_its_headline_and_fault() {
    let mut wrong = String::new();
    for Situation { name, snapshot, fault, headline: expected } in all() {
        let findings = findings(&snapshot);
        let said = plain(&headline(&findings));
        let named = findings.first().and_then(|finding| finding.fault);
        if said != expected || named != fault {
            wrong += &format!("\n{name}\n  says   {said} [{named:?}]\n  should {expected} [{fault:?}]\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_table_is_large_and_each_situation_has_a_name_of_its_own() {
    let mut names: Vec<_> = all().into_iter().map(|situation| situation.name).collect();
    assert!(names.len() >= 60, "{} situations", names.len());
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
}

#[test]
fn no_situation_calls_a_lane_better_that_lost_messages_or_does_not_work() {
    for Situation { name, snapshot, .. } in all() {
        for better in findings(&snapshot).iter().filter_map(|finding| finding.better) {
            let lane = &snapshot.lanes[better];
            assert_eq!(lane.unreported, UnreportedLoss::default(), "{name}");
            assert!(matches!(lane.connection, ConnectionSnapshot::Open { .. }), "{name}");
            assert!(!lane.policy.is_exhibit(), "{name}");
        }
    }
}

#[test]
fn a_lane_is_called_better_if_nothing_but_its_transport_explains_it() {
    let better = |name: &str| {
        let found = all().into_iter().find(|situation| situation.name == name);
        let findings = found.map(|situation| findings(&situation.snapshot)).unwrap_or_default();
        findings.iter().find_map(|finding| finding.better)
    };
    assert_eq!(better("199 against 389 ms, and 4 against 31 stalls"), Some(1));
    assert_eq!(better("WebSocket wins on a clean link"), Some(0));
    assert_eq!(better("only stalls differ"), Some(1));
    assert_eq!(better("CUBIC at 2 % loss cannot keep up"), Some(1));
    assert_eq!(better("a silent drop that has not dropped yet"), Some(1));
    assert_eq!(better("a slow consumer is not the transport's fault"), None);
    assert_eq!(better("newest only beside a slow lossless lane"), None);
    assert_eq!(better("a direct lane beside an emulated one"), None);
    assert_eq!(better("a saturated machine and a small difference"), None);
    assert_eq!(better("reload in the tunnel: 33 times fresher and 5,945 messages lost"), None);
    assert_eq!(better("a better median and a worse tail"), None);
}

#[test]
fn the_epoch_is_named_with_its_age() {
    use builder::{page, ws};
    let note = |cause, since_micros| {
        epoch_note(&page([ws()]).since(cause, since_micros)).replace(['\u{a0}', '\u{202f}'], " ")
    };
    assert_eq!(note(Change::Network, 12_000_000), "since the change of network, 12 s");
    assert_eq!(note(Change::Start, 400_000), "since the start, 400 ms");
    assert_eq!(note(Change::Consumer, 119_900_000), "since the change of consumer, 119 s");
    assert_eq!(note(Change::Policy, 120_000_000), "since the change of policy, 2 min");
    assert_eq!(note(Change::Feed, 7_000_000), "since the change of feed, 7 s");
    assert_eq!(note(Change::Lanes, 3_600_000_000), "since the change of lanes, 60 min");
}
