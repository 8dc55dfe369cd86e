//! Properties that hold for all snapshots.
//! They test the invariants of the parent module with random lanes.

use proptest::prelude::*;
use sluice_shared::mode::Mode;
use sluice_shared::policy::Policy;
use sluice_shared::wire::GapReason;

use super::situations::builder::lane;
use super::situations::plain;
use super::*;

fn rarely<T: Clone + core::fmt::Debug + 'static>(
    usual: T,
    rare: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<T> {
    prop_oneof![4 => Just(usual), 1 => rare].boxed()
}

fn latency() -> impl Strategy<Value = Option<Latency>> {
    let count = prop_oneof![4 => Just(5_000u64), 1 => 0..300u64];
    let p50 = prop_oneof![0..2_000_000u64, 100_000..130_000u64];
    let p99 = prop_oneof![0..4_000_000u64, 200_000..260_000u64];
    let some = (count, p50, p99)
        .prop_map(|(count, p50_micros, p99_micros)| Some(Latency { count, p50_micros, p99_micros }));
    prop_oneof![9 => some, 1 => Just(None)]
}

fn parts() -> impl Strategy<Value = LatencyParts> {
    let wait = prop_oneof![
        Just(None),
        Just(Some(SendQueueWait::CongestionWindow)),
        Just(Some(SendQueueWait::Pacing)),
        Just(Some(SendQueueWait::PeerWindow)),
    ];
    (proptest::collection::vec(proptest::option::of(any::<u64>()), LatencyPart::ALL.len()), wait).prop_map(
        |(means, wait)| {
            let known =
                LatencyPart::ALL.into_iter().zip(means).filter_map(|(part, mean)| Some((part, mean?)));
            let mut parts = known.fold(LatencyParts::default(), |parts, (part, mean)| parts.with(part, mean));
            parts.send_queue_wait = wait;
            parts
        },
    )
}

fn connection(mode: Mode) -> BoxedStrategy<ConnectionSnapshot> {
    let open = |mode| ConnectionSnapshot::Open { for_micros: 60_000_000, mode };
    let reason = || "no route to the server".to_owned();
    rarely(
        open(mode),
        (0..5u8, 0..20_000_000u64).prop_map(move |(which, for_micros)| match which {
            0 => ConnectionSnapshot::Idle,
            1 => ConnectionSnapshot::Connecting { for_micros },
            2 => ConnectionSnapshot::Waiting { for_micros, reason: reason(), retry_in_micros: None },
            3 => ConnectionSnapshot::Failed { for_micros, reason: reason() },
            _ => open(Mode::WebSocket),
        }),
    )
}

fn policy() -> BoxedStrategy<Policy> {
    let all = [
        Policy::Latest,
        Policy::DropOldest { limit: 9 },
        Policy::Unbounded,
        Policy::SilentDrop { limit: 9 },
        Policy::BusySpin,
    ];
    rarely(Policy::Lossless, proptest::sample::select(all.to_vec()))
}

fn interruptions() -> BoxedStrategy<Vec<Interruption>> {
    let amount = || proptest::option::of(0..9_000u64);
    let one = (any::<bool>(), amount(), amount(), amount()).prop_map(|(reconnects, time, lost, skipped)| {
        let kind = if reconnects { InterruptionKind::Reconnect } else { InterruptionKind::Migration };
        Interruption { kind, without_data_micros: time, lost, skipped }
    });
    rarely(Vec::new(), proptest::collection::vec(one, 1..3))
}

prop_compose! {
    fn any_lane()(mode in proptest::sample::select(Mode::ALL.as_slice()))(
        connection in connection(mode),
        mode in Just(mode),
        policy in policy(),
        flags in any::<[bool; 2]>(),
        is_direct in rarely(false, Just(true)),
        arrival in rarely(Some(5_000), proptest::option::of(0..9_000_000u64)),
        delay in rarely(0, 0..50_000u64),
        rates in rarely((Some(400), Some(400)), (proptest::option::of(0..900u64), proptest::option::of(0..900u64))),
        lost in rarely((0, 0), (0..9u64, 0..99u64)),
        skipped in rarely([0; GapReason::ALL.len()], any::<[u64; GapReason::ALL.len()]>()),
        interruptions in interruptions(),
        latency in latency(),
        stalls in proptest::option::weighted(0.9, prop_oneof![0..60u64, Just(0)]),
        parts in parts(),
    ) -> LaneSnapshot {
        LaneSnapshot {
            connection,
            policy,
            has_fallback: flags[0],
            starts_over: flags[1],
            is_direct,
            last_arrival_micros: arrival,
            consumer_delay_micros: delay,
            offered_per_second: rates.0,
            consumed_per_second: rates.1,
            unreported: UnreportedLoss { in_epoch: lost.0, in_total: lost.1 },
            skipped,
            interruptions,
            latency,
            stalls,
            parts,
            ..lane(mode)
        }
    }
}

fn disruption() -> BoxedStrategy<Option<Disruption>> {
    let left = proptest::option::of(any::<u64>());
    rarely(
        None,
        (0..3u8, any::<u64>(), left).prop_map(|(which, for_micros, left_micros)| {
            Some(match which {
                0 => Disruption::Outage { for_micros, left_micros },
                1 => Disruption::PathChange { for_micros },
                _ => Disruption::Pending { change: Change::Feed, for_micros },
            })
        }),
    )
}

