//! Whatever happens, every packet is delivered, dropped with a reason, or still inside; and a seed decides all.

use core::time::Duration;
use std::collections::BTreeMap;

use proptest::prelude::*;
use sluice_link::{DropReason, Fate, Link, Weather};
use sluice_shared::link::{ByteCount, Direction, LinkProfile};
use sluice_shared::time::Time;

use crate::harness::{
    TestLink, arrivals, delivered, drain, dropped, ended_at, finish, id_of, ms, profiles, run,
};

/// What a driver or a person may do to a link.
#[derive(Clone, Debug)]
enum Step {
    Packets { bytes: u64, count: u8 },
    Wait(Duration),
    Change(LinkProfile),
    Outage(Duration),
    Block(bool),
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3_000u64, 1..20u8).prop_map(|(bytes, count)| Step::Packets { bytes, count }),
        4 => (0..50_000u64).prop_map(|micros| Step::Wait(Duration::from_micros(micros))),
        1 => profiles().prop_map(Step::Change),
        1 => (0..50_000u64).prop_map(|micros| Step::Outage(Duration::from_micros(micros))),
        1 => any::<bool>().prop_map(Step::Block),
    ]
}

fn assert_balanced(link: &TestLink) {
    let (counters, held) = (link.counters(), link.levels());
    assert_eq!(
        counters.offered.packets + counters.duplicated.packets,
        counters.delivered.packets + counters.dropped().packets + held.queue.packets + held.wire.packets,
    );
    assert_eq!(
        counters.offered.bytes + counters.duplicated.bytes,
        counters.delivered.bytes + counters.dropped().bytes + held.queue.bytes + held.wire.bytes,
    );
    assert_eq!(held.queue.packets == 0, held.queue.oldest_age.is_none());
    assert_eq!(held.wire.packets == 0, held.wire.oldest_age.is_none());
}

fn play(link: &mut TestLink, steps: &[Step], weather: Weather) -> Vec<Fate<u64>> {
    let (mut now, mut number, mut fates) = (Time::ZERO, 0, Vec::new());
    for step in steps {
        match step.clone() {
            Step::Packets { bytes, count } => {
                for _ in 0..count {
                    link.handle_packet(number, ByteCount::new(bytes), now);
                    number += 1;
                }
            }
            Step::Wait(span) => now = now + span,
            Step::Change(profile) => link.set_profile(profile, Weather { since: now, ..weather }, now),
            Step::Outage(duration) => link.start_outage(duration, now),
            Step::Block(is_blocked) => link.block(is_blocked),
        }
        link.handle_timeout(now);
        assert_balanced(link);
        drain(link, now, &mut fates);
        assert_balanced(link);
    }
    finish(link, &mut fates);
    assert_balanced(link);
    fates
}

proptest! {
    #[test]
    fn every_packet_has_exactly_one_fate(
        profile in profiles(), steps in prop::collection::vec(steps(), 1..80), seed in any::<u64>(),
    ) {
        let weather = Weather::new(seed);
        let mut link: TestLink = Link::new(profile, weather, Direction::Down);
        let fates = play(&mut link, &steps, weather);
        prop_assert!(link.poll_timeout().is_none());
        let mut seen: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
        for fate in &fates {
            let is_copy = matches!(fate, Fate::Delivered(delivered) if delivered.is_duplicate);
            let (originals, copies) = seen.entry(id_of(fate).0).or_default();
            *(if is_copy { copies } else { originals }) += 1;
        }
        prop_assert_eq!(seen.len() as u64, link.counters().offered.packets);
        prop_assert!(seen.values().all(|(originals, copies)| *originals == 1 && *copies <= 1));
        prop_assert!(fates.is_sorted_by_key(ended_at), "fates come in the order of time");
        for fate in &fates {
            if let Fate::Delivered(delivered) = fate {
                prop_assert!(delivered.queued_at <= delivered.left_bottleneck_at);
                prop_assert!(delivered.left_bottleneck_at <= delivered.delivered_at);
                prop_assert_eq!(delivered.packet, delivered.id.0);
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_trace(
        profile in profiles(), steps in prop::collection::vec(steps(), 1..40), seed in any::<u64>(),
    ) {
        let weather = Weather::new(seed);
        let trace = || play(&mut Link::new(profile.clone(), weather, Direction::Up), &steps, weather);
        prop_assert_eq!(trace(), trace());
    }

    #[test]
    fn a_driver_that_wakes_late_sees_the_same_fates(
        profile in profiles(), arrivals in arrivals(5_000, 200), seed in any::<u64>(),
    ) {
        let mut link: TestLink = Link::new(profile.clone(), Weather::new(seed), Direction::Up);
        let mut punctual = run(&mut link, arrivals.iter().copied());
        let mut link: TestLink = Link::new(profile, Weather::new(seed), Direction::Up);
        for (number, (at, bytes)) in (0..).zip(&arrivals) {
            link.handle_packet(number, ByteCount::new(*bytes), *at);
        }
        let mut late = Vec::new();
        drain(&mut link, Time::from_millis(1_000_000), &mut late);
        // A punctual driver may see a drop and a delivery of one moment in the other order.
        for fates in [&mut punctual, &mut late] {
            fates.sort_by_key(|fate| (ended_at(fate), id_of(fate)));
        }
        prop_assert_eq!(punctual, late);
    }
}

#[test]
fn a_link_does_not_hold_more_than_it_may() {
    let mut link: TestLink = Link::new(LinkProfile::delayed(ms(100)), Weather::new(1), Direction::Up);
    let size = ByteCount::new(1 << 20);
    for number in 0..65 {
        link.handle_packet(number, size, Time::ZERO);
    }
    let mut fates = Vec::new();
    drain(&mut link, Time::ZERO, &mut fates);
    let reasons: Vec<_> = dropped(&fates).iter().map(|dropped| (dropped.id.0, dropped.reason)).collect();
    assert_eq!(reasons, [(64, DropReason::Overload)]);
    assert_eq!(link.levels().wire.bytes, TestLink::MAX_HELD);
    finish(&mut link, &mut fates);
    assert_eq!(delivered(&fates).len(), 64);

    for number in 0..=TestLink::MAX_HELD_PACKETS {
        link.handle_packet(number, ByteCount::ZERO, Time::from_millis(200));
    }
    assert_eq!(link.levels().wire.packets, TestLink::MAX_HELD_PACKETS);
    assert_eq!(link.counters().dropped_by_overload.packets, 2);
}
