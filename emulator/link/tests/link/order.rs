//! Packets stay in order unless the profile asks for something else.

use proptest::prelude::*;
use sluice_link::{Link, Weather};
use sluice_shared::link::{Direction, LinkProfile, Propagation, Share};

use crate::harness::{TestLink, arrivals, at_us, delivered, ms, profiles, run};

proptest! {
    #[test]
    fn packets_arrive_in_order_unless_the_profile_reorders(
        profile in profiles(), arrivals in arrivals(2_000, 200), seed in any::<u64>(),
    ) {
        let propagation = Propagation { late: Share::ZERO, jitter_reorders: false, ..profile.propagation };
        prop_assert!(!propagation.reorders());
        let profile = LinkProfile { propagation, ..profile };
        let mut link: TestLink = Link::new(profile, Weather::new(seed), Direction::Down);
        let fates = run(&mut link, arrivals);
        prop_assert!(delivered(&fates).is_sorted_by_key(|packet| (packet.id, packet.is_duplicate)));
    }
}

fn order_of(propagation: Propagation, count: u64) -> Vec<u64> {
    let profile = LinkProfile { propagation, ..LinkProfile::default() };
    let mut link: TestLink = Link::new(profile, Weather::new(4), Direction::Up);
    let fates = run(&mut link, (0..count).map(|n| (at_us(n * 1_000), 100)));
    delivered(&fates).iter().map(|packet| packet.id.0).collect()
}

#[test]
fn jitter_overtakes_only_when_asked() {
    let in_order = Propagation { delay: ms(20), jitter: ms(10), ..Propagation::default() };
    assert!(order_of(in_order, 1_000).is_sorted());
    let loose = Propagation { jitter_reorders: true, ..in_order };
    assert!(loose.reorders());
    assert!(!order_of(loose, 1_000).is_sorted());
}

#[test]
fn jitter_is_even_up_to_its_limit() {
    let propagation =
        Propagation { delay: ms(20), jitter: ms(10), jitter_reorders: true, ..Propagation::default() };
    let profile = LinkProfile { propagation, ..LinkProfile::default() };
    let mut link: TestLink = Link::new(profile, Weather::new(4), Direction::Up);
    let fates = run(&mut link, (0..100_000).map(|n| (at_us(n * 100), 100)));
    let extra: Vec<u64> = delivered(&fates)
        .iter()
        .map(|packet| packet.delivered_at.since(packet.queued_at + ms(20)).as_micros())
        .map(|micros| u64::try_from(micros).expect("small"))
        .collect();
    assert!(extra.iter().all(|micros| *micros <= 10_000));
    let mean = extra.iter().sum::<u64>() as f64 / extra.len() as f64;
    // 10,000 ÷ √12 is the deviation; 3 standard errors.
    assert!((mean - 5_000.0).abs() < 3.0 * 2_887.0 / (extra.len() as f64).sqrt(), "mean {mean}");
}

#[test]
fn a_straggler_is_overtaken_and_holds_nobody_up() {
    let propagation = Propagation {
        delay: ms(20),
        late: Share::from_percent(10),
        late_by: ms(5),
        ..Propagation::default()
    };
    let order = order_of(propagation, 10_000);
    let mut next = 0;
    let (mut stragglers, mut punctual) = (0u32, 0u32);
    for id in order {
        if id < next {
            stragglers += 1;
        } else {
            punctual += 1;
            next = id + 1;
        }
    }
    assert_eq!(stragglers + punctual, 10_000);
    // 3 standard deviations of 10,000 draws at 10 %: 90.
    assert!((910..=1_090).contains(&stragglers), "{stragglers} stragglers");
}

#[test]
fn a_duplicate_arrives_with_its_original() {
    let propagation = Propagation { delay: ms(20), duplicate: Share::ALL, ..Propagation::default() };
    assert_eq!(order_of(propagation, 3), [0, 0, 1, 1, 2, 2]);
    let propagation = Propagation { duplicate: Share::from_percent(5), ..propagation };
    let copies = order_of(propagation, 100_000).len() - 100_000;
    // 3 standard deviations of 100,000 draws at 5 %: 207.
    assert!((4_793..=5_207).contains(&copies), "{copies} copies");
}