prop_compose! {
    fn any_snapshot(lanes: core::ops::Range<usize>)(
        lanes in proptest::collection::vec(any_lane(), lanes),
        in_progress in disruption(),
        since_micros in prop_oneof![4 => Just(12_000_000u64), 1 => any::<u64>()],
        cpu in rarely(Some(0.2), proptest::option::of(any::<f64>())),
        is_udp_blocked in rarely(false, Just(true)),
    ) -> Snapshot {
        Snapshot {
            outage_ended_micros: None,
            epoch: Epoch { since_micros, cause: Change::Network },
            in_progress,
            machine: MachineLoad { cpu, ..MachineLoad::default() },
            is_udp_blocked,
            lanes,
        }
    }
}

fn has_lost(lane: &LaneSnapshot) -> bool {
    lane.unreported != UnreportedLoss::default()
        || lane.interruptions.iter().any(|interruption| interruption.lost.is_some_and(|lost| lost > 0))
}

fn is_open(lane: &LaneSnapshot) -> bool {
    matches!(lane.connection, ConnectionSnapshot::Open { .. })
}

fn calls_better(snapshot: &Snapshot, lane: usize) -> usize {
    findings(snapshot).iter().filter(|finding| finding.better == Some(lane)).count()
}

/// Returns the part of all findings that does not depend on the order of the lanes; `exchanged` swaps the
/// names of two lanes.
fn essence(snapshot: &Snapshot, exchanged: bool) -> Vec<String> {
    let name = |at: usize| if exchanged && at < 2 { 1 - at } else { at };
    let mut all: Vec<String> = findings(snapshot)
        .into_iter()
        .map(|finding| {
            let mut lanes: Vec<usize> = finding.lanes.iter().map(|at| name(*at)).collect();
            lanes.sort_unstable();
            let numbers: Vec<String> = finding
                .sentence
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Number(number) => Some(number.clone()),
                    Piece::Text(_) | Piece::Lane(_) => None,
                })
                .collect();
            let better = finding.better.map(name);
            format!(
                "{:?} {lanes:?} {better:?} {:?} {:?} {numbers:?}",
                finding.kind, finding.cause, finding.fault
            )
        })
        .collect();
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_lane_that_lost_messages_fails_on_purpose_or_is_dead_is_never_the_better_one(
        snapshot in any_snapshot(1..4),
    ) {
        for better in findings(&snapshot).iter().filter_map(|finding| finding.better) {
            let lane = &snapshot.lanes[better];
            prop_assert!(!has_lost(lane) && is_open(lane) && !lane.policy.is_exhibit());
        }
    }

    #[test]
    fn a_worse_tail_or_more_stalls_never_make_a_lane_the_better_one(
        snapshot in any_snapshot(2..4),
        p99_micros in 0..9_000_000u64,
        stalls in 0..200u64,
    ) {
        let mut worse = snapshot.clone();
        if let Some(latency) = &mut worse.lanes[0].latency {
            latency.p99_micros += p99_micros;
        }
        worse.lanes[0].stalls = worse.lanes[0].stalls.map(|before| before + stalls);
        prop_assert!(calls_better(&worse, 0) <= calls_better(&snapshot, 0));
    }

    #[test]
    fn two_lanes_that_change_places_change_places_in_the_findings(snapshot in any_snapshot(2..3)) {
        let mut exchanged = snapshot.clone();
        exchanged.lanes.swap(0, 1);
        // Two lanes that tie in everything may be named in either order.
        let same = |lanes: &[LaneSnapshot]| lanes[0].latency == lanes[1].latency;
        prop_assume!(!same(&snapshot.lanes));
        prop_assert_eq!(essence(&snapshot, false), essence(&exchanged, true));
    }

    #[test]
    fn no_text_holds_a_number_that_is_none_and_every_lane_exists(snapshot in any_snapshot(0..5)) {
        for finding in findings(&snapshot) {
            for piece in &finding.sentence {
                match piece {
                    Piece::Number(number) => {
                        prop_assert!(!number.contains("NaN") && !number.contains("inf"), "{}", number);
                    }
                    Piece::Lane(at) => prop_assert!(*at < snapshot.lanes.len()),
                    Piece::Text(_) => {}
                }
            }
            prop_assert!(plain(&finding.sentence).ends_with('.'));
        }
        prop_assert!(!headline(&findings(&snapshot)).is_empty() || !snapshot.lanes.is_empty());
    }

    #[test]
    fn lanes_are_never_alike_while_one_is_dead_or_lossy_or_the_network_is_out(snapshot in any_snapshot(2..4)) {
        let findings = findings(&snapshot);
        let alike = [FindingKind::NoDifference, FindingKind::LatencyAlike];
        if findings.iter().any(|finding| alike.contains(&finding.kind)) {
            prop_assert_eq!(snapshot.in_progress, None);
            for lane in &snapshot.lanes {
                prop_assert!(is_open(lane) && !has_lost(lane));
            }
            let medians = || snapshot.lanes.iter().filter_map(|lane| Some(lane.latency?.p50_micros));
            let (least, most) = (medians().min().unwrap_or(0), medians().max().unwrap_or(0));
            prop_assert!((most as f64) < least as f64 * 1.25 + 500.0);
        }
        if findings.iter().any(|finding| finding.kind == FindingKind::NoDifference) {
            let others = findings.iter().filter(|finding| finding.kind != FindingKind::MachineSaturated);
            prop_assert_eq!(others.count(), 1);
        }
    }

    #[test]
    fn failures_come_before_everything_else_that_is_said_of_the_same_lanes(snapshot in any_snapshot(1..4)) {
        let kinds: Vec<_> = findings(&snapshot).iter().map(|finding| finding.kind as u8).collect();
        let latency = FindingKind::Skipped as u8;
        prop_assert!(kinds.windows(2).all(|pair| pair[0] < latency || pair[1] >= latency), "{:?}", kinds);
    }
}
